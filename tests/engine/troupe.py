"""A whole drill in memory for the tests of the crew: its conductor, its crew, people who answer, and a report at every turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from drill.engine.attempt import Result
from drill.engine.conduct import Conductor
from drill.engine.crew import DrillCrew, Hooks, Kit
from drill.model.errors import Fatal, PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.ports import Attempt
from drill.model.report import Report
from drill.model.summarize import summarize
from drill.steps.base import Step
from tests.engine.drilling import Died, InlineSlots, ScriptedParams, Stage, die, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

SHAPE = plan_of(
    phase_of("go", gate="go"),
    phase_of("a", step_of("a.x"), after=("go",)),
    phase_of("b", step_of("b.promote", no_return=True), after=("a",), gate="b"),
    phase_of("c", step_of("c.z"), after=("b",)),
    failback=(phase_of("home", step_of("home.y")),),
    gates=(gate_of("go", at="before"), gate_of("b")),
    steady_state=("checkout",),
)


@dataclass
class Troupe:
    """A whole drill in memory: crew, conductor, people who answer after two seconds, and a report at every turn."""

    plan: Plan = SHAPE
    stage: Stage = field(default_factory=lambda: Stage(SHAPE))
    messenger: FakeMessenger = field(default_factory=FakeMessenger)
    answers: Mapping[str, str] = field(default_factory=lambda: {"go": "1", "b": "1"})
    hooked: list[str] = field(default_factory=list)
    canary: Sequence[tuple[int, int]] | Fatal = ()
    silent_from: int = 0
    """At which look for places elsewhere one has fallen silent; 0: all send."""
    looks: int = 0
    dead_man_falls: int = 0
    """At which look for the dead man there is none any more; 0: it always stands."""

    def __post_init__(self) -> None:
        drill = self.stage
        if drill.life == 1:
            body = self.plan.model_dump(mode="json")
            drill.recorder.say(Kind.DRILL_PLANNED, "planned", plan=body, plan_digest=self.plan.digest(), started_by="sre")
        hooks = Hooks(
            start_observer=lambda: self.hooked.append("observe"),
            stop_observer=lambda: self.hooked.append("stop observing"),
            canary_ranges=self._ranges,
            arm_dead_man=lambda: self.hooked.append("arm"),
            warm=lambda: self.hooked.append("warm"),
            publish=self._publish,
            await_dead_man=self._await_dead_man,
            hear_out=lambda: self.hooked.append("hear out"),
            unheard=self._unheard,
        )
        self.crew = DrillCrew(
            Kit(
                plan=self.plan,
                kinds={"scripted": cast("Step[Any]", drill.step)},
                world=drill.world,
                recorder=drill.recorder,
                artifacts=drill.artifacts,
                secrets=drill.secrets,
                people=drill.people,
                messengers={"sms": self.messenger},
                hooks=hooks,
            )
        )
        for gate, verb in self.answers.items():
            self._will_answer(gate, verb)

    def _ranges(self, _site: str, _highest: int) -> Sequence[tuple[int, int]]:
        if isinstance(self.canary, Fatal):
            raise self.canary
        return self.canary

    def _unheard(self) -> list[str]:
        self.looks += 1
        return ["frankfurt has sent nothing for 5 s"] if 0 < self.silent_from <= self.looks else []

    def _await_dead_man(self) -> None:
        self.hooked.append("await")
        if self.hooked.count("await") == self.dead_man_falls:
            raise PreflightFailed("the dead man does not stand watch.", code="F065")

    def _publish(self) -> Report:
        self.hooked.append("publish")
        return summarize(self.stage.facts(), trend=(), version="1")

    def _will_answer(self, gate: str, verb: str) -> None:
        """Two seconds after the question, however late it comes."""

        def look() -> None:
            row = self.stage.recorder.look(lambda progress: progress.gate(gate).state)
            if row == "open":
                self.stage.says("lead", f"{verb} {self.stage.code(gate, 'lead')}")
            elif row == "closed":
                self.stage.clock.after(2.0, look)

        self.stage.clock.after(2.0, look)

    def next_life(self) -> Troupe:
        return Troupe(self.plan, self.stage.next_life(), self.messenger, self.answers, [], self.canary)

    def play(self) -> Result:
        return asyncio.run(Conductor(self.plan, slots=InlineSlots(), crew=self.crew).conduct())

    def exit_code(self) -> int:
        return int(self.stage.facts(Kind.DRILL_FINISHED)[0].data["exit_code"])

    def ran(self) -> list[str]:
        return [step for step, _ in self.stage.step.runs]


def registers(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
    attempt.register_undo({"undo": "automatic"})
    return {}


def held() -> Troupe:
    """A drill whose promote failed for good: the point of no return is behind it."""
    troupe = Troupe()
    troupe.stage.step.script["a.x"] = [registers]
    troupe.stage.step.script["b.promote"] = [Fatal("no quorum")]
    troupe.stage.clock.after(60.0, die)
    with pytest.raises(Died):
        troupe.play()
    return troupe
