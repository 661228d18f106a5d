"""A promote that failed: before its act it is taken back, in doubt it holds, and a person may lift the doubt but not the evidence."""

from __future__ import annotations

import pytest

from drill.engine.helm import Helm
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.events import Kind
from tests.engine.drilling import Died, Stage, die, phase_of, plan_of, step_of
from tests.engine.troupe import Troupe, registers

STILL_TO_DO = [Effect(verb=Verb.UPDATE, target="standby/database")]


def untouched(error: StepError) -> StepError:
    error.untouched = True
    return error


def doubtful(*errors: StepError) -> Troupe:
    """A drill whose promote failed so; nobody can see what became of it."""
    troupe = Troupe()
    troupe.stage.step.script["a.x"] = [registers]
    troupe.stage.step.script["b.promote"] = list(errors)
    return troupe


def deny(stage: Stage, *, reason: str = "the disk was dead") -> None:
    """A person says that nothing was promoted and has the drill taken back, as `drill abort --not-promoted` does."""
    say = stage.recorder.say
    say(Kind.OPERATOR_DECIDED, "said/1", by="person:alice", verb="not-promoted", subject="b.promote", reason=reason)
    stage.decide("abort")
    stage.abort(reason)


def undone(troupe: Troupe) -> list[str]:
    return [fact.data["step"] for fact in troupe.stage.facts(Kind.UNDO_DONE)]


def test_a_promote_that_failed_before_its_act_is_taken_back_without_a_hold() -> None:
    troupe = doubtful(untouched(Retryable("the standby is dead", code="A131")))

    result = troupe.play()

    assert result["exit_code"] == 4
    assert not troupe.stage.facts(Kind.DRILL_HELD)
    assert [step for step, _ in troupe.stage.step.undone] == ["a.x"]


def test_a_promote_that_cannot_be_given_its_parameters_has_not_acted() -> None:
    promote = step_of("b.promote", no_return=True, value="{{ steps.gone.outputs.site }}")
    plan = plan_of(phase_of("a", step_of("a.x")), phase_of("b", promote, after=("a",)))
    troupe = Troupe(plan, Stage(plan), answers={})
    troupe.stage.step.script["a.x"] = [registers]

    result = troupe.play()

    assert troupe.ran() == ["a.x"]
    assert result["exit_code"] == 5, "what cannot be given its parameters cannot be looked at again either"
    assert not troupe.stage.facts(Kind.DRILL_HELD)


def test_an_undo_registered_before_a_promote_that_never_acted_is_needless() -> None:
    troupe = doubtful()

    def registers_and_is_refused(attempt: object, _params: object) -> dict[str, object]:
        attempt.register_undo({"undo": "failback"})  # type: ignore[attr-defined]
        raise untouched(Fatal("the lag is too high"))

    troupe.stage.step.script["b.promote"] = [registers_and_is_refused]
    result = troupe.play()

    assert result["exit_code"] == 4
    assert undone(troupe) == ["b.promote", "a.x"]
    assert [step for step, _ in troupe.stage.step.undone] == ["a.x"], "there was nothing to take back of the promote"
    assert {row.step: row.state for row in troupe._publish().undos} == {"a.x": "done", "b.promote": "not needed"}


def test_a_try_in_doubt_is_not_forgotten_when_a_later_one_fails_before_its_act() -> None:
    promote = step_of("b.promote", no_return=True, retries=1)
    plan = plan_of(phase_of("a", step_of("a.x")), phase_of("b", promote, after=("a",)))
    troupe = Troupe(plan, Stage(plan), answers={})
    troupe.stage.step.script["b.promote"] = [Retryable("stopped half-way"), untouched(Fatal("refused"))]
    troupe.stage.clock.after(60.0, die)

    with pytest.raises(Died):
        troupe.play()

    assert troupe.stage.facts(Kind.DRILL_HELD)


