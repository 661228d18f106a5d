"""The detection step: takes the notice of this outage by this probe, and says when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Retryable
from drill.model.events import Draft, Fact, Kind, seal
from drill.steps.base import registry
from drill.steps.detect_heartbeat import DetectHeartbeat, DetectHeartbeatParams
from tests.fakes import FakeAttempt, fake_world

START = datetime(2027, 1, 1, tzinfo=UTC)
PARAMS = DetectHeartbeatParams.model_validate({"probe": "heartbeat", "every": "500ms", "misses": 3})


def fact(seq: int, kind: Kind, at_s: float, *, epoch: str = "boot-1-1", **data: Any) -> Fact:
    return seal("drill-1", seq, Draft(kind, "engine", f"k/{seq}", data, START + timedelta(seconds=at_s), at_s, epoch), "0" * 64)


def injected(seq: int, at_s: float, epoch: str = "boot-1-1") -> Fact:
    return fact(seq, Kind.OUTAGE_INJECTED, at_s, epoch=epoch, site="primary", method="blackhole", step="outage.blackhole")


def detected(seq: int, at_s: float, probe: str = "heartbeat", epoch: str = "boot-2-2") -> Fact:
    return fact(seq, Kind.OUTAGE_DETECTED, at_s, epoch=epoch, probe=probe, misses=3)


def attempt_with(*facts: Fact) -> FakeAttempt:
    attempt = FakeAttempt(step="detect.heartbeat")
    attempt.facts.extend(facts)
    return attempt


def test_the_kind_is_found_by_the_registry_and_changes_nothing() -> None:
    assert isinstance(registry()["detect.heartbeat"], DetectHeartbeat)
    assert DetectHeartbeat().preview(PARAMS, fake_world()) == []


def test_the_time_from_outage_to_notice_is_put_out_with_the_bound() -> None:
    outputs = DetectHeartbeat().run(PARAMS, fake_world(), attempt_with(injected(1, 10.0), detected(2, 11.25)))

    assert outputs == {"detected_after_s": 1.25, "misses": 3, "bound_s": 1.5}


def test_a_notice_from_before_the_outage_or_of_another_probe_does_not_count() -> None:
    attempt = attempt_with(detected(1, 5.0), injected(2, 10.0), detected(3, 10.5, probe="other"), detected(4, 11.0))

    assert DetectHeartbeat().run(PARAMS, fake_world(), attempt)["detected_after_s"] == 1.0


def test_over_a_reboot_the_wall_clock_measures() -> None:
    noticed = fact(2, Kind.OUTAGE_DETECTED, 12.0, epoch="other-1-1", probe="heartbeat", misses=3)

    assert DetectHeartbeat().run(PARAMS, fake_world(), attempt_with(injected(1, 10.0), noticed))["detected_after_s"] == 2.0


def test_an_outage_that_nobody_noticed_names_the_probe_and_the_time() -> None:
    with pytest.raises(Retryable, match="'heartbeat' did not notice the outage within 1m") as failed:
        DetectHeartbeat().run(PARAMS, fake_world(), attempt_with(injected(1, 10.0)))

    assert failed.value.code == "A161"


def test_a_stopped_wait_is_told_as_it_is() -> None:
    attempt = attempt_with(injected(1, 10.0))
    attempt.stop = True

    with pytest.raises(Retryable) as failed:
        DetectHeartbeat().run(PARAMS, fake_world(), attempt)

    assert failed.value.code == "A190"


@pytest.mark.parametrize("wrong", [{"misses": 1}, {"every": "0s"}, {"every": 3}, {"within": "0s"}, {"probe": None}])
def test_a_detector_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DetectHeartbeatParams.model_validate({"probe": "heartbeat"} | wrong)
