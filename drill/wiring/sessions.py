"""One engine session: the lock, the sandbox, the observer, the desk and the durable engine around one drill."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from drill import __version__
from drill.adapters.ansible_leftovers import end_leftovers
from drill.adapters.database import database_engine
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.engine.desk import Desk, DeskClerk
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.errors import DrillError
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.report import Report
from drill.steps.base import registry
from drill.wiring.dead_men import EngineLife
from drill.wiring.desks import people_of
from drill.wiring.locks import engine_lock
from drill.wiring.observers import DrillObserver
from drill.wiring.records import Records
from drill.wiring.trust import trusted
from drill.wiring.worlds import Grounds, open_grounds

_SETTLE_WITHIN_S = 60.0


@dataclass
class Session:
    """A running engine."""

    records: Records
    drill: str
    plan: Plan
    report_dir: Path
    grounds: Grounds
    life: EngineLife
    failure: Callable[[], str]
    settled: threading.Event
    _stack: ExitStack = field(repr=False)

    def publish(self) -> Report:
        """Write the report files as of now."""
        return self.records.publish(self.drill, self.report_dir)

    def close(self, *, keep_ground: bool) -> None:
        """End this session; `keep_ground` leaves the sandbox serving. The measurement goes on until the drill has ended."""
        self._stack.close()
        ended = bool(self.records.progress(self.drill).outcome)
        if ended:
            DrillObserver(self.records.settings, self.drill).stop()
        self.life.stop(wait=ended)
        if not keep_ground:
            self.grounds.release(self.drill)

    def wait_published(self) -> None:
        """Wait until the engine has written its last report and sent its last text for now."""
        self.settled.wait(_SETTLE_WITHIN_S)

    def kill_children(self) -> None:
        """End what this process runs at once: tools and the observer, but neither the dead man nor the sandbox, which a resume needs."""
        spared = {self.life.pid(), self.grounds.sandbox.details.get("pid") if self.grounds.sandbox else None}
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                for process in [*child.children(recursive=True), child] if child.pid not in spared else ():
                    process.kill()


def plan_drill(records: Records, drill: str, plan: Plan, *, started_by: str, auto_answered: bool) -> None:
    """Write the plan down: from now on the drill exists. `auto_answered`: a machine plays the people."""
    body = plan.model_dump(mode="json")
    records.recorder(drill).say(
        Kind.DRILL_PLANNED, "planned", plan=body, plan_digest=plan.digest(), started_by=started_by, auto_answered=auto_answered
    )


@contextmanager
def open_session(records: Records, drill: str, *, report_dir: Path, say: Callable[[str], None], phone: str | None) -> Iterator[Session]:
    """Start, or go on with, a planned drill in this process. The caller follows the journal and then calls `close`.

    `phone` is how the sandbox's phone answers; without it, going on, it answers as before.
    Raises: PreflightFailed: another engine runs here (F050), or the ground cannot be made ready.
    """
    settings, plan = records.settings, records.plan(drill)
    with engine_lock(settings, drill):
        trusted(records, drill)
        end_leftovers(settings.mark())
        grounds = open_grounds(settings, plan, drill=drill, say=say, phone=phone)
        stack = ExitStack()
        try:
            yield _start(records, drill, plan, report_dir=report_dir, grounds=grounds, stack=stack)
        finally:
            stack.close()


def _start(records: Records, drill: str, plan: Plan, *, report_dir: Path, grounds: Grounds, stack: ExitStack) -> Session:
    from drill.engine.durable import DurableEngine

    settings = records.settings
    token = records.journal.take_token(drill)
    recorder = records.recorder(drill, token=token)
    holder = f"cli:{drill}"
    recorder.say(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder=holder)
    recorder.say(Kind.ENGINE_STARTED, f"engine/{records.clock.epoch}", pid=os.getpid(), host=platform.node(), version=__version__)
    people = people_of(records, drill, grounds.secrets)
    life = EngineLife(settings, drill)
    life.start()
    crew = DrillCrew(_kit(records, plan, recorder=recorder, grounds=grounds, people=people, report_dir=report_dir, life=life))
    if grounds.replies is not None:
        clerk = DeskClerk(Desk(recorder, people), grounds.replies, on_tick=crew.notifier.look_after, on_trouble=_trouble(recorder.say))
        clerk.start()
        stack.callback(clerk.stop)
    engine = DurableEngine(database_engine(settings.database_url), executor=holder, crew_of=lambda _drill, _plan: crew)
    progress = records.progress(drill)
    if progress.started and not progress.outcome:
        life.arm()
        DrillObserver(settings, drill).go_on()
    engine.launch()
    engine.play(drill, plan)
    return Session(
        records, drill, plan, report_dir, grounds, life, failure=lambda: engine.failure(drill), settled=crew.settled, _stack=stack
    )


def _kit(records: Records, plan: Plan, *, recorder: Recorder, grounds: Grounds, people: People, report_dir: Path, life: EngineLife) -> Kit:
    observer = DrillObserver(records.settings, recorder.drill)
    hooks = Hooks(
        start_observer=observer.ready,
        stop_observer=observer.stop,
        canary_ranges=grounds.canary_ranges(recorder.drill),
        arm_dead_man=life.arm,
        warm=grounds.warm,
        publish=lambda: records.publish(recorder.drill, report_dir),
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
    )


def _trouble(say: Callable[..., object]) -> Callable[[DrillError], None]:
    def write(error: DrillError) -> None:
        say(Kind.FINDING_RAISED, f"finding/replies/{error.code}", code=error.code, what=error.what, fix=error.fix, severity="warning")

    return write
