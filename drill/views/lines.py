"""Plain lines for pipes, logs and CI: one per fact worth telling, no escapes, never wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self, TextIO

from drill.model.events import Fact, Kind
from drill.model.report import Report
from drill.views.telling import tell


class LinesView:
    """Writes `  12.3s  step  rebuild.capacity  started` and flushes each time.

    When nobody reads any more (`drill run | head`), it falls silent: a closed pipe is no reason to stop a drill.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._closed = False
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left to write, and the stream is the caller's."""

    def show(self, report: Report, new_facts: Sequence[Fact]) -> None:
        """Write a line per fact that is worth one, in order."""
        zero = datetime.fromisoformat(report.zero_at)
        begun = any(phase.start_s is not None for phase in report.phases)
        lines: list[str] = []
        for fact in new_facts:
            self._started = self._started or fact.kind is Kind.DRILL_STARTED or (begun and fact.at >= zero)
            if (line := line_of(fact, zero if self._started else None)) is not None:
                lines.append(line)
        if not lines or self._closed:
            return
        try:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()
        except BrokenPipeError:
            self._closed = True


def line_of(fact: Fact, zero: datetime | None) -> str | None:
    """One line without a line end, times in seconds since `zero`, a dash before it; nothing when the fact is not worth one."""
    telling = tell(fact)
    if telling is None:
        return None
    moment = "       –" if zero is None else f"{(fact.at - zero).total_seconds():7.1f}s"
    return f"{moment}  {telling.topic:<7}  {telling.subject}  {telling.text}".rstrip()
