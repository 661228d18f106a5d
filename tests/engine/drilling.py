"""What the engine's tests share: one drill in memory with scripted steps, people, a clock that plays events, and a way to die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, cast

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.attempt import Result, StepRunner
from drill.engine.desk import Desk
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.acknowledgement import Judgement
from drill.model.effects import Effect, Outputs, Resume, Stale
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Canary, Contact, Gate, Limits, Mode, Objectives, Plan, PlannedPhase, PlannedStep, Site, Text
from drill.model.ports import Attempt, InboundMessage, Journal, World
from drill.steps.base import Params, Step
from tests.fakes import FakeArtifacts, FakeClock, FakeGround, FakeProbes, FakeSecrets, fake_world

DRILL = "drill-1"
KEY = b"a key of the tests, 32 bytes long"
NUMBERS = {"LEAD_PHONE": "13900000001", "LEAD_PHONE_2": "13900000002", "ONCALL_PHONE": "13900000003", "MANAGER_PHONE": "13900000004"}


class Died(BaseException):
    """The engine's process ended here: nothing of ours may catch it."""


def die() -> None:
    """Kill the engine here."""
    raise Died


class DyingJournal(MemoryJournal):
    """Kills the engine once, right after a fact of a kind is stored."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind: Kind | None = kind

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        facts = super().append(drill, drafts, token=token)
        if self._kind in {fact.kind for fact in facts}:
            self._kind = None
            raise Died
        return facts


class StageClock(FakeClock):
    """Fake time of one life of the engine: `after` plays an event when somebody sleeps past its moment."""

    def __init__(self, *, life: int = 1, at_s: float = 1000.0) -> None:
        super().__init__()
        self.epoch = f"boot-1/{life}"
        self.at_s = at_s
        self._plays: list[tuple[float, Callable[[], object]]] = []

    def after(self, seconds: float, play: Callable[[], object]) -> None:
        """Play something so many seconds from now."""
        self._plays = sorted([*self._plays, (self.at_s + seconds, play)], key=lambda row: row[0])

    def sleep(self, seconds: float) -> None:
        until_s = self.at_s + seconds
        while self._plays and self._plays[0][0] <= until_s:
            at_s, play = self._plays.pop(0)
            self.at_s = max(self.at_s, at_s)
            play()
        self.at_s = max(self.at_s, until_s)


class ScriptedParams(Params):
    """What a scripted step may be given."""

    value: Any = None


Act = Mapping[str, Any] | BaseException | Callable[[Attempt, ScriptedParams], Mapping[str, Any]]


class ScriptedStep:
    """A step kind that does what its script says, call by call and step by step; without a script it succeeds at once.

    Not a subclass of Step: the registry of real kinds must not find it.
    """

    kind: ClassVar[str] = "scripted"
    params: ClassVar[type[Params]] = ScriptedParams
    title: ClassVar[tuple[str, str]] = ("Do as told", "照做")
    resume: ClassVar[Resume] = Resume.RERUN
    no_return: ClassVar[bool] = False
    marks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self.script: dict[str, list[Act]] = {}
        self.undo_script: dict[str, list[BaseException | Callable[[Attempt], None]]] = {}
        self.runs: list[tuple[str, int]] = []
        self.given: list[Any] = []
        self.undone: list[tuple[str, Mapping[str, Any]]] = []
        self.trouble: list[str] = []
        self.kept: Stale | None = None
        self.effects: list[Effect] = []
        self.left: list[str] | Exception = []
        self.foreseen: dict[str, Any] = {}
        self.ahead: dict[str, Any] | None = None

    def ready(self, params: ScriptedParams, world: World) -> list[str]:
        return self.trouble

    def stale(self, params: ScriptedParams, world: World) -> Stale | None:
        return self.kept

    def preview(self, params: ScriptedParams, world: World) -> list[Effect]:
        return self.effects

    def foresee(self, params: ScriptedParams, world: World) -> Mapping[str, Any]:
        return self.foreseen

    def found(self, params: ScriptedParams, world: World) -> Outputs | None:
        return None

    def undo_ahead(self, params: ScriptedParams) -> Mapping[str, Any] | None:
        return self.ahead

    def leftovers(self, params: ScriptedParams, world: World, drill: str, step: str) -> list[str]:
        if isinstance(self.left, Exception):
            raise self.left
        return [f"{step}: {what}" for what in self.left]

    def run(self, params: ScriptedParams, world: World, attempt: Attempt) -> Outputs:
        self.runs.append((attempt.step, attempt.number))
        self.given.append(params.value)
        acts = self.script.get(attempt.step, [])
        act = acts.pop(0) if acts else {}
        if isinstance(act, BaseException):
            raise act
        return act(attempt, params) if callable(act) else act

    def undo(self, params: ScriptedParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        self.undone.append((attempt.step, undo))
        acts = self.undo_script.get(attempt.step, [])
        act = acts.pop(0) if acts else None
        if isinstance(act, BaseException):
            raise act
        if act is not None:
            act(attempt)


class InlineSlots:
    """Nodes that run their bodies at once, one after the other: scheduling as a test can foresee it."""

    def reserve(self, name: str) -> InlineNode:
        return InlineNode()


class InlineNode:
    async def run(self, body: Callable[[], Result]) -> Result:
        await asyncio.sleep(0)
        return body()


def words(word: str) -> Text:
    return Text(en=word, zh=word)


def step_of(step_id: str, *, after: tuple[str, ...] = (), **fields: Any) -> PlannedStep:
    phase = step_id.partition(".")[0]
    params = {"value": fields.pop("value")} if "value" in fields else {}
    return PlannedStep(id=step_id, phase=phase, kind="scripted", title=words(step_id), params=params, after=after, **fields)


def phase_of(
    name: str, *steps: PlannedStep, after: tuple[str, ...] = (), gate: str | None = None, notify: tuple[str, ...] = ()
) -> PlannedPhase:
    return PlannedPhase(id=name, title=words(name), after=after, steps=steps, gate=gate, notify=notify)


def gate_of(name: str, *, ask: tuple[str, ...] = ("lead",), within_s: float = 60.0, phases: tuple[str, ...] = (), **fields: Any) -> Gate:
    return Gate(id=name, phases=phases or (name,), ask=ask, within_s=within_s, **fields)


def plan_of(
    *phases: PlannedPhase,
    gates: tuple[Gate, ...] = (),
    failback: tuple[PlannedPhase, ...] = (),
    steady_state: tuple[str, ...] = (),
    canary: bool = False,
    limits: Limits | None = None,
) -> Plan:
    """A plan with three people: lead (two numbers, English), oncall and manager (one number each, Chinese)."""
    return Plan(
        scenario="test",
        title=words("test"),
        mode=Mode.SANDBOX,
        objectives=Objectives(rto_s=60, rpo_s=10),
        sites=(Site(id="primary", provider="sandbox", region="a"), Site(id="standby", provider="sandbox", region="b")),
        steady_state=steady_state,
        canary=Canary(postgres="secret:CANARY_DSN") if canary else None,
        contacts=(
            Contact(id="lead", title="Duty lead", sms=("secret:LEAD_PHONE", "secret:LEAD_PHONE_2")),
            Contact(id="oncall", title="On-call SRE", sms=("secret:ONCALL_PHONE",), language="zh"),
            Contact(id="manager", title="Duty manager", sms=("secret:MANAGER_PHONE",), language="zh"),
        ),
        limits=limits or Limits(max_changes=10, allow=("*",)),
        phases=phases,
        failback=failback,
        gates=gates,
    )


@dataclass
class Stage:
    """One drill in memory, in one life of its engine. `next_life` is the engine after a crash: same journal, same world, nothing else."""

    plan: Plan
    journal: Journal = field(default_factory=MemoryJournal)
    step: ScriptedStep = field(default_factory=ScriptedStep)
    clock: StageClock = field(default_factory=StageClock)
    probes: FakeProbes = field(default_factory=lambda: FakeProbes("primary"))
    life: int = 1

    def __post_init__(self) -> None:
        self.artifacts = FakeArtifacts()
        self.secrets = FakeSecrets(NUMBERS)
        self.people = People(self.plan, drill=DRILL, secrets=self.secrets, key=KEY)
        self.recorder = Recorder(DRILL, journal=self.journal, clock=self.clock)
        ground = FakeGround({"primary": {"host": "127.0.1.1"}, "standby": {"host": "127.0.2.1"}})
        self.world = fake_world(ground=ground, probes=self.probes, clock=self.clock)
        kinds = {"scripted": cast("Step[Any]", self.step)}
        self.runner = StepRunner(self.plan, kinds=kinds, world=self.world, recorder=self.recorder, artifacts=self.artifacts)
        self.recorder.say(Kind.ENGINE_STARTED, f"engine/{self.clock.epoch}", pid=self.life, host="laptop", version="1")

    def next_life(self, *, later_s: float = 5.0) -> Stage:
        """The engine after a crash, so many seconds later."""
        clock = StageClock(life=self.life + 1, at_s=self.clock.at_s + later_s)
        return Stage(self.plan, self.journal, self.step, clock, self.probes, self.life + 1)

    def run(self, step_id: str) -> Result:
        """Run one step to its end."""
        return self.runner.run(self.plan.step(step_id))

    def facts(self, *kinds: Kind) -> list[Fact]:
        """The facts of these kinds, or all of them."""
        return self.journal.read(DRILL, kinds=frozenset(kinds) or None)

    def kinds(self, *but: Kind) -> list[Kind]:
        """What happened, in order, engine starts left out."""
        return [fact.kind for fact in self.facts() if fact.kind not in {Kind.ENGINE_STARTED, *but}]

    def abort(self, reason: str = "asked to", *, channel: str = "cli", **extra: Any) -> None:
        """Somebody asks to stop."""
        self.recorder.say(Kind.ABORT_REQUESTED, f"abort/test/{len(self.facts())}", reason=reason, channel=channel, **extra)

    def decide(self, verb: Literal["failback", "proceed", "abort"]) -> None:
        """A person chooses what becomes of a drill on hold."""
        self.recorder.say(Kind.OPERATOR_DECIDED, f"operator/{len(self.facts())}", by="person:operator", verb=verb, subject=DRILL)

    def says(self, contact: str, text: str, *, message_id: str = "", sent_at: datetime | None = None) -> Judgement:
        """A person answers by text from their first number."""
        address = self.people.addresses(self.plan.contact(contact), "sms")[0]
        message = InboundMessage(message_id or f"in-{len(self.facts())}", address, text, sent_at, "handle")
        return Desk(self.recorder, self.people).take_message(message)

    def code(self, gate_id: str, contact: str) -> str:
        """The code this person was sent for the gate."""
        return self.people.code(self.plan.gate(gate_id), contact)


def texts_of(facts: Sequence[Fact]) -> list[tuple[str, str]]:
    """Purpose and contact of every text sent."""
    return [(fact.data["purpose"], fact.data["contact"]) for fact in facts if fact.kind is Kind.MESSAGE_SENT]
