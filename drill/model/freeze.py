"""Freeze windows: whole days, in a named time zone, in which no drill may run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))? ([A-Za-z]+(?:[/_+-][A-Za-z0-9_+-]+)*)")


@dataclass(frozen=True)
class FreezeWindow:
    """From the start of `first` to the end of `last`, as the clocks of `zone` show it."""

    first: date
    last: date
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether an aware time falls into the window."""
        return self.first <= now.astimezone(self.zone).date() <= self.last


def parse_freeze(text: str) -> FreezeWindow:
    """The window written as `2027-02-05..2027-02-22 Asia/Shanghai`; one date stands for one day.

    Raises: ValueError: it is written otherwise, ends before it starts, or names no known zone.
    """
    match = _PATTERN.fullmatch(text.strip())
    if not match:
        raise ValueError("expected dates and a time zone such as 2027-02-05..2027-02-22 Asia/Shanghai")
    first, last, zone = match[1], match[2] or match[1], match[3]
    try:
        window = FreezeWindow(date.fromisoformat(first), date.fromisoformat(last), ZoneInfo(zone))
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"this machine knows no time zone {zone!r}; expected one such as Asia/Shanghai or UTC") from error
    except ValueError as error:
        raise ValueError(f"expected dates that exist, got {first}..{last}") from error
    if window.last < window.first:
        raise ValueError(f"expected a window that ends after it starts, got {first}..{last}")
    return window
