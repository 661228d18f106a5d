"""What comes late: an abort at the verdict, a status told by the next engine."""

from __future__ import annotations

import pytest

from drill.model.events import Kind
from drill.model.report import Report
from tests.engine.drilling import Died, die
from tests.engine.troupe import Troupe


class AbortedAtTheVerdict(Troupe):
    """Somebody asks to stop when everything has worked and nothing has gone home."""

    def _publish(self) -> Report:
        if not self.stage.facts(Kind.FAILBACK_STARTED, Kind.ABORT_REQUESTED):
            self.stage.abort()
        return super()._publish()


def test_an_abort_between_the_verdict_and_the_way_home_holds_and_is_not_forgotten() -> None:
    troupe = AbortedAtTheVerdict()
    troupe.stage.clock.after(3600.0, die)

    with pytest.raises(Died):
        troupe.play()

    assert [fact.data["part"] for fact in troupe.stage.facts(Kind.DRILL_HELD)] == ["failback"]
    assert "home.y" not in troupe.ran()


def test_a_status_told_by_the_next_engine_counts_from_the_start_of_the_phase() -> None:
    troupe = Troupe()
    phase = troupe.plan.phase("a").model_copy(update={"notify": ("lead",)})
    troupe.stage.recorder.say(Kind.PHASE_OPENED, "a/opened", phase="a")
    second = troupe.next_life()

    second.crew.tell(phase)

    (sent,) = second.stage.facts(Kind.MESSAGE_SENT)
    assert "5.0s" in sent.data["text"]
