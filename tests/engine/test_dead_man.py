"""The dead man: ends an outage that nobody is left to end, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.model.errors import JournalBroken, Retryable
from drill.model.events import Draft, Fact, Kind
from tests.engine.drilling import DRILL
from tests.engine.night import LIMIT_S, Night


@pytest.fixture
def night() -> Night:
    """An engine that has cut the site off and died."""
    night = Night()
    night.tried("outage.blackhole")
    return night


def test_an_outage_ends_only_after_the_limit_and_by_then_at_once(night: Night) -> None:
    assert night.man().watch()

    assert LIMIT_S < night.clock.at_s - night.last_beat_s < LIMIT_S + 2
    assert night.undone() == ["outage.blackhole"]
    (asked,) = night.facts(Kind.ABORT_REQUESTED)
    assert (asked.by, asked.data["channel"]) == ("dead-man", "dead-man")
    assert asked.data["reason"] == "the engine gave no sign of life for 1m"
    assert [fact.data["step"] for fact in night.facts(Kind.UNDO_DONE)] == ["outage.blackhole"]


def test_while_the_engine_beats_nothing_is_lifted(night: Night) -> None:
    night.beats = True
    night.finish_later(20 * LIMIT_S)

    assert not night.man().watch()
    assert night.undone() == []


def test_an_engine_that_comes_back_in_time_starts_the_count_anew(night: Night) -> None:
    def beat() -> None:
        night.last_beat_s = night.clock.at_s

    night.clock.after(LIMIT_S - 5, beat)
    began_s = night.clock.at_s

    assert night.man().watch()
    assert night.clock.at_s - began_s > 2 * LIMIT_S - 10


def test_without_an_outage_there_is_nothing_to_end() -> None:
    night = Night()
    night.finish_later(10 * LIMIT_S)

    assert not night.man().watch()
    assert [fact.kind for fact in night.facts(Kind.LEASE_TAKEN, Kind.ABORT_REQUESTED)] == []


def test_an_outage_that_the_way_home_has_ended_is_none(night: Night) -> None:
    night.tried("home.revive")
    night.finish_later(10 * LIMIT_S)

    assert not night.man().watch()
    assert night.undone() == []


def test_the_lease_is_taken_first_so_that_the_old_engine_can_write_nothing_more(night: Night) -> None:
    night.man().watch()

    kinds = [fact.kind for fact in night.facts() if fact.by == "dead-man"]
    assert kinds[:2] == [Kind.LEASE_TAKEN, Kind.ABORT_REQUESTED]
    assert Kind.UNDO_DONE in kinds
    with pytest.raises(JournalBroken) as refused:
        night.tried("rest.switch")
    assert refused.value.code == "J010"


def test_a_fence_a_name_and_what_was_built_are_never_touched(night: Night) -> None:
    for step in ("data.fence", "rest.switch", "rest.capacity"):
        night.tried(step)

    assert night.man().watch()
    assert night.undone() == ["outage.blackhole"]


def test_before_a_promote_an_unfenced_site_is_given_back(night: Night) -> None:
    night.tried("data.fence", ended=False)

    assert night.man().watch()
    assert night.undone() == ["outage.blackhole"]


def test_after_a_promote_a_fenced_site_is_given_back(night: Night) -> None:
    night.tried("data.fence")
    night.tried("data.promote", ended=False)

    assert night.man().watch()
    assert night.undone() == ["outage.blackhole"]


def _fence_not_tried(_night: Night) -> None:
    """Nobody fenced."""


def _fence_running(night: Night) -> None:
    night.tried("data.fence", ended=False)


def _fence_taken_back(night: Night) -> None:
    night.tried("data.fence")
    night.engine.say(Kind.UNDO_DONE, "data.fence/undone", phase="data", step="data.fence")


@pytest.mark.parametrize("fence", [_fence_not_tried, _fence_running, _fence_taken_back])
def test_once_a_promote_has_started_an_unfenced_site_stays_cut_off_and_a_person_is_told(
    night: Night, fence: Callable[[Night], None]
) -> None:
    fence(night)
    night.tried("data.promote", ended=False)

    assert night.man().watch()

    assert night.undone() == []
    (found,) = night.facts(Kind.FINDING_RAISED)
    assert (found.data["code"], found.data["severity"]) == ("D510", "error")
    assert found.data["what"].startswith("the isolation of primary stays")
    assert len(night.facts(Kind.ABORT_REQUESTED)) == 1


def test_an_outage_that_cannot_be_lifted_is_tried_again_until_it_is(night: Night) -> None:
    night.kinds["lose"].undo_script["outage.blackhole"] = [Retryable("the region's API is away") for _ in range(7)]

    assert night.man().watch()
    assert len(night.facts(Kind.UNDO_DONE)) == 1
    assert len(night.facts(Kind.LEASE_TAKEN)) == 1


def test_a_drill_that_ends_ends_its_dead_man(night: Night) -> None:
    night.finish_later(30)

    assert not night.man().watch()
    assert night.clock.at_s - night.last_beat_s < 32


def test_on_hold_nobody_misses_the_engine_and_going_on_starts_the_count_anew(night: Night) -> None:
    night.engine.say(Kind.ABORT_REQUESTED, "abort/1", reason="asked to", channel="cli", hold=True)
    night.engine.say(Kind.DRILL_HELD, "held/1", reason="asked to", left=[])
    began_s = night.clock.at_s

    def proceed() -> None:
        night.engine.say(Kind.OPERATOR_DECIDED, "operator/1", by="person:operator", verb="proceed", subject=DRILL)

    night.clock.after(10 * LIMIT_S, proceed)

    assert night.man().watch()
    assert night.clock.at_s - began_s >= 11 * LIMIT_S - 1


def test_a_journal_that_cannot_be_used_for_a_while_only_delays_the_dead_man() -> None:
    class AwayForAWhile(MemoryJournal):
        refusals = 0

        def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
            if self.refusals:
                self.refusals -= 1
                raise JournalBroken("the journal cannot be used: the disk is full.", code="J020")
            return super().append(drill, drafts, token=token)

    journal = AwayForAWhile()
    night = Night(journal=journal)
    night.tried("outage.blackhole")
    journal.refusals = 5

    assert night.man().watch()
    assert night.undone()[-1] == "outage.blackhole"
    assert len(night.facts(Kind.UNDO_DONE)) == 1


def test_an_engine_that_is_resumed_while_the_outage_cannot_be_lifted_has_the_drill_again(night: Night) -> None:
    undos = night.kinds["lose"].undo_script["outage.blackhole"] = [Retryable("the region's API is away") for _ in range(99)]

    def resume() -> None:
        night.journal.take_token(DRILL)
        night.beats = True
        night.finish_later(LIMIT_S)

    night.clock.after(LIMIT_S + 20, resume)

    assert not night.man().watch()
    assert night.facts(Kind.UNDO_DONE) == []
    assert len(undos) > 0
