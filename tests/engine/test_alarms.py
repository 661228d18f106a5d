"""What follows when a watcher is lost: findings, guards that count as broken, an abort before the outage, a message during it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.alarms import DEAD_MAN, GROUND, OBSERVER, SIGHT_S, WatchAlarms, Words
from drill.engine.record import Recorder
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Guard, Probe
from drill.model.wording import render
from tests.engine.drilling import DRILL, StageClock, phase_of, plan_of, step_of

PLAN = plan_of(phase_of("a", step_of("a.x"))).model_copy(
    update={
        "probes": (Probe(id="checkout", http="http://127.0.0.1/", every_s=0.1),),
        "guards": (
            Guard(id="orders", asks="probe", probe="checkout", misses=3),
            Guard(id="errors", asks="prometheus", url="http://127.0.0.1/", query="x", for_s=60.0),
        ),
    }
)


class FussyJournal(MemoryJournal):
    """Takes nothing while `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        if self.away:
            raise JournalBroken("the database does not answer.", code="J023")
        return super().append(drill, drafts, token=token)


@dataclass
class Post:
    """One drill that runs, and the alarms of its watchman."""

    journal: FussyJournal = field(default_factory=FussyJournal)
    warned: list[tuple[str, Words]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder = Recorder(DRILL, journal=self.journal, clock=StageClock())
        self.recorder.say(Kind.DRILL_PLANNED, "planned", plan=PLAN.model_dump(mode="json"), plan_digest="x", started_by="sre")
        self.recorder.say(Kind.DRILL_STARTED, "started")
        self.alarms = WatchAlarms(self.recorder, PLAN, warn=lambda reason, words: self.warned.append((reason, words)))

    def found(self) -> list[tuple[str, str]]:
        return [(fact.data["code"], fact.data["severity"]) for fact in self.facts(Kind.FINDING_RAISED)]

    def broken(self) -> list[str]:
        return [fact.data["guard"] for fact in self.facts(Kind.GUARD_BROKEN)]

    def aborts(self) -> list[str]:
        return [fact.data["channel"] for fact in self.facts(Kind.ABORT_REQUESTED)]

    def facts(self, kind: Kind) -> list[Fact]:
        return self.journal.read(DRILL, kinds=frozenset({kind}))

    def say(self, kind: Kind, **data: Any) -> None:
        self.recorder.say(kind, f"{kind}/{len(self.journal.read(DRILL))}", **data)

    def lost(self, for_s: float, ward: str = OBSERVER) -> None:
        self.alarms.lost(ward, "its process is gone")
        self.alarms.dark(ward, for_s)


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_loss_and_the_return_are_findings_and_break_no_guard(post: Post) -> None:
    post.lost(3.0)
    post.alarms.back(OBSERVER, 4.0)

    assert post.found() == [("D511", "warning"), ("D512", "info")]
    assert post.broken() == post.aborts() == []


def test_a_guard_out_of_sight_for_too_long_counts_as_broken_once(post: Post) -> None:
    post.lost(SIGHT_S + 0.5)
    post.alarms.dark(OBSERVER, SIGHT_S + 1.0)

    assert post.broken() == ["orders"]
    assert post.aborts() == ["guard"]
    assert post.facts(Kind.GUARD_BROKEN)[0].data["detail"] == "lost sight of it for 10.5 s: the observer is gone"


def test_a_guard_that_may_be_unseen_longer_by_its_own_rule_breaks_later(post: Post) -> None:
    post.say(Kind.ABORT_REQUESTED, reason="so that nothing breaks", channel="cli")
    post.say(Kind.DRILL_HELD, reason="x", left=[])
    post.lost(SIGHT_S + 1)
    post.say(Kind.OPERATOR_DECIDED, verb="proceed", subject="")

    post.alarms.dark(OBSERVER, 61.0)

    assert sorted(post.broken()) == ["errors", "orders"]


def test_every_guard_breaks_when_no_observer_can_be_had(post: Post) -> None:
    post.lost(1.0)
    post.alarms.given_up(OBSERVER, "it ended as soon as it was started", 5)
    post.alarms.dark(OBSERVER, 2.0)
    post.alarms.dark(OBSERVER, 2.5)

    assert sorted(post.broken()) == ["errors", "orders"]
    assert post.found()[-1] == ("D513", "error")


@pytest.mark.parametrize("kind", [Kind.DRILL_HELD, Kind.FAILBACK_STARTED])
def test_on_hold_and_after_the_verdict_no_guard_breaks(post: Post, kind: Kind) -> None:
    post.say(kind, **({"reason": "x", "left": []} if kind is Kind.DRILL_HELD else {}))

    post.lost(100.0)

    assert post.broken() == post.aborts() == []


def test_a_second_darkness_breaks_the_guards_again(post: Post) -> None:
    post.lost(11.0)
    post.alarms.back(OBSERVER, 12.0)
    post.say(Kind.DRILL_HELD, reason="x", left=[])
    post.say(Kind.OPERATOR_DECIDED, verb="proceed", subject="")

    post.lost(11.0)

    assert post.broken() == ["orders", "orders"]
    assert len(post.aborts()) == 2


def test_without_a_dead_man_a_drill_is_stopped_before_the_outage(post: Post) -> None:
    post.lost(1.0, DEAD_MAN)
    post.alarms.given_up(DEAD_MAN, "it ended as soon as it was started", 5)
    post.alarms.dark(DEAD_MAN, 2.0)

    assert post.found() == [("D514", "warning"), ("D516", "error")]
    assert post.aborts() == ["engine"]
    assert post.warned == []


def test_without_a_dead_man_in_the_outage_everyone_is_told_in_a_text_that_carriers_take(post: Post) -> None:
    post.say(Kind.UNDO_REGISTERED, phase="a", step="a.x", undo={"undo": "restore"})
    post.lost(1.0, DEAD_MAN)
    post.alarms.given_up(DEAD_MAN, "it ended as soon as it was started", 5)
    for _ in range(3):
        post.alarms.dark(DEAD_MAN, 2.0)

    ((_, words),) = post.warned
    assert post.aborts() == []
    assert "without its dead man" in render("status", "en", {"drill": "Friday", **words["en"]})
    assert render("status", "zh", {"drill": "周五", **words["zh"]})


def test_what_the_journal_cannot_take_now_is_written_later_in_its_order(post: Post) -> None:
    post.journal.away = True
    post.alarms.lost(OBSERVER, "its process is gone")
    post.alarms.given_up(OBSERVER, "it ended as soon as it was started", 5)
    post.journal.away = False

    post.alarms.dark(OBSERVER, 3.0)

    assert [code for code, _ in post.found()] == ["D511", "D513"]
    assert sorted(post.broken()) == ["errors", "orders"]


def test_a_journal_that_is_anothers_by_now_ends_the_watch(post: Post) -> None:
    stale = post.journal.take_token(DRILL)
    recorder = Recorder(DRILL, journal=post.journal, clock=StageClock(), token=stale)
    post.journal.take_token(DRILL)

    with pytest.raises(JournalBroken) as refused:
        WatchAlarms(recorder, PLAN, warn=lambda _reason, _words: None).lost(OBSERVER, "its process is gone")

    assert not refused.value.transient


def test_a_drill_whose_ground_is_gone_is_told_once_and_asked_to_end(post: Post) -> None:
    post.alarms.lost(GROUND, "its process is gone")
    post.alarms.given_up(GROUND, "its process is gone", 0)
    for _ in range(2):
        post.alarms.dark(GROUND, 1.0)

    assert post.found() == [("D519", "error")]
    assert post.aborts() == ["ground"]
