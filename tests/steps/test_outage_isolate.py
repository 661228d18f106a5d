"""An outage can always be taken back, is witnessed once, and says what it will cut."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.events import Kind
from drill.steps.base import registry
from drill.steps.outage_isolate import OutageIsolate, OutageIsolateParams
from tests.fakes import FakeAttempt, FakeClock, FakeOutage, fake_world

PRIMARY = OutageIsolateParams(site="primary")


def world(outage: FakeOutage) -> Any:
    return fake_world(outage=outage, clock=FakeClock())


def test_the_way_back_is_written_down_before_the_cut() -> None:
    class Broken(FakeOutage):
        def isolate(self, site: str, snapshot: Any = None) -> Any:
            raise RuntimeError("the engine died here")

    attempt = FakeAttempt(step="outage.blackhole")

    with pytest.raises(RuntimeError):
        OutageIsolate().run(PRIMARY, world(Broken({"primary": ["postgres"]})), attempt)

    assert attempt.registered_undo() == {"undo": "restore", "site": "primary"}


def test_the_cut_is_witnessed_under_one_key_however_often_it_is_tried() -> None:
    outage = FakeOutage({"primary": ["postgres"]})
    tries = [FakeAttempt(step="outage.blackhole", number=number) for number in (1, 2)]

    outputs = [OutageIsolate().run(PRIMARY, world(outage), attempt) for attempt in tries]

    assert outputs[0] == outputs[1] == {"site": "primary", "method": "freeze"}
    keys = {key for attempt in tries for _, key, _ in attempt.witnessed}
    assert keys == {"outage.blackhole/OutageInjected"}
    kind, _, fields = tries[0].witnessed[0]
    assert kind is Kind.OUTAGE_INJECTED
    assert (fields["site"], fields["method"], fields["step"]) == ("primary", "freeze", "outage.blackhole")


def test_undoing_gives_the_site_back_and_says_so() -> None:
    outage = FakeOutage({"primary": ["postgres"]})
    attempt = FakeAttempt(step="outage.blackhole")
    OutageIsolate().run(PRIMARY, world(outage), attempt)

    for _ in range(2):
        OutageIsolate().undo(PRIMARY, world(outage), attempt, attempt.registered_undo() or {})

    assert outage.cut == []
    assert attempt.witnessed[-1] == (Kind.OUTAGE_ENDED, "outage.blackhole/OutageEnded", {"site": "primary"})


def test_the_preview_lists_each_part_of_the_site_marked_as_outage_and_nothing_once_it_is_cut() -> None:
    outage = FakeOutage({"primary": ["postgres", "a1"]})

    before = OutageIsolate().preview(PRIMARY, world(outage))
    outage.isolate("primary")
    after = OutageIsolate().preview(PRIMARY, world(outage))

    assert [effect.target for effect in before] == ["primary/postgres", "primary/a1"]
    assert all("outage" in effect.marks for effect in before)
    assert after == []


def test_a_site_that_is_cut_off_already_stops_the_preflight_and_one_that_stays_so_is_left_over() -> None:
    outage = FakeOutage({"primary": []})
    step = OutageIsolate()
    assert step.ready(PRIMARY, world(outage)) == step.leftovers(PRIMARY, world(outage), "d", "s") == []

    outage.isolate("primary")

    assert step.ready(PRIMARY, world(outage)) == ["primary is cut off already"]
    assert step.leftovers(PRIMARY, world(outage), "d", "s") == ["primary is still cut off"]


def test_it_is_found_by_its_kind() -> None:
    assert isinstance(registry()["outage.isolate"], OutageIsolate)
