"""The guards while they are watched: what one look at a guard says, and when looks that do not hold break it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from drill.model.durations import format_duration

_RESOLUTION_S: Final = 0.001
"""A time-out of exactly `for_s` may be measured a hair shorter."""


@dataclass(frozen=True)
class Look:
    """One look at a guard. Times are monotonic seconds; `detail` says what was seen instead of a condition that holds.

    `broken`: it was answered that the condition does not hold. `firing`: an alert fires, which needs no patience, because its own rule had
    some. `lost`: no answer, or none that says anything.
    """

    sent_s: float
    received_s: float
    state: Literal["holds", "broken", "firing", "lost"]
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the condition was seen to hold."""
        return self.state == "holds"


@dataclass(frozen=True)
class Patience:
    """What the looks at one guard have said so far. Looks overlap, so their ends arrive in any order.

    `down` after a break, until a later look holds: one break is told once.
    """

    for_s: float
    since_s: float | None = None
    """When the first of the looks that do not hold was sent."""
    held_s: float = float("-inf")
    """When the last look that held was sent: what was asked before it says nothing any more."""
    down: bool = False

    def after(self, look: Look) -> tuple[Patience, str]:
        """The patience after one more look has ended, and why the guard broke with it; empty when it did not."""
        if look.sent_s < self.held_s:
            return self, ""
        if look.holds:
            return replace(self, since_s=None, held_s=look.sent_s, down=False), ""
        since_s = look.sent_s if self.since_s is None else min(self.since_s, look.sent_s)
        waited_s = look.received_s - since_s
        if self.down or (look.state != "firing" and waited_s < self.for_s - _RESOLUTION_S):
            return replace(self, since_s=since_s), ""
        return replace(self, since_s=since_s, down=True), _why(look, waited_s)


def _why(look: Look, waited_s: float) -> str:
    if look.state == "firing":
        return look.detail
    lasted = format_duration(round(waited_s, 1))
    return f"lost sight of it for {lasted}: {look.detail}" if look.state == "lost" else f"it has not held for {lasted}: {look.detail}"
