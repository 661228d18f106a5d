"""What drivers and tools raise or print comes out as one of our errors, and says whether trying again can help."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException

from drill.adapters.checks_postgres import PostgresQuestions
from drill.adapters.kafka_ends import KafkaEnds
from drill.adapters.secret_values import SecretValues
from drill.adapters.terraform_plan import plan_of
from drill.adapters.terraform_process import Ended
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports import DatabaseAccess, KafkaAccess
from tests.fakes import FakeSecrets

VALUES = SecretValues(FakeSecrets({"PASSWORD": "hunter22"}))


def state(code: str) -> psycopg.Error:
    """What the driver raises for an answer of the server."""
    return psycopg.errors.lookup(code)("in its words, hunter22")


@pytest.mark.parametrize(
    ("error", "sort", "code"),
    [
        (psycopg.OperationalError("could not connect"), Retryable, "A181"),
        (psycopg.errors.ConnectionTimeout("no answer"), Retryable, "A181"),
        (state("08006"), Retryable, "A181"),
        (state("57P01"), Retryable, "A181"),
        (state("57P03"), Retryable, "A181"),
        (state("53300"), Retryable, "A181"),
        (state("57014"), Retryable, "A181"),
        (state("40001"), Retryable, "A181"),
        (state("28P01"), Fatal, "A287"),
        (state("42501"), Fatal, "A287"),
        (state("3D000"), Fatal, "A287"),
        (state("25006"), Fatal, "A287"),
        (state("42601"), Fatal, "A287"),
        (psycopg.ProgrammingError("missing '='"), Fatal, "A287"),
        (psycopg.DataError("date too large"), Fatal, "A287"),
        (psycopg.InterfaceError("the connection is closed"), Fatal, "A287"),
        (psycopg.NotSupportedError("no such thing"), Fatal, "A287"),
    ],
    ids=lambda value: value.sqlstate or type(value).__name__ if isinstance(value, psycopg.Error) else "",
)
def test_what_postgresql_and_its_driver_say(monkeypatch: pytest.MonkeyPatch, error: Exception, sort: type[StepError], code: str) -> None:
    def refuse(*_arguments: object, **_settings: object) -> None:
        raise error

    monkeypatch.setattr(psycopg, "connect", refuse)
    VALUES.filled("secret:PASSWORD")

    with pytest.raises(sort) as caught:
        PostgresQuestions(VALUES).ask(DatabaseAccess("127.0.0.1", 5432, "drill", "shop", Path("/")), "select 1", timeout_s=1)

    assert caught.value.code == code
    assert caught.value.fix
    assert "hunter22" not in str(caught.value)


class Broken:
    """A Kafka client that fails at one of its calls, or at one partition of an answer."""

    def __init__(self, at: str, error: KafkaError) -> None:
        self._at = at
        self._error = error

    def list_topics(self, topic: str, **_asked: Any) -> Any:
        self._fail("list_topics")
        row = SimpleNamespace(partitions={0: None}, error=self._error if self._at == "topic" else None)
        return SimpleNamespace(topics={topic: row})

    def committed(self, places: list[Any], **_asked: Any) -> Any:
        self._fail("committed")
        error = self._error if self._at == "partition" else None
        return [SimpleNamespace(partition=place.partition, offset=-1001, error=error) for place in places]

    def get_watermark_offsets(self, _place: Any, **_asked: Any) -> tuple[int, int]:
        self._fail("get_watermark_offsets")
        return 0, 5

    def close(self) -> None:
        """Nothing is open."""

    def _fail(self, at: str) -> None:
        if at == self._at:
            raise KafkaException(self._error)


def ends(monkeypatch: pytest.MonkeyPatch, at: str, code: int) -> Any:
    monkeypatch.setattr(confluent_kafka, "Consumer", lambda *_settings, **_more: Broken(at, KafkaError(code)))
    return KafkaEnds(VALUES).ends(KafkaAccess("127.0.0.1:9092"), ["orders"], group="shop", newest=False, timeout_s=1)


@pytest.mark.parametrize("at", ["list_topics", "topic", "committed", "partition", "get_watermark_offsets"])
@pytest.mark.parametrize(
    ("error", "sort", "code"),
    [
        (KafkaError._TRANSPORT, Retryable, "A182"),
        (KafkaError._TIMED_OUT, Retryable, "A182"),
        (KafkaError._ALL_BROKERS_DOWN, Retryable, "A182"),
        (KafkaError.LEADER_NOT_AVAILABLE, Retryable, "A182"),
        (KafkaError.COORDINATOR_NOT_AVAILABLE, Retryable, "A182"),
        (KafkaError.THROTTLING_QUOTA_EXCEEDED, Retryable, "A182"),
        (KafkaError._AUTHENTICATION, Fatal, "A288"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, Fatal, "A288"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Fatal, "A288"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, Fatal, "A288"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, Fatal, "A288"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Fatal, "A288"),
        (KafkaError.TOPIC_EXCEPTION, Fatal, "A288"),
    ],
    ids=lambda value: KafkaError(value).name() if isinstance(value, int) else "",
)
def test_what_kafka_and_its_client_say(monkeypatch: pytest.MonkeyPatch, at: str, error: int, sort: type[StepError], code: str) -> None:
    with pytest.raises(sort) as caught:
        ends(monkeypatch, at, error)

    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize(
    "printed",
    [
        {"format_version": "9.0", "resource_changes": [{"mode": "managed"}]},
        {"format_version": "9.0", "resource_changes": "none"},
        {"format_version": "9.0", "output_changes": {"urls": {}}},
        {"format_version": "9.0", "output_changes": []},
        {"format_version": "9.0", "resource_drift": [{"address": "a"}]},
        {"format_version": "9.0", "configuration": {"provider_config": {"aws": None}}},
        {"diagnostics": []},
    ],
)
def test_a_plan_of_another_form_is_refused(printed: dict[str, Any]) -> None:
    with pytest.raises(Fatal) as caught:
        plan_of(Ended(0, stopped=False, events=(printed,), stderr=""), "0" * 64)

    assert caught.value.code == "A241"
