"""Plays a plan: what may run beside what, and what follows from how it ended.

Deterministic on replay: every decision is the recorded result of a reserved node, and all nodes of a part are reserved in plan
order before the first of them runs, so free scheduling cannot change their numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol

from drill.engine.attempt import Result
from drill.model.graph import topological
from drill.model.plan import Gate, Plan, PlannedPhase, PlannedStep

Part = Literal["drill", "failback"]
BLOCKED: Result = {"status": "blocked"}


class Node(Protocol):
    """A reserved place in the durable record; its body runs at most once to a recorded result."""

    async def run(self, body: Callable[[], Result]) -> Result:
        """The body's result, or the recorded one of an earlier life."""


class Slots(Protocol):
    """Hands out nodes; the order of reservation is part of the record."""

    def reserve(self, name: str) -> Node:
        """A node with a unique name."""


class Crew(Protocol):
    """The hands of the conductor: each method is the body of a node, blocking, and safe to run again after a crash."""

    def preflight(self) -> Result: ...
    def refuse(self) -> Result: ...
    def begin(self) -> Result: ...
    def run_step(self, step: PlannedStep) -> Result: ...
    def hold_gate(self, gate: Gate) -> Result: ...
    def tell(self, phase: PlannedPhase) -> Result: ...
    def close_phase(self, phase: PlannedPhase, *, ok: bool) -> Result: ...
    def decide(self, part: Part) -> Result: ...
    def hold(self, part: Part, turn: int) -> Result: ...
    def undo(self) -> Result: ...
    def begin_failback(self) -> Result: ...
    def finish(self) -> Result: ...


class Conductor:
    """Conducts one drill."""

    def __init__(self, plan: Plan, *, slots: Slots, crew: Crew) -> None:
        self._plan = plan
        self._slots = slots
        self._crew = crew

    async def conduct(self) -> Result:
        """Play the plan to its end and return the result of the last node."""
        if (await self._once("preflight", self._crew.preflight))["status"] != "ok":
            return await self._once("refuse", self._crew.refuse)
        if (await self._once("begin", self._crew.begin))["status"] != "ok":
            return await self._once("refuse", self._crew.refuse)
        way = await self._play("drill", self._plan.phases)
        if way != "undo":
            await self._once("failback", self._crew.begin_failback)
            way = await self._play("failback", self._plan.failback)
        if way == "undo":
            await self._once("undo", self._crew.undo)
        return await self._once("finish", self._crew.finish)

    async def _once(self, name: str, body: Callable[[], Result]) -> Result:
        return await self._slots.reserve(name).run(body)

    async def _play(self, part: Part, phases: Sequence[PlannedPhase]) -> str:
        """Run a part, again after each hold that a person lifts; returns what comes next: failback, undo or end."""
        turn = 0
        while True:
            await _Turn(part, turn, phases, plan=self._plan, slots=self._slots, crew=self._crew).play()
            after: str = (await self._once(f"{part}/{turn}/decide", lambda: self._crew.decide(part)))["next"]
            if after != "hold":
                return after
            chosen = await self._once(f"{part}/{turn}/hold", partial(self._crew.hold, part, turn))
            if part == "drill" and chosen["verb"] in {"failback", "undo"}:
                return str(chosen["verb"])
            turn += 1


class _Turn:
    """One pass over the phases of a part."""

    def __init__(self, part: Part, turn: int, phases: Sequence[PlannedPhase], *, plan: Plan, slots: Slots, crew: Crew) -> None:
        self._phases = phases
        self._plan = plan
        self._crew = crew
        self._name = f"{part}/{turn}"
        self._slots = slots
        self._nodes: dict[str, Node] = {}
        self._gates = {gate.id: gate for gate in plan.gates if gate.phases[0] in {phase.id for phase in phases}}
        for phase in phases:
            self._reserve(phase)
        loop = asyncio.get_running_loop()
        self._worked: dict[str, asyncio.Future[bool]] = {phase.id: loop.create_future() for phase in phases}
        self._passed: dict[str, asyncio.Future[bool]] = {phase.id: loop.create_future() for phase in phases}
        self._answered: dict[str, asyncio.Task[Result]] = {}

    def _reserve(self, phase: PlannedPhase) -> None:
        names = [f"step:{step.id}" for step in phase.steps] + [f"tell:{phase.id}", f"close:{phase.id}"]
        if phase.gate:
            names.append(f"gate:{phase.gate}")
        for name in names:
            if name not in self._nodes:
                self._nodes[name] = self._slots.reserve(f"{self._name}/{name}")

    async def play(self) -> None:
        """Run every phase as soon as those before it have passed; ends when nothing runs any more, gates included."""
        for gate in self._gates.values():
            if gate.at == "after":
                self._answered[gate.id] = asyncio.create_task(self._ask_after(gate))
        phases = [asyncio.create_task(self._phase(phase)) for phase in self._phases]
        results = await asyncio.gather(*phases, *self._answered.values(), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _ask_after(self, gate: Gate) -> Result:
        worked = [await self._worked[phase] for phase in gate.phases]
        return await self._gate(gate) if all(worked) else BLOCKED

    async def _gate(self, gate: Gate) -> Result:
        return await self._nodes[f"gate:{gate.id}"].run(lambda: self._crew.hold_gate(gate))

    async def _phase(self, phase: PlannedPhase) -> None:
        passed = False
        try:
            if all([await self._passed[earlier] for earlier in phase.after]):
                passed = await self._work_through(phase)
        finally:
            for future in (self._worked[phase.id], self._passed[phase.id]):
                if not future.done():
                    future.set_result(False)
        _settle(self._passed[phase.id], passed)

    async def _work_through(self, phase: PlannedPhase) -> bool:
        gate = self._gates.get(phase.gate or "")
        if gate and gate.at == "before" and (await self._gate(gate))["status"] != "ok":
            return False
        ok = await self._steps(phase)
        self._worked[phase.id].set_result(ok)
        telling = asyncio.create_task(self._tell(phase, ok=ok))
        if ok and gate and gate.at == "after" and gate.blocking:
            ok = (await self._answered[gate.id])["status"] == "ok"
        self._passed[phase.id].set_result(ok)
        await self._nodes[f"close:{phase.id}"].run(lambda: self._crew.close_phase(phase, ok=ok))
        await telling
        return ok

    async def _tell(self, phase: PlannedPhase, *, ok: bool) -> None:
        if ok and phase.notify:
            await self._nodes[f"tell:{phase.id}"].run(lambda: self._crew.tell(phase))

    async def _steps(self, phase: PlannedPhase) -> bool:
        tasks: dict[str, asyncio.Task[Result]] = {}
        for step in _in_order(phase.steps):
            tasks[step.id] = asyncio.create_task(self._step(step, [tasks[earlier] for earlier in step.after]))
        results = await asyncio.gather(*tasks.values(), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return all(result["status"] == "ok" for result in results if not isinstance(result, BaseException))

    async def _step(self, step: PlannedStep, earlier: Sequence[asyncio.Task[Result]]) -> Result:
        before = [await task for task in earlier]
        if any(result["status"] != "ok" for result in before):
            return BLOCKED
        return await self._nodes[f"step:{step.id}"].run(lambda: self._crew.run_step(step))


def _settle(future: asyncio.Future[bool], value: bool) -> None:  # noqa: FBT001 - a future's only value
    if not future.done():
        future.set_result(value)


def _in_order(steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    """Steps so that each comes after those it waits for. Raises: ValueError: they wait for one another."""
    named = {step.id: step for step in steps}
    return [named[name] for name in topological({step.id: step.after for step in steps})]
