"""The canary's rhythm: one numbered row per due moment; a row whose moment has passed is skipped, never written late."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Protocol

from drill.model.ports import Clock

ANSWER_WITHIN_S = 1.0


class CanaryWriter(Protocol):
    """Writes numbered rows where the business writes."""

    last_error: str
    """Why the last row was not acknowledged; without secrets."""

    def write(self, row: int, *, connect_within_s: float, answer_within_s: float) -> tuple[float, float] | None:
        """The monotonic moments of sending and acknowledgement, or None when it was not acknowledged within both limits."""

    def close(self) -> None:
        """Drop every connection."""


class CanaryLoop:
    """Writes row after row until stopped. `acknowledged(row, sent_s, acked_s)` is called in the loop's thread."""

    def __init__(
        self, writer: CanaryWriter, *, clock: Clock, every_s: float, first_row: int, acknowledged: Callable[[int, float, float], None]
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._every_s = every_s
        self._first_row = first_row
        self._acknowledged = acknowledged
        self._stop = threading.Event()
        self.rows = 0
        """How many rows were acknowledged."""

    def run(self) -> None:
        """Write until stopped; one statement is out at a time."""
        start_s, number = self._clock.mono_s(), 0
        try:
            while not self._stop.wait(max(0.0, start_s + number * self._every_s - self._clock.mono_s())):
                self._write(self._first_row + number)
                number = max(number + 1, math.ceil((self._clock.mono_s() - start_s) / self._every_s))
        finally:
            self._writer.close()

    def stop(self) -> None:
        """End `run`, at the latest when the row that is out has been answered or given up."""
        self._stop.set()

    def _write(self, row: int) -> None:
        times = self._writer.write(row, connect_within_s=self._every_s, answer_within_s=ANSWER_WITHIN_S)
        if times is not None:
            self._acknowledged(row, *times)
            self.rows += 1
