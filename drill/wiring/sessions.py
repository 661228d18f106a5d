"""Everything around one drill in this process: its ground, lease, pen, people, desk and crew; and the engine of `drill run`."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from drill import __version__
from drill.adapters.database import database_engine
from drill.adapters.database_errors import broken
from drill.engine.alarms import Words
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.errors import DrillError, JournalBroken, PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Mode, Plan
from drill.steps.base import registry
from drill.wiring.dead_men import EngineLife
from drill.wiring.desks import people_of
from drill.wiring.doctor_fates import refuse_shared_fate
from drill.wiring.endpoints import emulated
from drill.wiring.guarding import guards_of
from drill.wiring.hearing import Hearing, hear, open_door
from drill.wiring.leases import SiteLease
from drill.wiring.locks import engine_lock
from drill.wiring.mailrooms import forget_letters, open_office
from drill.wiring.posts import past_outcomes
from drill.wiring.publishing import published
from drill.wiring.records import Records
from drill.wiring.rolls import enrolled
from drill.wiring.rooms import refuse_full
from drill.wiring.trust import trusted
from drill.wiring.vantage_orders import measuring, orders_of
from drill.wiring.watching import Watchers
from drill.wiring.worlds import Grounds, end_tools_of_dead_engines, open_grounds

_SETTLE_WITHIN_S = 60.0
_SETTLE_POLL_S = 0.5


@dataclass
class Manned:
    """One drill with everything it works with, in this process."""

    records: Records
    drill: str
    grounds: Grounds
    crew: DrillCrew
    life: EngineLife
    watchers: Watchers
    lease: SiteLease
    hearing: Hearing
    _stack: ExitStack = field(repr=False)

    def hush(self) -> None:
        """Listen to no more answers, and start no observer and no dead man any more."""
        self.watchers.let_go()
        self._stack.close()

    def at_the_end(self, close: Callable[[], None]) -> None:
        """Close something more when answers are not heard any more."""
        self._stack.callback(close)

    def leave(self) -> None:
        """Give no sign of life any more, so that the dead man waits for the next engine's, and start nobody from now on."""
        self.watchers.let_go()
        self.life.stop()

    def stop_measuring(self) -> None:
        """End this place's observer; what it has seen is written first."""
        self.watchers.stop_measuring()

    def close(self, *, keep_ground: bool) -> None:
        """Let it go; `keep_ground` leaves the sandbox serving, as a hold needs it.

        Until the drill has ended, its sites stay taken and the measurement goes on.
        """
        self.hush()
        ended = bool(self.records.progress(self.drill).outcome)
        if ended:
            self.stop_measuring()
        self.life.stop()
        if ended:
            self.watchers.dead_man.wait_ended()
            self.hearing.forget()
            forget_letters(self.records, self.drill)
            self.lease.release()
        if not keep_ground:
            self.grounds.release(self.drill)


@dataclass
class Session:
    """A running engine with one drill."""

    records: Records
    drill: str
    report_dir: Path
    manned: Manned
    failure: Callable[[], str]
    over: Callable[[], bool]

    def close(self, *, keep_ground: bool) -> None:
        """End everything of this session; `keep_ground` leaves the sandbox serving, as a hold needs it."""
        self.manned.close(keep_ground=keep_ground)

    def wait_published(self) -> None:
        """Wait until the engine has written its last report and sent its last text for now."""
        until_s = time.monotonic() + _SETTLE_WITHIN_S
        while not self.manned.crew.settled.wait(_SETTLE_POLL_S) and not self.over() and time.monotonic() < until_s:
            pass  # an earlier engine may have come to the end: then nothing of this one will settle

    def kill_children(self) -> None:
        """End what this process runs at once: tools and the observer, but neither the dead man nor the sandbox, which a resume needs."""
        sandbox = self.manned.grounds.sandbox
        self.manned.leave()
        spared = {self.manned.watchers.dead_man.pid(), sandbox.details.get("pid") if sandbox else None}
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                for process in [*child.children(recursive=True), child] if child.pid not in spared else ():
                    process.kill()


