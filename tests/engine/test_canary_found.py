"""Where nobody promotes, the canary is read back from the database that it writes to, once something was lost."""

from __future__ import annotations

from collections.abc import Sequence

from drill.engine.canary_found import find_canary
from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.plan import Plan
from tests.engine.drilling import Stage, phase_of, plan_of, step_of


def staged(*, canary: bool = True, rows: int = 3, outage: bool = True, promotes: str | None = None) -> Stage:
    step = step_of("b.step", no_return=promotes is not None)
    if promotes:
        step = step.model_copy(update={"params": {"site": promotes}})
    stage = Stage(plan_of(phase_of("b", step), canary=canary))
    for row in range(1, rows + 1):
        stage.recorder.say(Kind.CANARY_ACKNOWLEDGED, f"canary/{row}", by="canary", row=row, sent_s=1.0, acked_s=1.1)
    if outage:
        stage.recorder.say(Kind.OUTAGE_INJECTED, "outage/1", site="primary", method="freeze", step="a.cut")
    return stage


def sought(stage: Stage, plan: Plan | None = None, *, fails: bool = False) -> list[str]:
    """The sites that were asked."""
    asked: list[str] = []

    def ranges(site: str, up_to: int) -> Sequence[tuple[int, int]]:
        asked.append(site)
        if fails:
            raise Retryable("no host takes writes", code="A163")
        return [(1, up_to)]

    find_canary(plan or stage.plan, stage.recorder, ranges)
    return asked


def test_without_a_promotion_the_canarys_own_database_is_asked() -> None:
    stage = staged()

    assert sought(stage) == [""]
    (found,) = stage.facts(Kind.CANARY_FOUND)
    assert found.data == {"site": "", "ranges": [[1, 3]], "highest_asked": 3}


def test_a_promoted_site_is_asked_instead() -> None:
    assert sought(staged(promotes="standby")) == ["standby"]
    assert sought(staged(promotes="standby", outage=False)) == ["standby"]


def test_nothing_is_asked_where_nothing_can_be_known() -> None:
    for stage in (staged(outage=False), staged(rows=0), staged(canary=False), staged(promotes="")):
        assert sought(stage) == []
        assert not stage.facts(Kind.CANARY_FOUND)


def test_a_database_that_does_not_answer_is_a_finding_and_not_no_loss() -> None:
    stage = staged()

    sought(stage, fails=True)

    assert [fact.data["code"] for fact in stage.facts(Kind.FINDING_RAISED)] == ["A163"]
    assert not stage.facts(Kind.CANARY_FOUND)
