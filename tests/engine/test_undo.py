"""The way back: newest first, each tried three times, one that cannot be taken back keeps no other from it, and all of it written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drill.engine.undo import Undoer
from drill.model.errors import Fatal, JournalBroken, Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt
from tests.engine.drilling import Died, DyingJournal, ScriptedParams, Stage, phase_of, plan_of, step_of

STEPS = ("a.x", "a.y", "b.z")


def acted(drill: Stage | None = None) -> Stage:
    """A drill whose three steps each registered an undo and worked."""
    drill = drill or Stage(plan_of(phase_of("a", step_of("a.x"), step_of("a.y")), phase_of("b", step_of("b.z"))))

    def acts(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.register_undo({"of": attempt.step})
        return {}

    for step in STEPS:
        drill.step.script[step] = [acts]
        drill.run(step)
    return drill


def undo(drill: Stage) -> list[str]:
    return Undoer(drill.runner).undo_all()


def undone(drill: Stage) -> list[str]:
    return [step for step, _ in drill.step.undone]


def test_what_was_done_last_is_taken_back_first_with_what_was_registered() -> None:
    drill = acted()

    left = undo(drill)

    assert left == []
    assert drill.step.undone == [(step, {"of": step}) for step in reversed(STEPS)]
    assert [fact.data["step"] for fact in drill.facts(Kind.UNDO_DONE)] == list(reversed(STEPS))


def test_what_registered_nothing_is_not_undone() -> None:
    drill = Stage(plan_of(phase_of("a", step_of("a.x"))))
    drill.run("a.x")

    undo(drill)

    assert drill.step.undone == []


def test_a_step_that_failed_after_it_registered_its_undo_is_undone() -> None:
    drill = Stage(plan_of(phase_of("a", step_of("a.x"))))

    def half(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.register_undo({})
        raise Fatal("half-way")

    drill.step.script["a.x"] = [half]
    drill.run("a.x")

    undo(drill)

    assert undone(drill) == ["a.x"]


def test_an_undo_that_fails_is_tried_three_times_with_pauses() -> None:
    drill = acted()
    drill.step.undo_script["a.y"] = [Retryable("busy"), Retryable("busy")]
    before_s = drill.clock.mono_s()

    left = undo(drill)

    assert left == []
    assert undone(drill) == ["b.z", "a.y", "a.y", "a.y", "a.x"]
    assert drill.clock.mono_s() - before_s == pytest.approx(2.0)


def test_an_undo_that_fails_for_good_is_named_and_the_others_go_on() -> None:
    drill = acted()
    drill.step.undo_script["a.y"] = [Retryable("locked", code="A140", fix="Unlock it.") for _ in range(3)]

    left = undo(drill)

    (failed,) = drill.facts(Kind.UNDO_FAILED)
    assert left == ["a.y: [A140] locked. Unlock it."]
    assert (failed.data["step"], failed.data["code"], failed.data["error"], failed.data["fix"]) == ("a.y", "A140", "locked", "Unlock it.")
    assert undone(drill)[-1] == "a.x"


def test_a_bug_in_one_undo_keeps_no_other_from_being_taken_back() -> None:
    drill = acted()
    drill.step.undo_script["b.z"] = [KeyError("workspace") for _ in range(3)]

    left = undo(drill)

    assert left == [
        "b.z: [A900] an unexpected KeyError: 'workspace' This is a bug of ours: report it with `drill logs`.",
    ]
    assert [fact.data["step"] for fact in drill.facts(Kind.UNDO_DONE)] == ["a.y", "a.x"]


def test_a_broken_journal_ends_the_undoing_at_once() -> None:
    drill = acted()
    drill.step.undo_script["b.z"] = [JournalBroken("the disk is full", code="J020")]

    with pytest.raises(JournalBroken):
        undo(drill)

    assert undone(drill) == ["b.z"]


def test_after_a_crash_only_what_is_left_is_undone() -> None:
    drill = Stage(plan_of(phase_of("a", step_of("a.x"), step_of("a.y")), phase_of("b", step_of("b.z"))), DyingJournal(Kind.UNDO_DONE))
    acted(drill)
    with pytest.raises(Died):
        undo(drill)

    left = undo(drill.next_life())

    assert left == []
    assert undone(drill) == ["b.z", "a.y", "a.x"]


def test_an_undo_that_failed_before_is_tried_again_by_the_next_life() -> None:
    drill = acted()
    drill.step.undo_script["b.z"] = [Retryable("busy") for _ in range(3)]
    undo(drill)

    left = undo(drill.next_life())

    assert left == []
    assert drill.recorder.look(lambda progress: progress.step("b.z").undone) == "done"


def test_an_abort_does_not_stop_an_undo() -> None:
    drill = acted()
    stopping: list[bool] = []
    drill.abort()

    for step in STEPS:
        drill.step.undo_script[step] = [lambda attempt: stopping.append(attempt.stopping())]

    undo(drill)

    assert stopping == [False, False, False]