def plan_drill(records: Records, drill: str, plan: Plan, *, started_by: str, auto_answered: bool, starter: str | None = None) -> None:
    """Write the plan down: from now on the drill exists. `auto_answered`: a machine plays the people; `starter`: who starts it."""
    records.recorder(drill).say(
        Kind.DRILL_PLANNED,
        "planned",
        plan=plan.model_dump(mode="json"),
        plan_digest=plan.digest(),
        started_by=started_by,
        auto_answered=auto_answered,
        starter=starter,
    )


@contextmanager
def open_session(records: Records, drill: str, *, report_dir: Path, say: Callable[[str], None], phone: str | None) -> Iterator[Session]:
    """Start, or go on with, a planned drill in this process. The caller follows the journal and then calls `close`.

    `phone` is how the sandbox's phone answers; without it, going on, it answers as before.
    Raises: PreflightFailed: another engine runs here (F050), another drill is on the site (F051), or the ground cannot be made ready.
    """
    settings, plan, holder = records.settings, records.plan(drill), f"cli:{drill}"
    with engine_lock(settings, drill), enrolled(records, holder, role="run"):
        trusted(records, drill)
        end_tools_of_dead_engines(settings)
        manned = man(records, drill, plan, holder=holder, report_dir=report_dir, say=say, phone=phone)
        try:
            yield _launched(manned, plan, executor=holder, report_dir=report_dir)
        finally:
            manned.hush()


def _launched(manned: Manned, plan: Plan, *, executor: str, report_dir: Path) -> Session:
    from drill.engine.durable import DurableEngine

    records, drill = manned.records, manned.drill
    database = database_engine(records.settings.database_url)
    engine = DurableEngine(database, executor=executor, crew_of=lambda _drill, _plan: manned.crew, explain=broken)
    engine.launch()
    engine.adopt(drill)
    engine.play(drill, plan)
    return Session(records, drill, report_dir, manned, failure=lambda: engine.failure(drill), over=lambda: engine.over(drill))


def man(
    records: Records, drill: str, plan: Plan, *, holder: str, report_dir: Path, say: Callable[[str], None], phone: str | None
) -> Manned:
    """Take the drill in this process: lease first, then ground, token, observer. Used by `drill run` and by workers alike.

    A drill that had not begun and may not begin is ended as refused.
    Raises: PreflightFailed: the site is another drill's (F051), this engine would go with the region (F052), or the ground is not ready.
    """
    lease = SiteLease(records, drill, plan)
    try:
        lease.take()
        if not records.progress(drill).started:  # once it has begun, whoever can must bring it to its end
            refuse_shared_fate(records.settings, plan)
            refuse_full(records.settings.place, "DRILL_HOME")
        grounds = open_grounds(records.settings, plan, drill=drill, say=say, phone=phone)
        door = open_door(records, plan, grounds)
    except PreflightFailed as error:
        if not records.progress(drill).started:
            refuse(records, drill, error)
            lease.release()
        raise
    manned = _manned(records, drill, plan, holder=holder, report_dir=report_dir, grounds=grounds, lease=lease)
    if door is not None:
        manned.at_the_end(door.stop)
    return manned


def refuse(records: Records, drill: str, error: DrillError) -> None:
    """End a drill that has not begun: nothing was touched."""
    say, why = records.recorder(drill).say, {"detail": error.what, "fix": error.fix, "code": error.code}
    say(Kind.PREFLIGHT_CHECKED, f"preflight/{error.code}", check="ground", ok=False, **why)
    say(Kind.DRILL_FINISHED, "finished", outcome="refused", exit_code=3, left=[], reason=str(error))


