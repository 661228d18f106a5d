"""The laws of a dry run's result: which phases would run, and that the journal holds all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.model.effects import Effect, Verb
from drill.model.errors import Finding
from drill.model.events import Kind
from drill.model.graph import ancestors
from drill.model.plan import Plan
from drill.model.rehearsal import KNOWN_AFTER_APPLY, Look, LookState, Rehearsal, holds_unknown, looks_of, told_effects
from tests.fakes import FakeClock
from tests.model.story_plan import sandbox_plan

_PLAN: Plan = sandbox_plan()
_DRILL = [phase.id for phase in _PLAN.phases]
_HOME = [phase.id for phase in _PLAN.failback]


def _refused(*phases: str) -> Rehearsal:
    return Rehearsal("x.yaml", plan=_PLAN, looks=tuple(Look(f"{phase}.step", "refused", "no.", phase=phase) for phase in phases))


@given(st.sets(st.sampled_from([*_DRILL, *_HOME])))
def test_a_phase_would_not_run_when_it_is_refused_or_waits_for_one_that_is(refused: set[str]) -> None:
    blocked = set(_refused(*refused).blocked_phases())

    broken_drill = bool(refused & set(_DRILL))
    for part, lost in ((_PLAN.phases, False), (_PLAN.failback, broken_drill)):
        graph = {phase.id: phase.after for phase in part}
        for phase in part:
            expected = lost or bool(refused & ({phase.id} | ancestors(graph, phase.id)))
            assert (phase.id in blocked) == expected


def test_no_phase_would_run_under_a_plan_that_is_refused_as_a_whole() -> None:
    assert _refused("").blocked_phases() == (*_DRILL, *_HOME)


def test_the_exit_code_tells_an_invalid_file_from_a_refused_plan_and_a_good_one() -> None:
    finding = Finding("x.yaml", 1, 1, "S001", "it is empty.")

    codes = [row.exit_code for row in (Rehearsal("x.yaml", findings=(finding,)), _refused("data"), _refused())]

    assert codes == [2, 3, 0]


_LOOKS = st.builds(
    Look,
    about=st.text(min_size=1),
    state=st.sampled_from(LookState.__args__),  # type: ignore[attr-defined]
    detail=st.text(),
    phase=st.sampled_from(["", *_DRILL]),
    code=st.text(),
    fix=st.text(),
    changes=st.integers(0, 99),
)


@given(st.lists(_LOOKS))
def test_what_was_looked_at_comes_back_from_the_journal_as_it_was(looks: list[Look]) -> None:
    journal = MemoryJournal()
    recorder = Recorder("dry-run", journal=journal, clock=FakeClock())

    for number, look in enumerate(looks):
        recorder.say(Kind.PREFLIGHT_CHECKED, f"preflight/{number}", **look.fact())

    assert list(looks_of(journal.read("dry-run"))) == looks


def test_effects_are_told_by_verb_and_a_single_change_with_its_detail() -> None:
    reading = Effect(verb=Verb.READ, target="x")
    switch = Effect(verb=Verb.UPDATE, target="shop.test", detail="a -> b")
    groups = [
        Effect(verb=Verb.STOP, target="p/db"),
        Effect(verb=Verb.CREATE, target="s/app", count=2),
        Effect(verb=Verb.STOP, target="p/app"),
    ]

    assert told_effects([reading]) == "would change nothing"
    assert told_effects([reading, switch]) == "would update shop.test (a -> b)"
    assert told_effects(groups) == "would stop p/db, p/app; create s/app (x2)"


def test_an_unknown_is_found_wherever_it_is() -> None:
    assert holds_unknown({"a": [{"b": f"http://{KNOWN_AFTER_APPLY}/"}]})
    assert holds_unknown({KNOWN_AFTER_APPLY: 1})
    assert not holds_unknown({"a": ["after apply", 1, None]})
