"""The conductor: what runs beside what, what waits, and what follows from how it ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from drill.engine.attempt import Result
from drill.engine.conduct import Conductor, Part
from drill.model.plan import Gate, Limits, Mode, Objectives, Plan, PlannedPhase, PlannedStep, Text

OK: Result = {"status": "ok"}


class ThreadSlots:
    """Nodes that run their bodies in threads and remember the order of reservation and of names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def reserve(self, name: str) -> ThreadNode:
        assert name not in self.names, f"{name} was reserved twice"
        self.names.append(name)
        return ThreadNode()


class ThreadNode:
    async def run(self, body: Callable[[], Result]) -> Result:
        return await asyncio.to_thread(body)


class ScriptedCrew:
    """A crew that does what the script says and writes down what it was asked."""

    def __init__(self, script: dict[str, str] | None = None, decisions: dict[str, list[str]] | None = None) -> None:
        self.script = script or {}
        self.decisions = decisions or {}
        self.log: list[str] = []
        self._lock = threading.Lock()

    def _do(self, what: str) -> Result:
        with self._lock:
            self.log.append(what)
        return {"status": self.script.get(what, "ok")}

    def preflight(self) -> Result:
        return self._do("preflight")

    def refuse(self) -> Result:
        return self._do("refuse")

    def begin(self) -> Result:
        return self._do("begin")

    def run_step(self, step: PlannedStep) -> Result:
        return self._do(step.id)

    def hold_gate(self, gate: Gate) -> Result:
        return self._do(f"gate {gate.id}")

    def tell(self, phase: PlannedPhase) -> Result:
        return self._do(f"tell {phase.id}")

    def close_phase(self, phase: PlannedPhase, *, ok: bool) -> Result:
        return self._do(f"close {phase.id} {'ok' if ok else 'bad'}")

    def decide(self, part: Part) -> Result:
        queue = self.decisions.get(part, [])
        return {"status": "ok", "next": queue.pop(0) if queue else "failback" if part == "drill" else "end"}

    def hold(self, part: Part, turn: int) -> Result:
        self._do(f"hold {part} {turn}")
        return {"status": "ok", "verb": self.script.get("verb", "failback")}

    def undo(self) -> Result:
        return self._do("undo")

    def begin_failback(self) -> Result:
        return self._do("failback")

    def finish(self) -> Result:
        return self._do("finish")


def text(word: str) -> Text:
    return Text(en=word, zh=word)


def step(phase: str, name: str, after: tuple[str, ...] = ()) -> PlannedStep:
    return PlannedStep(
        id=f"{phase}.{name}", phase=phase, kind="noop", title=text(name), params={}, after=tuple(f"{phase}.{each}" for each in after)
    )


def phase(
    name: str, *steps: PlannedStep, after: tuple[str, ...] = (), gate: str | None = None, notify: tuple[str, ...] = ()
) -> PlannedPhase:
    return PlannedPhase(id=name, title=text(name), after=after, steps=steps, gate=gate, notify=notify)


def gate(name: str, *phases: str, at: str = "after", blocking: bool = True) -> Gate:
    return Gate.model_validate({"id": name, "phases": phases or (name,), "at": at, "ask": ("lead",), "within_s": 5.0, "blocking": blocking})


def plan(phases: tuple[PlannedPhase, ...], gates: tuple[Gate, ...] = (), failback: tuple[PlannedPhase, ...] = ()) -> Plan:
    return Plan(
        scenario="test",
        title=text("test"),
        mode=Mode.SANDBOX,
        objectives=Objectives(rto_s=60, rpo_s=10),
        sites=(),
        limits=Limits(max_changes=1, allow=()),
        phases=phases,
        failback=failback,
        gates=gates,
    )


def play(the_plan: Plan, crew: ScriptedCrew) -> list[str]:
    asyncio.run(Conductor(the_plan, slots=ThreadSlots(), crew=crew).conduct())
    return crew.log


def test_a_refused_preflight_touches_nothing() -> None:
    crew = ScriptedCrew({"preflight": "failed"})

    log = play(plan((phase("a", step("a", "x")),)), crew)

    assert log == ["preflight", "refuse"]


