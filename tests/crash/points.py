"""One drill with one strike: play it, go on as a person would until it has ended, and say everything that is wrong afterwards."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.crash.engine"])


@dataclass(frozen=True)
class Played:
    """What became of one drill. `codes` are the exit codes of its engines, in order."""

    strike: Strike
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


def play(strike: Strike, *, later: Callable[[int], Strike] = lambda _life: Strike()) -> Played:
    """Play a fresh drill with a strike and take it to its end; a hold ends with `failback`. `later` strikes the engines after the first."""
    home = Path(tempfile.mkdtemp(prefix="drill-crash-"))
    try:
        world = ScriptedWorld.create(home / "world.sqlite")
        engine = database_engine(settings_of(home).database_url)
        journal = SqlJournal(engine)
        try:
            with watching(Watcher(DRILL, journal, world)):
                codes, holds = _lives(home, strike, later, journal, world)
            return Played(strike, tuple(codes), tuple(journal.read(DRILL)), world.state(), world.effects(), tuple(holds))
        finally:
            engine.dispose()
    finally:
        shutil.rmtree(home)


def _lives(
    home: Path, strike: Strike, later: Callable[[int], Strike], journal: SqlJournal, world: ScriptedWorld
) -> tuple[list[int], list[Mapping[str, Any]]]:
    codes: list[int] = []
    holds: list[Mapping[str, Any]] = []
    for life in range(_LIVES):
        codes.append(_engine(home, strike if life == 0 else later(life)))
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


def after_a_kill(played: Played, undisturbed: Played) -> list[str]:
    """Everything that is wrong with a drill whose engine was killed and went on; empty when it is as if nothing had happened."""
    wrong = [*always(played), *_repeated(played, undisturbed)]
    expected = undisturbed.codes[-1]
    if played.codes[-1] != expected:
        wrong.append(f"it left with {played.codes}, not with {expected}")
    if played.state != undisturbed.state:
        wrong.append(f"the world is {played.state}")
    cut_off = {fact.data["step"] for fact in played.of(Kind.STEP_INTERRUPTED)}
    one, other = (likeness(summarize(each.facts, version=__version__), cut_off=cut_off) for each in (undisturbed, played))
    unlike = differences(one, other)
    return wrong + [f"the report differs: {line}" for line in unlike[:8]]


def after_an_abort(played: Played) -> list[str]:
    """Everything that is wrong with a drill that somebody aborted: before the point of no return undone, after it held and brought home."""
    wrong = always(played)
    if played.state != start():
        wrong.append(f"the world was not brought back: {played.state}")
    asked = next((fact.seq for fact in played.of(Kind.ABORT_REQUESTED)), None)
    passed = next((fact.seq for fact in played.of(Kind.STEP_STARTED) if fact.data["no_return"]), None)
    ended = next((fact.seq for fact in played.of(Kind.DRILL_FINISHED)), 0)
    if asked is None or asked > ended:
        return wrong
    outcome = played.progress.outcome
    returned = bool(played.of(Kind.FAILBACK_STARTED))
    if returned != (passed is not None):
        wrong.append(f"it went home by {'failback' if returned else 'undo'}, the point of no return was {'' if passed else 'not '}passed")
    if passed is None:
        wrong += [] if outcome in {"aborted", "declined"} and played.codes[-1] == 4 else [f"it ended {outcome} with {played.codes}"]
        wrong += _lost_undos(played)
    elif any(state["databases"]["standby"]["role"] != "primary" for state in played.on_hold[:1] if not _went_home(played)):
        wrong.append("on hold, nothing served")
    return wrong


def _went_home(played: Played) -> bool:
    """Whether the hold came after the database had gone home."""
    held = next((fact.seq for fact in played.of(Kind.DRILL_HELD)), 0)
    return any(fact.seq < held and fact.data["step"] == "data_home.roles" for fact in played.of(Kind.STEP_STARTED))


def _lost_undos(played: Played) -> list[str]:
    registered = Counter(fact.data["step"] for fact in played.of(Kind.UNDO_REGISTERED))
    done = Counter(fact.data["step"] for fact in played.of(Kind.UNDO_DONE))
    return [f"undos registered {dict(registered)}, done {dict(done)}"] if registered != done else []


def always(played: Played) -> list[str]:
    """What holds for every drill, however it was struck: chain, steps, texts, questions, one writable database."""
    wrong: list[str] = []
    try:
        check_chain(played.facts)
    except DrillError as error:
        wrong.append(str(error))
    if not played.progress.outcome:
        wrong.append(f"it never ended: {played.codes}")
    wrong += _again(played)
    sent = Counter({what: count for (step, what), count in played.effects.calls.items() if step == "message"})
    wrong += [f"{what} went out {count} times" for what, count in sent.items() if count > 1]
    asked = Counter(fact.data["gate"] for fact in played.of(Kind.ACKNOWLEDGEMENT_REQUESTED))
    wrong += [f"{gate} was asked {count} times, its deadline moved" for gate, count in asked.items() if count > 1]
    if played.state["split_brain"]:
        wrong.append("two databases could have taken writes")
    return wrong


def _again(played: Played) -> list[str]:
    ended: set[str] = set()
    wrong: list[str] = []
    for fact in played.of(Kind.STEP_STARTED, Kind.STEP_SUCCEEDED):
        step = fact.data["step"]
        if fact.kind is Kind.STEP_SUCCEEDED:
            wrong += [f"{step} succeeded twice"] if step in ended else []
            ended.add(step)
        elif step in ended:
            wrong.append(f"{step} ran again after it had succeeded")
    return wrong


def _repeated(played: Played, undisturbed: Played) -> list[str]:
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
    return wrong
