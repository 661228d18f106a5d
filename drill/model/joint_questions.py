"""Which questions to one person go out as one: those that come within ten seconds of each other, as the facts tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from drill.model.progress_rows import GateProgress
from drill.model.wording import VALUE_LIMIT, Language

JOINT_WITHIN_S: Final = 10.0
"""A question that comes less than this after another one to the same person names both, and its code answers both."""
JOINT_AT_MOST: Final = 3
"""So many questions in one text: a carrier's variable has no room for the names of more."""
_AND: Final[Mapping[Language, str]] = {"en": " and ", "zh": "与"}


def earlier_questions(gates: Mapping[str, GateProgress], gate_id: str, contact: str, at: datetime) -> tuple[str, ...]:
    """The gates whose questions this person, asked at `gate_id` now, has had open for less than ten seconds; oldest first.

    None for a question that no person's word closes, nor for a step to do by hand: its yes says that the work is done.
    """
    if _apart(gate_id, gates[gate_id]):
        return ()
    found = [
        (row.asked_at[contact], name)
        for name, row in gates.items()
        if name != gate_id and contact in row.asked_at and contact not in row.confirmed and _waits(row, at) and not _apart(name, row)
    ]
    near = sorted((asked_at, name) for asked_at, name in found if abs((at - asked_at).total_seconds()) < JOINT_WITHIN_S)
    return tuple(name for _, name in near[1 - JOINT_AT_MOST :])


def _waits(row: GateProgress, at: datetime) -> bool:
    return row.state == "open" and row.deadline is not None and at < row.deadline


def _apart(gate_id: str, row: GateProgress) -> bool:
    return row.by != "person" or "." in gate_id


def named_together(titles: Sequence[str], language: Language) -> str:
    """The titles in one variable of a text; where they are too long, each loses its end, so that none is left out."""
    word = _AND[language]
    left, rooms = VALUE_LIMIT - len(word) * (len(titles) - 1), [0] * len(titles)
    for done, place in enumerate(sorted(range(len(titles)), key=lambda each: len(titles[each]))):
        rooms[place] = min(len(titles[place]), max(1, left // (len(titles) - done)))
        left -= rooms[place]
    return word.join(title[:room].strip() for title, room in zip(titles, rooms, strict=True))