def test_a_gate_before_a_phase_holds_its_steps() -> None:
    crew = ScriptedCrew({"gate go": "declined"}, {"drill": ["undo"]})

    log = play(plan((phase("go", gate="go"), phase("a", step("a", "x"), after=("go",))), (gate("go", at="before"),)), crew)

    assert "a.x" not in log
    assert log[-2:] == ["undo", "finish"]


def test_a_joint_gate_is_asked_once_after_all_its_phases() -> None:
    phases = (
        phase("a", step("a", "x"), gate="both"),
        phase("b", step("b", "y"), gate="both"),
        phase("c", step("c", "z"), after=("a", "b")),
    )

    log = play(plan(phases, (gate("both", "a", "b"),)), ScriptedCrew())

    assert log.count("gate both") == 1
    assert max(log.index("a.x"), log.index("b.y")) < log.index("gate both") < log.index("c.z")


def test_a_gate_that_does_not_block_is_still_joined_before_the_decision() -> None:
    released = threading.Event()

    class Patient(ScriptedCrew):
        def hold_gate(self, gate: Gate) -> Result:
            assert released.wait(20), "the next phase never ran beside the open gate"
            return super().hold_gate(gate)

        def run_step(self, step: PlannedStep) -> Result:
            if step.id == "b.y":
                released.set()
            return super().run_step(step)

    phases = (phase("a", step("a", "x"), gate="a"), phase("b", step("b", "y"), after=("a",)))

    log = play(plan(phases, (gate("a", blocking=False),)), Patient())

    assert log.index("b.y") < log.index("gate a") < log.index("failback")


def test_a_failed_step_blocks_what_waits_for_it_and_no_gate_is_asked() -> None:
    phases = (phase("a", step("a", "x"), step("a", "y", after=("x",)), gate="a"), phase("b", step("b", "z"), after=("a",)))
    crew = ScriptedCrew({"a.x": "failed"}, {"drill": ["undo"]})

    log = play(plan(phases, (gate("a"),)), crew)

    assert "a.y" not in log
    assert "b.z" not in log
    assert "gate a" not in log
    assert "close a bad" in log


def test_a_hold_that_is_lifted_by_proceed_plays_the_part_again() -> None:
    crew = ScriptedCrew({"verb": "proceed"}, {"drill": ["hold", "failback"]})

    log = play(plan((phase("a", step("a", "x")),)), crew)

    assert log.count("a.x") == 2
    assert log.count("hold drill 0") == 1


def test_a_hold_in_the_failback_is_played_again_until_it_is_home() -> None:
    crew = ScriptedCrew({}, {"failback": ["hold", "end"]})

    log = play(plan((phase("a", step("a", "x")),), failback=(phase("home", step("home", "y")),)), crew)

    assert log.count("home.y") == 2
    assert log[-1] == "finish"


def test_a_phase_that_asks_nobody_tells_its_status() -> None:
    log = play(plan((phase("a", step("a", "x"), notify=("lead",)),)), ScriptedCrew())

    assert log.count("tell a") == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8))
def test_every_phase_runs_once_and_after_those_it_waits_for(edges: list[set[int]]) -> None:
    phases = tuple(
        phase(f"p{number}", step(f"p{number}", "s"), after=tuple(f"p{other}" for other in sorted(before) if other < number))
        for number, before in enumerate(edges)
    )

    log = play(plan(phases), ScriptedCrew())

    for each in phases:
        assert log.count(f"{each.id}.s") == 1
        assert all(log.index(f"{earlier}.s") < log.index(f"{each.id}.s") for earlier in each.after)


def test_nodes_are_reserved_in_plan_order_whatever_finishes_first() -> None:
    phases = (phase("a", step("a", "x")), phase("b", step("b", "y")), phase("c", step("c", "z"), after=("b",)))
    first, second = ThreadSlots(), ThreadSlots()

    asyncio.run(Conductor(plan(phases), slots=first, crew=ScriptedCrew()).conduct())
    asyncio.run(Conductor(plan(phases), slots=second, crew=ScriptedCrew()).conduct())

    assert first.names == second.names
    assert [name for name in first.names if "/step:" in name] == ["drill/0/step:a.x", "drill/0/step:b.y", "drill/0/step:c.z"]
