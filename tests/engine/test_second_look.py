"""The second look at the end of a drill: how often it asks the journal does not depend on the plan's length."""

from __future__ import annotations

from collections.abc import Sequence

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.second_look import SecondLook
from drill.model.events import Fact, Kind
from tests.engine.drilling import Stage, phase_of, plan_of, step_of


class Counting(MemoryJournal):
    """Counts how often it is read."""

    reads = 0

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        self.reads += 1
        return super().read(drill, after=after, kinds=kinds)


def _looked(ran: Sequence[str], planned: Sequence[str]) -> tuple[list[str], int]:
    """What a second look finds after these steps, each of which left a server, and how often it read the journal."""
    journal = Counting()
    drill = Stage(plan_of(phase_of("a", *(step_of(step) for step in planned))), journal)
    for step in ran:
        drill.run(step)
    drill.step.left = ["a server"]
    before = journal.reads

    return SecondLook(drill.runner).left(), journal.reads - before


def test_a_long_plan_is_looked_at_with_as_few_questions_as_a_short_one() -> None:
    short, long = [f"a.s{number}" for number in range(3)], [f"a.s{number}" for number in range(300)]

    left, reads = _looked(long, long)

    assert left == [f"{step}: a server" for step in long]
    assert reads == _looked(short, short)[1]


def test_a_step_that_was_never_tried_is_not_looked_at() -> None:
    assert _looked(["a.x"], ["a.x", "a.y"])[0] == ["a.x: a server"]