def _manned(records: Records, drill: str, plan: Plan, *, holder: str, report_dir: Path, grounds: Grounds, lease: SiteLease) -> Manned:
    settings, stack = records.settings, ExitStack()
    token = records.journal.take_token(drill)
    recorder = records.recorder(drill, token=token, still_ours=lease.check)
    recorder.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder=holder)
    started = f"engine/{records.clock.epoch}/{token}"
    recorder.say(Kind.ENGINE_STARTED, started, pid=os.getpid(), host=platform.node(), version=__version__)
    _say_what_is_emulated(recorder, plan)
    people = people_of(records, drill, grounds.secrets)
    life = EngineLife(settings, drill, also=lease.beat)
    life.start()

    def warn(reason: str, words: Words) -> None:
        crew.notifier.warn(reason, words)

    def behind() -> bool:
        return hearing.behind()

    watchers = Watchers(settings, recorder, plan, sandbox=grounds.sandbox, warn=warn)
    kit = _kit(records, plan, recorder=recorder, grounds=grounds, people=people, report_dir=report_dir, watchers=watchers)
    crew = DrillCrew(replace(kit, hooks=replace(kit.hooks, behind=behind)))
    stack.callback(crew.notifier.close)
    hearing = hear(records, recorder, people, grounds, notifier=crew.notifier, on_trouble=_trouble(recorder.say), on_end=_deaf)
    stack.callback(hearing.close)
    progress = records.progress(drill)
    if progress.started and not progress.outcome:
        watchers.go_on()
    return Manned(records, drill, grounds, crew, life, watchers, lease, hearing, _stack=stack)


def _say_what_is_emulated(recorder: Recorder, plan: Plan) -> None:
    """A figure of an emulated cloud must not pass for one of the business: the report says so."""
    here = emulated() if plan.mode is Mode.LIVE else []
    if here:
        what = f"{', '.join(here)} lead to this machine: these clouds are emulated, and so is what was measured."
        fix = "Unset them for a drill of the real clouds."
        recorder.say(Kind.FINDING_RAISED, "finding/emulated", code="D531", what=what, fix=fix, severity="warning")


def _kit(
    records: Records, plan: Plan, *, recorder: Recorder, grounds: Grounds, people: People, report_dir: Path, watchers: Watchers
) -> Kit:
    measure, points = measuring(
        records.settings,
        recorder,
        plan,
        secrets=grounds.secrets,
        orders=lambda: orders_of(recorder.drill, plan, grounds.world.ground, grounds.probes),
        measure=watchers.measure,
        gone=watchers.gone,
    )
    hooks = Hooks(
        start_observer=measure,
        hear_out=points.hear_out,
        unheard=points.unheard,
        stop_observer=watchers.stop_measuring,
        canary_ranges=grounds.canary_ranges(recorder.drill),
        arm_dead_man=watchers.dead_man.arm,
        await_dead_man=watchers.dead_man.stands,
        warm=grounds.warm,
        publish=lambda: published(records, recorder, report_dir),
        place=str(report_dir / "index.html"),
    )
    return Kit(
        plan=plan,
        kinds=registry(),
        world=grounds.world,
        recorder=recorder,
        artifacts=records.artifacts(),
        secrets=grounds.secrets,
        people=people,
        messengers=grounds.messengers,
        hooks=hooks,
        guards=guards_of(grounds),
        auditor=grounds.auditor,
        past=past_outcomes(records, recorder.drill, plan),
        office=open_office(records),
    )


def _deaf(error: JournalBroken) -> None:
    """Say at the terminal that answers are not heard any more: the record cannot be told of it."""
    sys.stderr.write(f"error: {error} Answers to messages are not taken in here any more.\n")
    sys.stderr.flush()


def _trouble(say: Callable[..., object]) -> Callable[[DrillError], None]:
    def write(error: DrillError) -> None:
        say(Kind.FINDING_RAISED, f"finding/replies/{error.code}", code=error.code, what=error.what, fix=error.fix, severity="warning")

    return write
