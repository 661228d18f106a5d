"""Ends of partitions, asked of the brokers that Kafka's own client library carries for tests: the wire is real."""

from __future__ import annotations

import sys
import time

import pytest

from drill.adapters.kafka_ends import KafkaEnds
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable
from drill.model.ports import KafkaAccess
from drill.steps.base import registry
from tests.adapters.kafka_cluster import Cluster
from tests.adapters.pg_pair import free_port
from tests.fakes import FakeAttempt, FakeClock, FakeSecrets, fake_world
from tests.fakes_own import fake_own


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def kafka() -> KafkaEnds:
    return KafkaEnds(SecretValues(FakeSecrets({})))


def test_ends_times_and_what_a_group_has_read(cluster: Cluster) -> None:
    cluster.put("orders", 5, at_s=1_800_000_000.5)
    cluster.read_up_to("orders", 3, group="shop")

    found = kafka().ends(cluster.access, ["orders"], group="shop", newest=True, timeout_s=20)

    assert found is not None
    first, *others = found
    assert (first.next_offset, first.newest_s, first.committed) == (5, 1_800_000_000.5, 3)
    assert all((row.next_offset, row.newest_s, row.committed) == (0, None, None) for row in others)


def test_looking_commits_nothing(cluster: Cluster) -> None:
    cluster.put("orders", 5, at_s=1_800_000_000)

    for _ in range(2):
        found = kafka().ends(cluster.access, ["orders"], group="shop", newest=True, timeout_s=20)
        assert found is not None
        assert found[0].committed is None


def test_nobody_there_is_no_answer_in_time() -> None:
    begun_s = time.monotonic()

    with pytest.raises(Retryable, match="gives no answer") as failed:
        kafka().ends(KafkaAccess(f"127.0.0.1:{free_port()}"), ["orders"], group="shop", newest=False, timeout_s=1)

    assert failed.value.code == "A182"
    assert time.monotonic() - begun_s < 15


def test_a_setting_that_does_not_exist_is_told() -> None:
    with pytest.raises(Fatal, match="not right") as failed:
        kafka().ends(KafkaAccess("127.0.0.1:1", {"no.such.setting": "1"}), ["orders"], group="", newest=False, timeout_s=1)

    assert failed.value.code == "A288"


def test_without_the_client_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)

    with pytest.raises(Fatal, match="there is no Kafka client here") as failed:
        kafka().ends(KafkaAccess("127.0.0.1:1"), ["orders"], group="", newest=False, timeout_s=1)

    assert failed.value.code == "A289"
    assert "dr-drill[kafka]" in failed.value.fix


def test_a_mirror_that_stopped_is_noticed(cluster: Cluster) -> None:
    step = registry()["verify.kafka"]
    world = fake_world(own=fake_own(queues=kafka()), clock=FakeClock())
    written = {"cluster": {"bootstrap": cluster.access.bootstrap}, "mirror": {"bootstrap": cluster.access.bootstrap}}
    params = step.params.model_validate({**written, "topics": ["orders"], "prefix": "a.", "until": "0s"})
    cluster.put("orders", 2, at_s=1_800_000_000)
    cluster.put("a.orders", 2, at_s=1_800_000_000)

    assert step.run(params, world, FakeAttempt())["lag_s"] == 0.0
    cluster.put("orders", 1, at_s=1_800_000_060)
    with pytest.raises(Retryable, match="1m behind, more than 5s"):
        step.run(params, world, FakeAttempt())


def test_a_topic_that_is_not_there_is_told(cluster: Cluster) -> None:
    with pytest.raises(Fatal, match="refuses") as failed:
        kafka().ends(cluster.access, ["no topic has spaces"], group="", newest=False, timeout_s=5)

    assert failed.value.code == "A288"
