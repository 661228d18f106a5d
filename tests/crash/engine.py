"""One engine process on the scripted world: `python -m tests.crash.engine HOME DRILL [STRIKE]`; it can kill itself at an exact point."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from drill import __version__
from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.engine.desk import Desk, DeskClerk
from drill.engine.durable import DurableEngine
from drill.engine.record import Recorder
from drill.model.events import Draft, Fact, Kind
from drill.model.ports import Journal
from drill.model.progress import MEASUREMENTS
from drill.settings import EnvironmentSecrets, Settings
from drill.steps.base import Step, registry
from drill.wiring.desks import people_of
from drill.wiring.locks import engine_lock
from drill.wiring.records import Records
from drill.wiring.scenarios import open_scenario
from drill.wiring.sessions import plan_drill
from tests.crash.people import NUMBERS, ScriptedCarrier, ScriptedPhone
from tests.crash.roles import Signed, roles
from tests.crash.world import ScriptedWorld

PROJECT = Path(__file__).resolve().parent.parent.parent
SCENARIO = PROJECT / "scenarios" / "sandbox-region-outage.yaml"
HELD, BROKEN = 5, 6
_HURRY = 0.1
_POLL_S = 0.02


@dataclass(frozen=True)
class Strike:
    """Where to hit. Facts are those of the engine and of people, counted from 1 in the first process; effects likewise."""

    kill_fact: int | None = None
    kill_effect: int | None = None
    abort_fact: int | None = None
    """After this fact somebody asks for an abort, as `drill abort` in another process would."""
    silent: bool = False
    """Nobody answers."""


class HurriedClock(SystemClock):
    """Real time, but whoever rests, rests a tenth of it."""

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds * _HURRY))


class StrikingJournal:
    """The journal of one engine process (port Journal) that strikes once a fact of the engine or of a person is stored."""

    def __init__(self, inner: SqlJournal, strike: Strike) -> None:
        self._inner = inner
        self._strike = strike
        self._seen: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        with self._one_at_a_time:
            mine = {draft.key for draft in drafts if draft.kind not in MEASUREMENTS and self._inner.find(drill, draft.key) is None}
            facts = self._inner.append(drill, drafts, token=token)
            before = len(self._seen)
            self._seen |= mine
            if self._passed(self._strike.abort_fact, before):
                self._inner.append(drill, [_abort()])
            if self._passed(self._strike.kill_fact, before):
                os.kill(os.getpid(), signal.SIGKILL)
        return facts

    def _passed(self, wanted: int | None, before: int) -> bool:
        return wanted is not None and before < wanted <= len(self._seen)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _abort() -> Draft:
    clock = SystemClock()
    data = {"reason": "a real incident elsewhere", "channel": "cli"}
    return Draft(Kind.ABORT_REQUESTED, "person:operator", "operator/abort", data, clock.now(), clock.mono_s(), "another-process")


def settings_of(home: Path) -> Settings:
    """The settings of one crash home."""
    return Settings(home, home / "reports", PROJECT, f"sqlite:///{home / 'drill.sqlite'}", None)


def run(home: Path, drill: str, strike: Strike) -> int:
    """Plan the drill or go on with it, play it until it ends or holds, and return the exit code of `drill run`."""
    settings = settings_of(home)
    journal = cast("Journal", StrikingJournal(SqlJournal(database_engine(settings.database_url)), strike))
    records = Records(settings, journal)
    if drill not in journal.drills():
        plan_drill(records, drill, open_scenario(SCENARIO).plan, started_by="crash", auto_answered=True)
    with engine_lock(settings, drill):
        return _play(records, drill, ScriptedWorld(home / "world.sqlite", kill_after=strike.kill_effect), strike)


def _play(records: Records, drill: str, world: ScriptedWorld, strike: Strike) -> int:
    token = records.journal.take_token(drill)
    recorder = Recorder(drill, journal=records.journal, clock=HurriedClock(), token=token)
    recorder.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder=f"cli:{drill}")
    recorder.say(Kind.ENGINE_STARTED, f"engine/{recorder.clock.epoch}", pid=os.getpid(), host=platform.node(), version=__version__)
    kit = _kit(records, drill, recorder, world)
    crew = DrillCrew(kit)
    phone = ScriptedPhone(world, silent=strike.silent)
    clerk = DeskClerk(Desk(recorder, kit.people), phone, on_tick=crew.notifier.look_after, on_trouble=_raise, on_end=lambda _error: None)
    clerk.start()
    engine = DurableEngine(database_engine(records.settings.database_url), executor=f"cli:{drill}", crew_of=lambda _drill, _plan: crew)
    engine.launch()
    engine.play(drill, kit.plan)
    while not crew.settled.wait(_POLL_S) and not engine.over(drill):
        if failure := engine.failure(drill):
            sys.stderr.write(f"{failure}\n")
            return BROKEN
    crew.notifier.look_after()
    clerk.stop()
    progress = records.progress(drill)
    return HELD if progress.exit_code is None else progress.exit_code


def _kit(records: Records, drill: str, recorder: Recorder, world: ScriptedWorld) -> Kit:
    settings, plan = records.settings, records.plan(drill)
    secrets = EnvironmentSecrets(None, {**NUMBERS, "SMS_SIGN": "drill", "CANARY_DSN": "scripted"})
    hooks = Hooks(
        start_observer=lambda: _observe(records, drill, world),
        stop_observer=lambda: world.note("observe", body=False),
        canary_ranges=lambda _site, up_to: [(1, up_to)],
        arm_dead_man=lambda: None,
        warm=lambda: None,
        publish=lambda: records.publish(drill, settings.reports / drill),
    )
    return Kit(
        plan=plan,
        kinds={name: cast("Step[Any]", Signed(kind)) for name, kind in registry().items()},
        world=roles(world, recorder.clock),
        recorder=recorder,
        artifacts=records.artifacts(),
        secrets=secrets,
        people=people_of(records, drill, secrets),
        messengers={"sms": ScriptedCarrier(world)},
        hooks=hooks,
    )


def _observe(records: Records, drill: str, world: ScriptedWorld) -> None:
    world.note("observe", body=True)
    while not records.journal.read(drill, kinds=frozenset({Kind.CANARY_ACKNOWLEDGED})):
        time.sleep(_POLL_S)


def _raise(error: Exception) -> None:
    raise error


def enter(home: str, drill: str, strike: str) -> None:
    """The body of the process: leaves at once when it is done, as `drill run` does."""
    code = run(Path(home), drill, Strike(**json.loads(strike)))
    sys.stderr.flush()
    os._exit(code)


def argument(strike: Strike) -> str:
    """The strike as a process is told it."""
    return json.dumps(asdict(strike))


if __name__ == "__main__":
    enter(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "{}")
