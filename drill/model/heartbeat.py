"""The heartbeat detector: when to ask so that a loss is noticed in a known time, and what the answers mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace


def interval_s(every_s: float, misses: int) -> float:
    """Seconds between two beats: closer together than `every_s`, because each beat has all of `every_s` to be answered.

    A blackhole never refuses, so the last of the beats costs its whole time-out. Sending them `every * (misses - 1) / misses` apart
    pays for it: the first unanswered beat leaves at most one interval after the loss, the last one `misses` intervals after it,
    and `misses * interval + every = misses * every`.
    """
    return every_s * (misses - 1) / misses


def bound_s(every_s: float, misses: int) -> float:
    """The longest time from a loss to its notice, whether the site refuses, swallows or answers too late."""
    return every_s * misses


@dataclass(frozen=True)
class Heartbeat:
    """What one detector asks, how often, and how many misses in a row are a loss.

    Raises: ValueError: fewer than two misses, with which one lost packet would be an outage, or no time between beats.
    """

    probe: str
    every_s: float
    misses: int

    def __post_init__(self) -> None:
        if self.misses < 2:
            raise ValueError(f"a heartbeat needs at least 2 misses in a row, got {self.misses}")
        if not self.every_s > 0:
            raise ValueError(f"a heartbeat needs time between its beats, got {self.every_s} s")

    @property
    def interval_s(self) -> float:
        """Seconds from one beat to the next."""
        return interval_s(self.every_s, self.misses)

    @property
    def bound_s(self) -> float:
        """Seconds after which a loss is noticed at the latest."""
        return bound_s(self.every_s, self.misses)


@dataclass(frozen=True)
class Detection:
    """Enough beats in a row were missed. `first` and `last` are their numbers."""

    first: int
    last: int

    @property
    def misses(self) -> int:
        """How many beats in a row were missed."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Watch:
    """What the beats have said so far. Beats overlap, so their ends arrive in any order.

    `down` after a detection, until a later beat is answered: one loss is noticed once.
    """

    misses: int
    missed: frozenset[int] = field(default_factory=frozenset)
    answered: int = -1
    """The highest beat that was answered: everything before it proves nothing any more."""
    judged: int = -1
    """The highest beat that has ended either way."""
    down: bool = False

    def after(self, beat: int, *, answered: bool) -> tuple[Watch, Detection | None]:
        """The watch after one more beat has ended, and the detection that this completes."""
        judged = max(self.judged, beat)
        if answered:
            later = frozenset(number for number in self.missed if number > beat)
            recovered = beat > self.judged
            return replace(self, missed=later, answered=max(self.answered, beat), judged=judged, down=self.down and not recovered), None
        if self.down or beat <= self.answered:
            return replace(self, judged=judged), None
        missed = self.missed | {beat}
        run = _run_around(beat, missed)
        if run.misses < self.misses:
            return replace(self, missed=missed, judged=judged), None
        return replace(self, missed=frozenset(), judged=judged, down=True), run

    def armed(self) -> Watch:
        """The watch made ready to notice a loss (again): beats that have ended no longer count."""
        return replace(self, missed=frozenset(), answered=self.judged, down=False)


def _run_around(beat: int, missed: Iterable[int]) -> Detection:
    first = last = beat
    known = frozenset(missed)
    while first - 1 in known:
        first -= 1
    while last + 1 in known:
        last += 1
    return Detection(first, last)