def test_a_promote_in_doubt_holds_and_the_text_names_the_ways_on() -> None:
    troupe = doubtful(Fatal("no answer"))
    troupe.stage.clock.after(60.0, die)

    with pytest.raises(Died):
        troupe.play()

    texts = [fact.data["text"] for fact in troupe.stage.facts(Kind.MESSAGE_SENT) if fact.data["purpose"] == "hold"]
    assert len(texts) == 3
    assert all("failback, proceed, not-promoted" in text for text in texts)


def test_a_person_who_says_that_nothing_was_promoted_has_the_drill_taken_back() -> None:
    troupe = doubtful(Fatal("no answer"))
    troupe.stage.step.effects = STILL_TO_DO
    troupe.stage.clock.after(60.0, lambda: deny(troupe.stage))

    result = troupe.play()

    assert result["exit_code"] == 4
    assert [step for step, _ in troupe.stage.step.undone] == ["a.x"]
    told = [row for row in troupe._publish().findings if row.code == "V124"]
    assert "person:alice said that b.promote had promoted nothing: the disk was dead" in told[0].what


def test_it_can_be_said_on_the_way_home_too_when_failback_gets_stuck() -> None:
    troupe = doubtful(Fatal("no answer"))
    troupe.stage.step.script["home.y"] = [Fatal("the standby is dead")]
    troupe.stage.clock.after(60.0, lambda: troupe.stage.decide("failback"))

    def preview_fails_until_then() -> None:
        troupe.stage.step.effects = STILL_TO_DO
        deny(troupe.stage)

    troupe.stage.clock.after(120.0, preview_fails_until_then)
    result = troupe.play()

    assert result["exit_code"] == 4
    assert troupe.ran() == ["a.x", "b.promote", "home.y"]
    assert undone(troupe) == ["a.x"]
    assert troupe.stage.facts(Kind.DRILL_FINISHED)[0].data["outcome"] == "aborted"


def test_it_is_carried_out_by_another_life_of_the_engine() -> None:
    troupe = doubtful(Fatal("no answer"))
    troupe.stage.clock.after(60.0, die)
    with pytest.raises(Died):
        troupe.play()
    troupe.stage.step.effects = STILL_TO_DO
    deny(troupe.stage)

    result = troupe.next_life().play()

    assert (result["exit_code"], undone(troupe)) == (4, ["a.x"])
    assert troupe.ran() == ["a.x", "b.promote"]


def test_a_word_against_what_can_be_seen_does_not_count_and_the_drill_holds_again() -> None:
    troupe = doubtful(Fatal("no answer"))
    troupe.stage.clock.after(60.0, lambda: deny(troupe.stage))  # nothing is left to do: the promote can be seen to have worked
    troupe.stage.clock.after(120.0, lambda: troupe.stage.decide("failback"))

    troupe.play()

    assert len(troupe.stage.facts(Kind.DRILL_HELD)) == 2
    assert "D523" in {fact.data["code"] for fact in troupe.stage.facts(Kind.FINDING_RAISED)}
    assert troupe.stage.step.undone == []
    assert troupe.ran() == ["a.x", "b.promote", "home.y"]


def test_what_has_been_given_back_already_is_not_left_when_the_drill_holds_again() -> None:
    plan = plan_of(
        phase_of("a", step_of("a.cut"), step_of("a.move")), phase_of("b", step_of("b.give").model_copy(update={"params": {"of": "a.cut"}}))
    )
    stage = Stage(plan)
    say = stage.recorder.say
    say(Kind.UNDO_REGISTERED, "a.cut/undo", phase="a", step="a.cut", undo={"undo": "restore"})
    say(Kind.UNDO_REGISTERED, "a.move/undo", phase="a", step="a.move", undo={"before": {"values": []}})
    say(Kind.STEP_SUCCEEDED, "b.give/1/succeeded", phase="b", step="b.give", attempt=1, outputs={})
    say(Kind.ABORT_REQUESTED, "abort/1", reason="silence", channel="silence", hold=True)

    Helm(stage.runner).stand_still("failback")

    assert stage.facts(Kind.DRILL_HELD)[0].data["left"] == ["a.move (the earlier answer)"]
