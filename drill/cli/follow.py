"""Follows a drill's facts and shows them: live on a terminal, plain lines in a pipe, JSON lines for machines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from drill.model.events import Fact, Kind
from drill.model.progress import MEASUREMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drill.model.report import Report
    from drill.wiring.records import Records

_REFRESH_S = 0.25
_REST = 4
"""A long drill's picture takes longer to make: rest so many times as long as it took."""


_OPEN: list[View] = []


class View(Protocol):
    """What shows a drill while it runs."""

    def show(self, report: Report, new_facts: Sequence[Fact]) -> None:
        """Bring the picture up to date."""

    def close(self) -> None:
        """Leave the last picture standing."""


class JsonLines:
    """One fact a line, measurements left out."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, report: Report, new_facts: Sequence[Fact]) -> None:
        for fact in new_facts:
            if fact.kind not in MEASUREMENTS:
                self._out.write(json.dumps(fact.row(), ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        self._out.flush()


def open_view(out: TextIO, *, as_json: bool) -> View:
    """The view that fits where the output goes."""
    if as_json:
        return JsonLines(out)
    if out.isatty():
        from drill.views.live import LiveView

        return LiveView(out)
    from drill.views.lines import LinesView

    return LinesView(out)


def follow_drill(
    records: Records, drill: str, *, as_json: bool, out: TextIO, alive: Callable[[], bool] = lambda: True, after: int = 0
) -> Fact | None:
    """Show a drill until it ends, holds, or `alive` says no; returns the fact that ended it."""
    view = open_view(out, as_json=as_json)
    _OPEN.append(view)
    seen: list[Fact] = [fact for fact in records.journal.read(drill) if fact.seq <= after] if after else []
    ended: Fact | None = None
    try:
        while ended is None:
            began_s, living = time.monotonic(), alive()  # asked before the journal: what an engine wrote before it died is still read
            fresh = records.journal.read(drill, after=len(seen))
            seen += fresh
            new = [fact for fact in fresh if fact.seq > after]
            if seen:
                _show(view, out, records.report(drill, seen, with_trend=False), new)
            ended = _end(seen)
            if ended is None and not living:
                break
            time.sleep(max(_REFRESH_S, _REST * (time.monotonic() - began_s)))
    finally:
        _OPEN.remove(view)
        view.close()
    return ended


def close_views() -> None:
    """Give the terminal back before this process leaves at once: the cursor and the keys as they were."""
    for view in _OPEN:
        view.close()


def _end(facts: Sequence[Fact]) -> Fact | None:
    """The fact that ended the drill or holds it; nothing while it plays, also after a hold that a person lifted."""
    turns = {Kind.DRILL_FINISHED, Kind.DRILL_HELD, Kind.OPERATOR_DECIDED}
    last = next((fact for fact in reversed(facts) if fact.kind in turns), None)
    return last if last is not None and last.kind is not Kind.OPERATOR_DECIDED else None


def _show(view: View, out: TextIO, report: Report, new: Sequence[Fact]) -> None:
    try:
        view.show(report, new)
    except BrokenPipeError:
        mute(out)


def mute(out: TextIO) -> None:
    """Send what is still to be said nowhere: a reader that left early must not stop a drill."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
