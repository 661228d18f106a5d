"""Guards while a drill is watched: what breaks one ends the drill at once, until the verdict and no longer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from drill.adapters.clock import SystemClock
from drill.adapters.guards_http import HttpGuards
from drill.adapters.journal_memory import MemoryJournal
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Guard, Plan, Probe
from drill.model.progress import Progress
from tests.adapters.loopback import OK as HEALTHY
from tests.adapters.loopback import closed_port, say, serving
from tests.adapters.monitoring import alert, monitoring
from tests.engine.observing import DRILL, Watched, plan_of, watching
from tests.fakes import FakeGuards

QUERY = Guard(id="errors", asks="prometheus", url="http://p", query="up == 1", for_s=0.2, every_s=0.04)
ALERT = Guard(id="pager", asks="alertmanager", url="http://a", alert="Down", for_s=0.2, every_s=0.04)
SHOP = Guard(id="neighbour", asks="probe", probe="neighbour", misses=3)


def guarded(*guards: Guard, port: int = 0) -> Plan:
    probes = [Probe(id="neighbour", http=f"http://127.0.0.1:{port}/", every_s=0.04, timeout_s=0.3)] if port else []
    return plan_of(probes).model_copy(update={"guards": guards})


def fakes(word: Literal["holds", "broken", "firing", "lost"] = "holds") -> FakeGuards:
    return FakeGuards(SystemClock(), errors=[word], pager=[word])


def broken(watched: Watched) -> list[Fact]:
    return watched.facts(Kind.GUARD_BROKEN)


def test_a_guard_that_holds_ends_nothing(tmp_path: Path) -> None:
    guards = fakes()
    with watching(guarded(QUERY, ALERT), tmp_path, guards=guards) as watched:
        watched.wait(lambda: guards.asked.count("errors") > 8)

    assert watched.journal.read(DRILL) == []
    assert guards.asked.count("pager") > 4


def test_a_guard_that_breaks_asks_for_an_abort_in_one_transaction_with_what_was_seen(tmp_path: Path) -> None:
    class Batches(MemoryJournal):
        batches: list[list[Kind]]

        def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
            facts = super().append(drill, drafts, token=token)
            self.batches.append([fact.kind for fact in facts])
            return facts

    journal = Batches()
    journal.batches = []
    guards = fakes()
    with watching(guarded(ALERT), tmp_path, journal=journal, guards=guards) as watched:
        watched.wait(lambda: guards.asked)
        guards.say("pager", "firing")
        watched.wait(lambda: broken(watched))
        time.sleep(0.3)

    seen, asked = watched.journal.read(DRILL)
    assert journal.batches == [[Kind.GUARD_BROKEN, Kind.ABORT_REQUESTED]]
    assert (seen.by, seen.data) == ("guard:pager", {"guard": "pager", "detail": "seen firing"})
    assert asked.data == {"reason": "the guard pager broke: seen firing", "channel": "guard", "guard": "pager"}
    progress = Progress().apply(watched.journal.read(DRILL))
    assert (progress.abort, progress.abort_by, progress.hold_wanted) == ("the guard pager broke: seen firing", "guard", False)


def test_a_query_is_given_its_time_before_it_counts(tmp_path: Path) -> None:
    guards = fakes()
    with watching(guarded(QUERY), tmp_path, guards=guards) as watched:
        watched.wait(lambda: guards.asked)
        guards.say("errors", "broken")
        began_s = time.monotonic()
        watched.wait(lambda: broken(watched))

    (seen,) = broken(watched)
    assert seen.mono_s - began_s >= QUERY.for_s - QUERY.every_s
    assert seen.data["detail"].startswith("it has not held for")


def test_a_guard_that_is_lost_from_sight_breaks(tmp_path: Path) -> None:
    guards = fakes()
    with watching(guarded(QUERY), tmp_path, guards=guards) as watched:
        watched.wait(lambda: guards.asked)
        guards.say("errors", "lost")
        watched.wait(lambda: broken(watched))

    assert broken(watched)[0].data["detail"].startswith("lost sight of it for")


def test_a_guarded_probe_breaks_after_its_misses_in_a_row(tmp_path: Path) -> None:
    with serving(say(HEALTHY)) as server, watching(guarded(SHOP, port=server.port), tmp_path) as watched:
        watched.wait(lambda: len(watched.samples("neighbour")) > 3)
        assert broken(watched) == []
    with watching(guarded(SHOP, port=closed_port()), tmp_path) as watched:
        watched.wait(lambda: broken(watched))

    assert broken(watched)[0].data == {"guard": "neighbour", "detail": "neighbour missed 3 answers in a row, the last with refused"}
    assert watched.facts(Kind.ABORT_REQUESTED)[0].data["channel"] == "guard"


def test_after_the_verdict_no_guard_ends_the_way_home(tmp_path: Path) -> None:
    guards = fakes()
    with watching(guarded(QUERY, ALERT, SHOP, port=closed_port()), tmp_path, guards=guards) as watched:
        watched.say(Kind.FAILBACK_STARTED)
        guards.say("errors", "broken")
        guards.say("pager", "firing")
        asked = len(guards.asked)
        watched.wait(lambda: len(guards.asked) > asked + 20)

    assert [fact for fact in watched.facts(Kind.GUARD_BROKEN, Kind.ABORT_REQUESTED) if fact.seq > 1] == []


def test_a_guard_that_broke_before_counts_again_only_once_it_has_held(tmp_path: Path) -> None:
    guards = fakes("firing")
    journal = MemoryJournal()
    with watching(guarded(ALERT), tmp_path, journal=journal, guards=guards) as watched:
        watched.wait(lambda: broken(watched))

    with watching(guarded(ALERT), tmp_path, journal=journal, guards=guards) as watched:
        asked = len(guards.asked)
        watched.wait(lambda: len(guards.asked) > asked + 8)
        overruled = len(broken(watched))
        guards.say("pager", "holds")
        asked = len(guards.asked)
        watched.wait(lambda: len(guards.asked) > asked + 2)
        guards.say("pager", "firing")
        watched.wait(lambda: len(broken(watched)) == 2)

    assert overruled == 1
    assert len({fact.key for fact in broken(watched)}) == 2


def test_a_break_that_the_journal_refuses_is_written_with_the_next_batch(tmp_path: Path) -> None:
    class FullOnce(MemoryJournal):
        refused = False

        def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
            if not self.refused:
                self.refused = True
                raise JournalBroken("the journal cannot be used: the disk is full.", code="J020")
            return super().append(drill, drafts, token=token)

    with watching(guarded(ALERT), tmp_path, journal=FullOnce(), guards=fakes("firing")) as watched:
        watched.wait(lambda: broken(watched))

    assert [fact.kind for fact in watched.journal.read(DRILL)] == [Kind.GUARD_BROKEN, Kind.ABORT_REQUESTED]


def test_an_observer_is_ready_only_when_each_guard_was_looked_at(tmp_path: Path) -> None:
    with monitoring() as servers:
        servers.silent.set()
        asked = ALERT.model_copy(update={"url": servers.url, "for_s": 30.0})
        with watching(guarded(asked), tmp_path, guards=HttpGuards([asked])) as watched:
            time.sleep(0.6)
            ready_unseen = (tmp_path / "observer.ready").exists()
            servers.silent.clear()
            watched.wait((tmp_path / "observer.ready").exists)
            servers.alerts = [alert("Down")]
            watched.wait(lambda: broken(watched))

    assert not ready_unseen
    assert "the alert Down has been firing" in broken(watched)[0].data["detail"]
    assert watched.journal.drills() == [DRILL]
