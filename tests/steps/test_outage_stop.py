"""Every way to take a site away writes down how it was, hands that back, and says what it spared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.model.events import Fact, Kind
from drill.steps.base import registry
from drill.steps.outage_fis import OutageFis
from drill.steps.outage_isolate import OutageIsolate, OutageIsolateParams
from drill.steps.outage_restore import OutageRestore, OutageRestoreParams
from drill.steps.outage_stop import OutageStop
from tests.fakes import FakeAttempt, FakeClock, FakeOutage, fake_world

PRIMARY = OutageIsolateParams(site="primary")
HOW_IT_WAS = {"parts": ["a1", "a2"]}
WAYS = [(OutageIsolate(), ""), (OutageStop(), "stop"), (OutageFis(), "fis")]


def exact() -> FakeOutage:
    return FakeOutage({"primary": ["a1", "a2"]}, exact=["primary"])


def world(outage: FakeOutage, way: str = "") -> Any:
    return fake_world(outage=exact() if way else outage, outages={way: outage} if way else {}, clock=FakeClock())


@pytest.mark.parametrize(("step", "way"), WAYS)
def test_how_the_site_was_is_written_down_before_the_cut_and_handed_to_it(step: OutageIsolate, way: str) -> None:
    outage, attempt = exact(), FakeAttempt(step="outage.cut")

    step.run(PRIMARY, world(outage, way), attempt)

    undo = attempt.registered_undo() or {}
    assert (undo["snapshot"], undo.get("way", "")) == (HOW_IT_WAS, way)
    assert outage.handed == [HOW_IT_WAS]


@pytest.mark.parametrize(("step", "way"), WAYS)
def test_an_undo_hands_back_how_the_site_was(step: OutageIsolate, way: str) -> None:
    outage, attempt = exact(), FakeAttempt(step="outage.cut")
    step.run(PRIMARY, world(outage, way), attempt)

    step.undo(PRIMARY, world(outage, way), attempt, attempt.registered_undo() or {})

    assert outage.handed[-1] == HOW_IT_WAS
    assert outage.cut == []


def test_a_second_try_after_a_crash_keeps_the_first_snapshot() -> None:
    class Changed(FakeOutage):
        def snapshot(self, site: str) -> Any:
            return {"parts": ["cut already"]}

    outage = Changed({"primary": ["a1"]}, exact=["primary"])

    OutageIsolate().run(PRIMARY, world(outage), FakeAttempt(undo={"undo": "restore", "site": "primary", "snapshot": HOW_IT_WAS}))

    assert outage.handed == [HOW_IT_WAS]


@pytest.mark.parametrize("way", ["", "stop", "fis"])
def test_giving_a_site_back_uses_the_way_and_the_snapshot_of_the_step_that_cut_it(way: str) -> None:
    outage = exact()
    outage.isolate("primary")
    attempt = FakeAttempt(step="home.revive")
    attempt.facts = [written_down("outage.other", {"undo": "restore", "snapshot": {}}), written_down("outage.cut", how(way))]

    OutageRestore().run(OutageRestoreParams(of="outage.cut", site="primary"), world(outage, way), attempt)

    assert outage.handed[-1] == HOW_IT_WAS
    assert outage.cut == []


def how(way: str) -> dict[str, Any]:
    return {"undo": "restore", "site": "primary", "snapshot": HOW_IT_WAS, **({"way": way} if way else {})}


def written_down(step: str, undo: dict[str, Any]) -> Fact:
    data = {"phase": "outage", "step": step, "undo": undo}
    return Fact("drill-1", 1, datetime(2026, 1, 1, tzinfo=UTC), 0.0, "e", "engine", Kind.UNDO_REGISTERED, f"{step}/undo", data, "")


def test_what_an_outage_spares_becomes_a_finding_of_the_report() -> None:
    attempt = FakeAttempt(step="outage.cut")

    OutageIsolate().run(PRIMARY, world(exact()), attempt)

    kind, key, fields = attempt.witnessed[-1]
    assert (kind, key, fields["code"], fields["severity"]) == (Kind.FINDING_RAISED, "outage.cut/not-cut", "D530", "info")
    assert "the object store" in fields["what"]


def test_a_way_that_the_providers_lack_is_refused_before_anything_is_touched() -> None:
    attempt = FakeAttempt()

    with pytest.raises(Fatal) as refused:
        OutageStop().run(PRIMARY, fake_world(outage=exact(), clock=FakeClock()), attempt)

    assert refused.value.code == "A217"
    assert attempt.registered_undo() is None


def test_they_are_found_by_their_kinds() -> None:
    assert isinstance(registry()["outage.stop"], OutageStop)
    assert isinstance(registry()["outage.fis"], OutageFis)
