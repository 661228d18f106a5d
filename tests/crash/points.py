"""One drill with one strike: play it, go on as a person would until it has ended, and say everything that is wrong afterwards."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from drill import __version__
from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.model.errors import DrillError
from drill.model.events import Draft, Fact, Kind, check_chain
from drill.model.progress import MEASUREMENTS, Progress
from drill.model.summarize import summarize
from tests.crash.engine import HELD, Strike, argument, enter, settings_of
from tests.crash.likeness import differences, likeness
from tests.crash.watcher import Watcher, watching
from tests.crash.world import Effects, ScriptedWorld, start

DRILL = "crash"
KILLED = -9
_LIVES = 6
_WITHIN_S = 60.0
_HOME = {("finished", 0), ("finished", 1)}
_BACK = {("aborted", 4)}
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.crash.engine"])


class Fault(StrEnum):
    """What kind of promise was broken."""

    NOT_RESUMED = "not resumed"
    REPEATED = "repeated side effect"
    LOST_UNDO = "lost undo"


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong with a drill."""

    fault: Fault
    what: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.what}"


@dataclass(frozen=True)
class Played:
    """What became of one drill. `codes` are the exit codes of its engines, in order."""

    strikes: tuple[Strike, ...]
    codes: tuple[int, ...]
    facts: tuple[Fact, ...]
    state: Mapping[str, Any]
    effects: Effects
    on_hold: tuple[Mapping[str, Any], ...] = field(default=())
    """The world at each hold."""

    @property
    def progress(self) -> Progress:
        """The drill as its facts tell it."""
        return Progress().apply(self.facts)

    def of(self, *kinds: Kind) -> list[Fact]:
        """Its facts of these kinds."""
        return [fact for fact in self.facts if fact.kind in kinds]

    def own_facts(self) -> int:
        """How many facts the engine and people wrote."""
        return sum(fact.kind not in MEASUREMENTS and not fact.by.startswith("probe:") for fact in self.facts)


def play(*strikes: Strike) -> Played:
    """Play a fresh drill and take it to its end; a hold ends with `failback`. The first engine gets the first strike, and so on."""
    home = Path(tempfile.mkdtemp(prefix="drill-crash-"))
    try:
        world = ScriptedWorld.create(home / "world.sqlite")
        engine = database_engine(settings_of(home).database_url)
        journal = SqlJournal(engine)
        try:
            with watching(Watcher(DRILL, journal, world)):
                codes, holds = _lives(home, strikes, journal, world)
            return Played(strikes, tuple(codes), tuple(journal.read(DRILL)), world.state(), world.effects(), tuple(holds))
        finally:
            engine.dispose()
    finally:
        shutil.rmtree(home)


def _lives(home: Path, strikes: Sequence[Strike], journal: SqlJournal, world: ScriptedWorld) -> tuple[list[int], list[Mapping[str, Any]]]:
    codes: list[int] = []
    holds: list[Mapping[str, Any]] = []
    for life in range(_LIVES):
        codes.append(_engine(home, strikes[life] if life < len(strikes) else Strike()))
        if codes[-1] == HELD and not Progress().apply(journal.read(DRILL)).outcome:
            holds.append(world.state())
            _decide(journal, len(holds))
        elif codes[-1] != KILLED:
            break
    return codes, holds


