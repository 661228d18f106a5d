"""One step to its end: what the journal knows is not done again, failures are counted from it, and every end is written down."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from drill.model.effects import Outputs
from drill.model.errors import Fatal, InDoubt, JournalBroken, PreflightFailed, Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt
from tests.engine.drilling import Died, DyingJournal, ScriptedParams, Stage, phase_of, plan_of, step_of

STEP = "a.x"


def stage(**fields: Any) -> Stage:
    return Stage(plan_of(phase_of("a", step_of(STEP, **fields))))


def test_a_step_that_succeeded_is_not_run_again_after_a_crash() -> None:
    drill = stage()
    drill.run(STEP)

    result = drill.next_life().run(STEP)

    assert result == {"status": "ok"}
    assert drill.step.runs == [(STEP, 1)]


def test_a_step_that_ran_when_the_engine_died_is_marked_interrupted_and_run_again() -> None:
    drill = stage()
    drill.step.script[STEP] = [Died()]
    with pytest.raises(Died):
        drill.run(STEP)

    drill.next_life().run(STEP)

    assert drill.step.runs == [(STEP, 1), (STEP, 2)]
    assert drill.kinds() == [Kind.STEP_STARTED, Kind.STEP_INTERRUPTED, Kind.STEP_STARTED, Kind.STEP_SUCCEEDED]
    assert drill.facts(Kind.STEP_INTERRUPTED)[0].data["attempt"] == 1


def test_a_step_that_was_running_when_the_engine_died_does_not_seem_to_run_after_an_abort() -> None:
    drill = stage()
    drill.step.script[STEP] = [Died()]
    with pytest.raises(Died):
        drill.run(STEP)
    second = drill.next_life()
    second.abort()

    result = second.run(STEP)

    assert result == {"status": "stopped"}
    assert second.recorder.look(lambda progress: progress.step(STEP).state) == "interrupted"
    assert drill.step.runs == [(STEP, 1)]


def test_a_retryable_failure_is_tried_again_after_growing_pauses() -> None:
    drill = stage(retries=3)
    drill.step.script[STEP] = [Retryable("not yet") for _ in range(3)]

    result = drill.run(STEP)

    started = [fact.mono_s for fact in drill.facts(Kind.STEP_STARTED)]
    assert result == {"status": "ok"}
    assert [round(later - earlier) for earlier, later in pairwise(started)] == [1, 2, 5]
    assert [fact.data["wait_s"] for fact in drill.facts(Kind.STEP_RETRY_SCHEDULED)] == [1.0, 2.0, 5.0]


def test_retries_are_counted_from_the_journal_across_a_crash() -> None:
    drill = stage(retries=1)
    drill.step.script[STEP] = [Retryable("once"), Died(), Retryable("twice")]
    with pytest.raises(Died):
        drill.run(STEP)

    result = drill.next_life().run(STEP)

    assert result["status"] == "failed"
    assert [number for _, number in drill.step.runs] == [1, 2, 3]


@pytest.mark.parametrize(("error", "retries"), [(Fatal("wrong module"), 3), (Retryable("not yet"), 0)])
def test_a_crash_right_after_the_last_failure_does_not_give_the_step_another_try(error: Exception, retries: int) -> None:
    drill = Stage(plan_of(phase_of("a", step_of(STEP, retries=retries))), DyingJournal(Kind.STEP_FAILED))
    drill.step.script[STEP] = [error]
    with pytest.raises(Died):
        drill.run(STEP)

    result = drill.next_life().run(STEP)

    assert result == {"status": "stopped"}
    assert drill.step.runs == [(STEP, 1)]
    assert len(drill.facts(Kind.ABORT_REQUESTED)) == 1


def test_a_fatal_failure_is_not_tried_again_and_asks_to_stop() -> None:
    drill = stage(retries=5)
    drill.step.script[STEP] = [Fatal("wrong module", code="A240", fix="Correct it.")]

    result = drill.run(STEP)

    failure, abort = drill.facts(Kind.STEP_FAILED)[0].data, drill.facts(Kind.ABORT_REQUESTED)[0].data
    assert result == {"status": "failed", "code": "A240"}
    assert drill.step.runs == [(STEP, 1)]
    assert (failure["error"], failure["fix"], failure["retryable"]) == ("wrong module", "Correct it.", False)
    assert (abort["reason"], abort["channel"], abort["step"]) == ("a.x failed: wrong module", "engine", STEP)


def test_a_failure_in_doubt_is_written_as_such_and_tried_again() -> None:
    drill = stage(retries=1)
    drill.step.script[STEP] = [InDoubt("no answer")]

    result = drill.run(STEP)

    assert result == {"status": "ok"}
    assert drill.facts(Kind.STEP_FAILED)[0].data["in_doubt"] is True


def test_an_unexpected_exception_is_recorded_as_a_bug_of_ours_and_not_swallowed() -> None:
    drill = stage(retries=2)
    drill.step.script[STEP] = [KeyError("addresses")]

    result = drill.run(STEP)

    failure = drill.facts(Kind.STEP_FAILED)[0].data
    assert result == {"status": "failed", "code": "A900"}
    assert failure["error"] == "an unexpected KeyError: 'addresses'"
    assert drill.facts(Kind.ABORT_REQUESTED)


@pytest.mark.parametrize("outputs", [{"addresses": {"a", "set"}}, {"lag": float("nan")}, 7])
def test_outputs_that_no_journal_can_hold_fail_the_step_and_not_the_engine(outputs: Any) -> None:
    drill = stage()
    drill.step.script[STEP] = [lambda _attempt, _params: outputs]

    result = drill.run(STEP)

    assert result == {"status": "failed", "code": "A900"}


def test_an_error_of_ours_that_is_no_step_error_keeps_its_words() -> None:
    drill = stage(retries=2)
    drill.step.script[STEP] = [PreflightFailed("no key", code="F010", fix="Set it.")]

    drill.run(STEP)

    failure = drill.facts(Kind.STEP_FAILED)[0].data
    assert (failure["code"], failure["error"], failure["fix"]) == ("F010", "no key", "Set it.")


def test_a_broken_journal_ends_the_engine_and_is_no_failure_of_the_step() -> None:
    drill = stage()
    drill.step.script[STEP] = [JournalBroken("the disk is full", code="J020")]

    with pytest.raises(JournalBroken):
        drill.run(STEP)

    assert not drill.facts(Kind.STEP_FAILED)


def test_a_try_is_told_when_its_time_is_up() -> None:
    drill = stage(timeout_s=30.0)

    def waits(attempt: Attempt, _params: ScriptedParams) -> Outputs:
        while not attempt.stopping():
            drill.clock.sleep(1.0)
        raise Retryable(f"stopped with {attempt.remaining_s():.0f} s left")

    drill.step.script[STEP] = [waits]

    drill.run(STEP)

    started, failed = drill.facts(Kind.STEP_STARTED)[0], drill.facts(Kind.STEP_FAILED)[0]
    assert failed.mono_s - started.mono_s == 30.0
    assert failed.data["error"] == "stopped with 0 s left"


def _until_stopped(drill: Stage, limit_s: float) -> Any:
    def waits(attempt: Attempt, _params: ScriptedParams) -> Outputs:
        until_s = drill.clock.mono_s() + limit_s
        while not attempt.stopping() and drill.clock.mono_s() < until_s:
            drill.clock.sleep(0.1)
        return {"stopped": attempt.stopping()}

    return waits


def test_an_abort_before_the_point_of_no_return_stops_running_work_and_every_later_step() -> None:
    drill = Stage(plan_of(phase_of("a", step_of(STEP), step_of("a.y", after=(STEP,)))))
    drill.step.script[STEP] = [_until_stopped(drill, 60.0)]
    drill.clock.after(5.0, drill.abort)

    drill.run(STEP)
    later = drill.run("a.y")

    assert drill.facts(Kind.STEP_SUCCEEDED)[0].data["outputs"] == {"stopped": True}
    assert drill.clock.mono_s() < 1006
    assert later == {"status": "stopped"}


def test_an_abort_after_the_point_of_no_return_lets_running_work_end_and_starts_none() -> None:
    drill = Stage(plan_of(phase_of("a", step_of(STEP, no_return=True), step_of("a.y", after=(STEP,)))))
    drill.step.script[STEP] = [_until_stopped(drill, 20.0)]
    drill.clock.after(5.0, drill.abort)

    drill.run(STEP)
    later = drill.run("a.y")

    assert drill.facts(Kind.STEP_SUCCEEDED)[0].data["outputs"] == {"stopped": False}
    assert later == {"status": "stopped"}
    assert drill.step.runs == [(STEP, 1)]


def test_an_abort_ends_the_pause_before_a_retry() -> None:
    drill = stage(retries=5)
    drill.step.script[STEP] = [Retryable("not yet") for _ in range(4)]
    drill.clock.after(6.0, drill.abort)

    result = drill.run(STEP)

    assert result == {"status": "stopped"}
    assert drill.clock.mono_s() < 1006.5
    assert len(drill.facts(Kind.ABORT_REQUESTED)) == 1


def test_a_step_that_fails_because_it_was_stopped_asks_for_nothing_more() -> None:
    drill = stage(retries=5)

    def stopped(_attempt: Attempt, _params: ScriptedParams) -> Outputs:
        drill.abort("somebody said no")
        raise Retryable("stopped half-way")

    drill.step.script[STEP] = [stopped]

    result = drill.run(STEP)

    assert result == {"status": "stopped"}
    assert [fact.data["reason"] for fact in drill.facts(Kind.ABORT_REQUESTED)] == ["somebody said no"]


def test_a_step_that_the_scenario_skips_is_not_run_and_said_to_be_skipped() -> None:
    drill = stage(skip=True)

    result = drill.run(STEP)

    assert result == {"status": "ok"}
    assert drill.step.runs == []
    assert drill.facts(Kind.STEP_SKIPPED)[0].data["reason"] == "the scenario says skip"
