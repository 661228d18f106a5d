"""One try as its step sees it: parameters filled in, words and artifacts kept, undos that outlive a crash, facts of other witnesses."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt
from tests.engine.drilling import DRILL, Died, ScriptedParams, Stage, phase_of, plan_of, step_of
from tests.engine.test_attempt import STEP, stage


def test_a_step_may_use_the_outputs_of_those_before_it_and_attributes_of_sites() -> None:
    value = {"to": "{{ steps.x.outputs.addresses }}", "host": "{{ sites.standby.host }}"}
    drill = Stage(plan_of(phase_of("a", step_of(STEP)), phase_of("b", step_of("b.y", value=value), after=("a",))))
    drill.step.script[STEP] = [{"addresses": ["127.0.2.1", "127.0.2.2"]}]

    drill.run(STEP)
    drill.next_life().run("b.y")

    assert drill.step.given[-1] == {"to": ["127.0.2.1", "127.0.2.2"], "host": "127.0.2.1"}


def test_a_step_whose_expression_has_no_value_fails_and_says_which() -> None:
    drill = stage(value="{{ sites.primary.colour }}")

    result = drill.run(STEP)

    assert result == {"status": "failed", "code": "A201"}
    assert "colour" in drill.facts(Kind.STEP_FAILED)[0].data["error"]
    assert drill.step.runs == []


def test_what_several_threads_of_a_step_say_is_all_kept() -> None:
    drill = stage()

    def act(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        with ThreadPoolExecutor(8) as beside:
            list(beside.map(lambda number: attempt.progress("told", client=number), range(80)))
        return {}

    drill.step.script[STEP] = [act]
    drill.run(STEP)

    assert {fact.data["client"] for fact in drill.facts(Kind.STEP_PROGRESSED)} == set(range(80))


def test_what_a_try_says_sees_and_keeps_is_in_the_journal_and_the_artifacts() -> None:
    drill = stage()

    def speaks(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.progress("made app[0]", took_s=1.5)
        attempt.progress("made app[1]", took_s=2.5)
        attempt.witness(Kind.OUTAGE_INJECTED, "outage/primary", site="primary", method="freeze", step=attempt.step)
        return {"log": attempt.artifact("apply.log", b"done")}

    drill.step.script[STEP] = [speaks]

    drill.run(STEP)

    assert [fact.data["what"] for fact in drill.facts(Kind.STEP_PROGRESSED)] == ["made app[0]", "made app[1]"]
    assert drill.facts(Kind.OUTAGE_INJECTED)[0].data["step"] == STEP
    kept = drill.facts(Kind.STEP_SUCCEEDED)[0].data["outputs"]["log"]
    assert drill.artifacts.get(DRILL, kept) == b"done"


def test_the_undo_that_a_dead_try_registered_is_known_to_the_next_and_not_replaced() -> None:
    drill = stage()
    seen: list[Any] = []

    def first(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.register_undo({"values": ["127.0.1.1"]})
        raise Died

    def second(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        seen.append(attempt.registered_undo())
        attempt.register_undo({"values": ["127.0.2.1"]})
        seen.append(attempt.registered_undo())
        return {}

    drill.step.script[STEP] = [first, second]
    with pytest.raises(Died):
        drill.run(STEP)

    drill.next_life().run(STEP)

    assert seen == [{"values": ["127.0.1.1"]}, {"values": ["127.0.1.1"]}]


def test_a_try_waits_for_a_fact_of_another_witness_from_the_start_of_the_journal() -> None:
    drill = stage()
    observer = drill.recorder

    def detected(misses: int) -> None:
        observer.say(Kind.OUTAGE_DETECTED, f"detected/{misses}", by="probe:heartbeat", probe="heartbeat", misses=misses)

    detected(1)
    drill.clock.after(2.0, lambda: detected(3))
    drill.step.script[STEP] = [
        lambda attempt, _: {"misses": attempt.wait_for(Kind.OUTAGE_DETECTED, lambda fact: fact.data["misses"] > 2).data["misses"]}
    ]

    drill.run(STEP)

    assert drill.facts(Kind.STEP_SUCCEEDED)[0].data["outputs"] == {"misses": 3}


@pytest.mark.parametrize(("within_s", "ends_s"), [(4.0, 1004.0), (None, 1030.0)])
def test_a_fact_that_does_not_come_in_time_fails_the_try(within_s: float | None, ends_s: float) -> None:
    drill = stage(timeout_s=30.0)
    drill.step.script[STEP] = [lambda attempt, _: attempt.wait_for(Kind.OUTAGE_DETECTED, lambda _fact: True, within_s=within_s).data]

    result = drill.run(STEP)

    assert result == {"status": "failed", "code": "A190"}
    assert drill.clock.mono_s() == pytest.approx(ends_s, abs=0.1)


def test_a_try_that_is_stopped_while_it_waits_for_a_fact_says_so_and_blames_no_witness() -> None:
    drill = stage(timeout_s=30.0)
    drill.step.script[STEP] = [lambda attempt, _: attempt.wait_for(Kind.OUTAGE_DETECTED, lambda _fact: True).data]
    drill.clock.after(2.0, lambda: drill.recorder.say(Kind.ABORT_REQUESTED, "abort/1", reason="SIGINT", channel="signal") and None)

    drill.run(STEP)

    (failed,) = drill.facts(Kind.STEP_FAILED)
    assert "interrupted while it waited for OutageDetected: the drill is stopped (SIGINT)" in failed.data["error"]
    assert "witness" not in str(failed.data)


def test_what_a_step_said_in_these_words_is_told_to_its_later_tries_and_to_no_other_step() -> None:
    drill = stage(retries=1)
    heard: list[list[int]] = []

    def first(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.progress("planned", changes=3)
        attempt.progress("made")
        raise Retryable("interrupted")

    def second(attempt: Attempt, _params: ScriptedParams) -> Mapping[str, Any]:
        attempt.progress("planned", changes=1)
        heard.append([said["changes"] for said in attempt.earlier("planned")])
        return {}

    drill.step.script[STEP] = [first, second]
    drill.recorder.say(Kind.STEP_PROGRESSED, "other", phase="b", step="b.y", attempt=1, what="planned", changes=9)
    drill.run(STEP)

    assert heard == [[3, 1]]
