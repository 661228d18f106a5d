"""Steps that a person decides about: in doubt after a crash, or failed for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drill.engine.attempt import Result, StepRunner
from drill.model.effects import Effect, Outputs, Resume, Verb
from drill.model.errors import Fatal
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.ports import World
from tests.engine.drilling import Died, ScriptedParams, ScriptedStep, Stage, phase_of, plan_of, step_of


class Readable(ScriptedStep):
    """A scripted kind that can be read back."""

    def __init__(self, put_out: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.put_out = put_out

    def found(self, params: ScriptedParams, world: World) -> Outputs | None:
        return self.put_out


def plan(**fields: Any) -> Plan:
    return plan_of(phase_of("a", step_of("a.x").model_copy(update=fields)))


def stage(kind: Readable, **fields: Any) -> Stage:
    return Stage(plan(**fields), step=kind)


def interrupted(kind: Readable, **fields: Any) -> Stage:
    """A drill whose engine died while its step ran."""
    kind.script["a.x"] = [Died()]
    first = stage(kind, **fields)
    with pytest.raises(Died):
        first.run("a.x")
    return first.next_life()


def run(drill: Stage, told: list[tuple[str, int]] | None = None) -> Result:
    rows = [] if told is None else told
    runner = StepRunner(
        drill.plan,
        kinds=drill.runner.kinds,
        world=drill.world,
        recorder=drill.recorder,
        artifacts=drill.artifacts,
        tell_asked=lambda planned, number: rows.append((planned.id, number)),
    )
    return runner.run(drill.plan.step("a.x"))


def says(drill: Stage, verb: str, *, after_s: float = 5.0) -> None:
    drill.clock.after(
        after_s,
        lambda: drill.recorder.say(Kind.OPERATOR_DECIDED, f"operator/{verb}", by="person:operator", verb=verb, subject="a.x"),
    )


def test_a_step_that_had_worked_when_the_engine_died_is_not_run_again_when_its_outputs_can_be_told() -> None:
    drill = interrupted(Readable({"url": "x"}))

    assert run(drill) == {"status": "ok"}

    (succeeded,) = drill.facts(Kind.STEP_SUCCEEDED)
    assert (succeeded.data["attempt"], succeeded.data["outputs"], succeeded.data["read_back"]) == (1, {"url": "x"}, True)
    assert len(drill.step.runs) == 1


def test_a_step_that_converges_runs_again_when_nothing_can_be_told() -> None:
    drill = interrupted(Readable())

    assert run(drill) == {"status": "ok"}

    assert drill.step.runs == [("a.x", 1), ("a.x", 2)]


def test_a_step_in_doubt_that_must_not_be_repeated_is_put_to_a_person_with_what_was_seen() -> None:
    kind = Readable()
    kind.effects = [Effect(verb=Verb.SEND, target="a")]
    drill, told = interrupted(kind, resume=Resume.ASK), list[tuple[str, int]]()
    says(drill, "retry")

    assert run(drill, told) == {"status": "ok"}

    (asked,) = drill.facts(Kind.STEP_ASKED)
    assert "1 change(s) of it are still to be made" in asked.data["why"]
    assert told == [("a.x", 1)]
    assert drill.step.runs == [("a.x", 1), ("a.x", 2)]


def test_a_crash_before_the_question_does_not_let_the_step_run_unasked() -> None:
    drill = interrupted(Readable(), resume=Resume.ASK)
    drill.recorder.say(Kind.STEP_INTERRUPTED, "a.x/1/interrupted", phase="a", step="a.x", attempt=1)
    says(drill, "skip")

    assert run(drill) == {"status": "ok"}

    assert len(drill.facts(Kind.STEP_ASKED)) == 1
    assert len(drill.step.runs) == 1


def test_a_step_in_doubt_that_a_person_skips_is_a_deviation_and_lets_the_drill_go_on() -> None:
    drill = interrupted(Readable(), resume=Resume.ASK)
    says(drill, "skip")

    assert run(drill) == {"status": "ok"}

    (skipped,) = drill.facts(Kind.STEP_SKIPPED)
    assert "a person went on without it" in skipped.data["reason"]
    assert len(drill.step.runs) == 1


def test_a_step_that_asks_on_failure_asks_after_its_last_retry_and_aborts_nothing() -> None:
    kind = Readable()
    kind.script["a.x"] = [Fatal("no quorum"), {"ok": True}]
    drill = stage(kind, on_failure="ask")
    says(drill, "retry")

    assert run(drill) == {"status": "ok"}

    assert [fact.data["why"] for fact in drill.facts(Kind.STEP_ASKED)] == ["it failed: no quorum"]
    assert not drill.facts(Kind.ABORT_REQUESTED)


def test_the_question_and_its_answer_survive_a_crash() -> None:
    kind = Readable()
    kind.script["a.x"] = [Fatal("no quorum")]
    first = stage(kind, on_failure="ask")
    first.clock.after(2.0, lambda: (_ for _ in ()).throw(Died()))
    with pytest.raises(Died):
        run(first)
    first.recorder.say(Kind.OPERATOR_DECIDED, "operator/skip", by="person:operator", verb="skip", subject="a.x")

    assert run(first.next_life()) == {"status": "ok"}

    assert len(first.facts(Kind.STEP_ASKED)) == 1
    assert len(first.facts(Kind.STEP_SKIPPED)) == 1
    assert len(kind.runs) == 1


def test_an_abort_ends_the_wait_for_a_person() -> None:
    kind = Readable()
    kind.script["a.x"] = [Fatal("no quorum")]
    drill = stage(kind, on_failure="ask")
    drill.clock.after(5.0, drill.abort)

    assert run(drill) == {"status": "stopped"}
