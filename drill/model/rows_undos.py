"""Rows of the report about undos: what was registered before an act, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from drill.model.attempts import Work
from drill.model.events import Fact, Kind
from drill.model.report import UndoRow
from drill.model.spans import maybe_seconds
from drill.model.timeline import Timeline

UndoState = Literal["not needed", "done", "failed", "open"]

_WORDS: Final[Mapping[str, str]] = {
    "restore": "the site is given back / 恢复站点",
    "release": "the fence is lifted / 解除隔离",
    "destroy": "what was built is removed / 拆除已建资源",
    "failback": "by failback / 通过回切",
    "name": "the earlier answer is put back / 恢复原解析",
}
"""How each kind of effect is taken back, by what the step registered."""


def undo_rows(timeline: Timeline, works: Mapping[str, Work]) -> tuple[UndoRow, ...]:
    """Every registered undo, in the order of registration."""
    ended = {fact.data["step"]: fact for fact in timeline.of(Kind.UNDO_DONE, Kind.UNDO_FAILED)}
    return tuple(_undo_row(timeline, works, fact, ended.get(fact.data["step"])) for fact in timeline.of(Kind.UNDO_REGISTERED))


def _undo_row(timeline: Timeline, works: Mapping[str, Work], registered: Fact, ended: Fact | None) -> UndoRow:
    step = registered.data["step"]
    undo = registered.data["undo"]
    what = undo.get("what") or _WORDS.get(str(undo.get("undo"))) or (_WORDS["name"] if "before" in undo else step)
    state: UndoState = "open"
    at: int | None = None
    if ended is not None:
        state = "failed" if ended.kind is Kind.UNDO_FAILED else "not needed" if ended.data.get("needless") else "done"
        at = timeline.ms(ended)
    elif (home := _home_ms(timeline, works, step)) is not None:
        state, at = "not needed", home
    return UndoRow(step=step, what=str(what), state=state, at_s=maybe_seconds(at))


def _home_ms(timeline: Timeline, works: Mapping[str, Work], step: str) -> int | None:
    """When the failback had taken the effect back: its own step for it succeeded, or the drill finished with nothing left."""
    for work in works.values():
        if work.failback and work.state == "succeeded" and work.planned.params.get("of") == step:
            return work.end_ms
    finished = timeline.first(Kind.DRILL_FINISHED)
    return timeline.ms(finished) if finished is not None and _went_home(finished) else None


def _went_home(finished: Fact) -> bool:
    return finished.data["outcome"] == "finished" and not finished.data["left"]