def _engine(home: Path, strike: Strike) -> int:
    process = _processes.Process(target=enter, args=(str(home), DRILL, argument(strike)))
    process.start()
    process.join(_WITHIN_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        return 1000  # no exit code of a process: it hung
    return process.exitcode


def _decide(journal: SqlJournal, number: int) -> None:
    """A person's `drill failback`."""
    clock = SystemClock()
    data = {"verb": "failback", "subject": DRILL}
    draft = Draft(Kind.OPERATOR_DECIDED, "person:operator", f"operator/failback/{number}", data, clock.now(), clock.mono_s(), clock.epoch)
    journal.append(DRILL, [draft])


# ---------------------------------------------------------------- what must hold


def after_a_kill(played: Played, undisturbed: Played) -> list[Wrong]:
    """Everything that is wrong with a drill whose engine was killed and went on; empty when it is as if nothing had happened."""
    wrong = [*always(played), *_repeated(played, undisturbed)]
    expected = undisturbed.codes[-1]
    if played.codes[-1] != expected:
        wrong.append(Wrong(Fault.NOT_RESUMED, f"it left with {played.codes}, not with {expected}"))
    if played.state != undisturbed.state:
        wrong.append(Wrong(Fault.NOT_RESUMED, f"the world is {played.state}"))
    cut_off = {fact.data["step"] for fact in played.of(Kind.STEP_INTERRUPTED)}
    one, other = (likeness(summarize(each.facts, version=__version__), cut_off=cut_off) for each in (undisturbed, played))
    return wrong + [Wrong(Fault.NOT_RESUMED, f"the report differs: {line}") for line in differences(one, other)[:8]]


def after_an_abort(played: Played) -> list[Wrong]:
    """Everything that is wrong with a drill that somebody aborted: before the point of no return undone, after it held and brought home."""
    wrong = always(played)
    if played.state != start():
        wrong.append(Wrong(Fault.LOST_UNDO, f"the world was not brought back: {played.state}"))
    asked = next((fact.seq for fact in played.of(Kind.ABORT_REQUESTED)), None)
    ended = next((fact.seq for fact in played.of(Kind.DRILL_FINISHED)), 0)
    if asked is None or asked > min(ended, _all_home(played)):
        return wrong
    return wrong + (_after_the_point(played) if _passed_the_point(played) else _before_the_point(played))


def _all_home(played: Played) -> int:
    """The fact that closed the last phase of the failback: an abort after it finds nothing to stop and nothing to undo."""
    closed = [fact.seq for fact in played.of(Kind.PHASE_CLOSED) if fact.data["phase"] == "release" and fact.data["state"] == "succeeded"]
    return closed[-1] if closed else played.facts[-1].seq


def _passed_the_point(played: Played) -> bool:
    return any(fact.data["no_return"] for fact in played.of(Kind.STEP_STARTED))


def _before_the_point(played: Played) -> list[Wrong]:
    """Each undo that was registered succeeded once, and the drill says so."""
    registered = Counter(fact.data["step"] for fact in played.of(Kind.UNDO_REGISTERED))
    done = Counter(fact.data["step"] for fact in played.of(Kind.UNDO_DONE))
    wrong = [Wrong(Fault.LOST_UNDO, f"undos registered {dict(registered)}, done {dict(done)}")] if registered != done else []
    if played.progress.outcome not in {"aborted", "declined"} or played.codes[-1] != 4 or played.on_hold:
        wrong.append(Wrong(Fault.NOT_RESUMED, f"it ended {played.progress.outcome} with {played.codes}"))
    return wrong


def _after_the_point(played: Played) -> list[Wrong]:
    """It stood still with one side serving, and a person brought it home.

    A promote that was cut off is in doubt: neither side may serve then, and the failback finds out whether it came about.
    """
    wrong = [] if played.on_hold else [Wrong(Fault.NOT_RESUMED, f"it did not hold: {played.codes}")]
    promoted = any(fact.data["step"] == "data.promote" for fact in played.of(Kind.STEP_SUCCEEDED))
    if promoted:
        wrong += [
            Wrong(Fault.LOST_UNDO, f"on hold no database took a write: {state}") for state in played.on_hold if not _takes_writes(state)
        ]
    if (played.progress.outcome, played.codes[-1]) not in (_HOME if promoted else _HOME | _BACK):
        wrong.append(Wrong(Fault.NOT_RESUMED, f"it ended {played.progress.outcome} with {played.codes}"))
    return wrong


def _takes_writes(state: Mapping[str, Any]) -> bool:
    return any(row["role"] == "primary" and not row["fenced"] for row in state["databases"].values())


def always(played: Played) -> list[Wrong]:
    """What holds for every drill, however it was struck: chain, steps, texts, questions, one writable database."""
    wrong: list[Wrong] = []
    try:
        check_chain(played.facts)
    except DrillError as error:
        wrong.append(Wrong(Fault.NOT_RESUMED, str(error)))
    if not played.progress.outcome:
        wrong.append(Wrong(Fault.NOT_RESUMED, f"it never ended: {played.codes}"))
    repeated = [*_ran_again(played), *_said_again(played)]
    if played.state["split_brain"]:
        repeated.append("two databases could have taken writes")
    return wrong + [Wrong(Fault.REPEATED, what) for what in repeated]


def _ran_again(played: Played) -> list[str]:
    ended: set[str] = set()
    wrong: list[str] = []
    for fact in played.of(Kind.STEP_STARTED, Kind.STEP_SUCCEEDED):
        step = fact.data["step"]
        if step in ended:
            wrong.append(f"{step} ran again after it had succeeded")
        if fact.kind is Kind.STEP_SUCCEEDED:
            ended.add(step)
    return wrong + [
        f"{step}: {what} changed the world {count} times" for (step, what), count in played.effects.changes.items() if count > 1
    ]


def _said_again(played: Played) -> list[str]:
    sent = {what: count for (step, what), count in played.effects.calls.items() if step == "message"}
    asked = Counter(fact.data["gate"] for fact in played.of(Kind.ACKNOWLEDGEMENT_REQUESTED))
    wrong = [f"{what} went out {count} times" for what, count in sent.items() if count > 1]
    return wrong + [f"{gate} was asked {count} times, its deadline moved" for gate, count in asked.items() if count > 1]


def _repeated(played: Played, undisturbed: Played) -> list[Wrong]:
    """Effects that were had more or less often: a request may be repeated by a step that was cut off, a change never."""
    cut_off = Counter(fact.data["step"] for fact in played.of(Kind.STEP_INTERRUPTED))
    wrong: list[str] = []
    for effect in played.effects.calls.keys() | undisturbed.effects.calls.keys():
        step, what = effect
        changed, expected = played.effects.changes[effect], undisturbed.effects.changes[effect]
        if changed != expected:
            wrong.append(f"{step}: {what} changed the world {changed} times instead of {expected}")
        calls, usual = played.effects.calls[effect], undisturbed.effects.calls[effect]
        if not usual <= calls <= usual + cut_off[step]:
            wrong.append(f"{step}: {what} was asked for {calls} times instead of {usual}")
    return [Wrong(Fault.REPEATED, what) for what in wrong]
