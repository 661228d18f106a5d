"""An experiment that the team wrote is started once, as it was announced, and stopped on the way back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.outage_aws_fis import Experiment, FisOutage
from drill.model.errors import Fatal
from tests.clouds.fis_service import FisService, fis_service
from tests.clouds.outage_calls import OPT_IN

TEMPLATE: dict[str, Any] = {
    "id": "EXT1",
    "tags": {"drill": "allowed"},
    "actions": {"cut": {"actionId": "aws:network:disrupt-connectivity"}},
    "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:x:1:alarm:stop"}],
    "targets": {},
}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FisService]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with fis_service() as found:
        found.templates["EXT1"] = dict(TEMPLATE)
        yield found


@pytest.fixture
def outage(service: FisService) -> Callable[[], FisOutage]:
    """Makes an outage as a freshly started engine does."""
    clients = functools.cache(lambda region: AwsClients(region, lambda _service: service.endpoint))
    return lambda: FisOutage({"primary": Experiment("ap-southeast-1", "EXT1", OPT_IN)}, clients, poll_s=0.01)


def test_it_is_announced_started_and_stopped(service: FisService, outage: Callable[[], FisOutage]) -> None:
    (effect,) = outage().preview("primary")
    assert (effect.target, effect.tags["drill"]) == ("primary/EXT1", "allowed")
    assert "disrupt-connectivity" in effect.detail
    assert not outage().isolated("primary")

    found = outage().isolate("primary", outage().snapshot("primary"))
    assert found["method"] == "fis"
    assert outage().isolated("primary")
    assert outage().preview("primary") == []

    for _ in range(2):
        outage().restore("primary", {})
    assert not outage().isolated("primary")
    assert service.calls == ["POST experiments", "DELETE experiments"]


def test_a_second_try_after_a_crash_starts_no_second_experiment(service: FisService, outage: Callable[[], FisOutage]) -> None:
    snapshot = outage().snapshot("primary")

    outage().isolate("primary", snapshot)
    outage().isolate("primary", snapshot)

    assert len(service.experiments) == 1


def test_the_next_drill_starts_an_experiment_of_its_own(service: FisService, outage: Callable[[], FisOutage]) -> None:
    for _ in range(2):
        outage().isolate("primary", outage().snapshot("primary"))
        outage().restore("primary", {})

    assert len(service.experiments) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tags": {}}, "A213"),
        ({"actions": {"cut": {"actionId": "aws:ec2:terminate-instances"}}}, "A214"),
    ],
)
def test_a_template_that_is_not_as_announced_is_not_started(
    service: FisService, outage: Callable[[], FisOutage], change: dict[str, Any], code: str
) -> None:
    snapshot = outage().snapshot("primary")
    service.templates["EXT1"] |= change

    with pytest.raises(Fatal) as refused:
        outage().isolate("primary", snapshot)

    assert refused.value.code == code
    assert service.calls == []


def test_a_template_without_a_stop_condition_is_refused(service: FisService, outage: Callable[[], FisOutage]) -> None:
    service.templates["EXT1"]["stopConditions"] = [{"source": "none"}]

    with pytest.raises(Fatal) as refused:
        outage().isolate("primary", outage().snapshot("primary"))

    assert refused.value.code == "A222"


def test_an_experiment_that_fails_at_once_is_no_outage(service: FisService, outage: Callable[[], FisOutage]) -> None:
    service.fails_at_once = True

    with pytest.raises(Fatal) as refused:
        outage().isolate("primary", outage().snapshot("primary"))

    assert refused.value.code == "A222"


def test_a_template_that_is_gone_is_named(service: FisService, outage: Callable[[], FisOutage]) -> None:
    service.templates.clear()

    with pytest.raises(Fatal) as refused:
        outage().preview("primary")

    assert refused.value.code == "A214"
