"""Figures as people read them: lengths, promises, intervals, moments, and text without control characters."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

NOTHING = "–"


def length(seconds: float | None) -> str:
    """A measured length: `0.42 s`, `7.4 s`, `1:48`, `1:02:03`; a dash when it is unknown."""
    if seconds is None:
        return NOTHING
    size = abs(seconds)
    sign = "−" if seconds < 0 and round(size, 2) else ""
    if size < 0.005:
        return "0 s"
    if size < 0.995:
        return f"{sign}{size:.2f} s"
    if size < 59.95:
        return f"{sign}{size:.1f} s"
    return sign + _minutes(round(size))


def promised(seconds: float | None) -> str:
    """A target, budget or limit, without decimals it does not have: `30 s`, `7.5 s`, `1:00`."""
    if seconds is None:
        return NOTHING
    if abs(seconds) < 60:
        return f"{seconds:g} s"
    return length(seconds)


def exact(seconds: float | None) -> str:
    """Seconds to the millisecond, without the unit, so that figures that add up can be added up."""
    return NOTHING if seconds is None else f"{seconds:.3f}"


def interval(low_s: float | None, high_s: float | None) -> str:
    """What a figure can be at least and at most: `8.15 – 8.26 s`; empty when either end is unknown."""
    if low_s is None or high_s is None:
        return ""
    if high_s < 60:
        return f"{low_s:.2f} – {high_s:.2f} s"
    return f"{_tenths(low_s)} – {_tenths(high_s)}"


def difference(seconds: float) -> str:
    """A signed length, for being over or under: `+1.2 s`, `−0:48`."""
    return length(seconds) if seconds < 0.005 else f"+{length(seconds)}"


def percent(part: float, whole: float) -> str:
    """A share in whole per cent; a dash when there is nothing to share."""
    return f"{part / whole * 100:.0f} %" if whole > 0 else NOTHING


def moment(zero_at: str, position_s: float | None) -> str:
    """Wall time of a position on the report's axis, UTC: `14:02:31`.

    Raises: ValueError: `zero_at` is not ISO 8601.
    """
    if position_s is None:
        return NOTHING
    return f"{_instant(zero_at) + timedelta(seconds=position_s):%H:%M:%S}"


def day(zero_at: str) -> str:
    """Date and time a drill started, UTC. Raises: ValueError: `zero_at` is not ISO 8601."""
    return f"{_instant(zero_at):%Y-%m-%d %H:%M:%S} UTC"


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: Chinese characters take two."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def printable(text: str) -> str:
    """The text with every control, direction and unpaired surrogate character replaced, on one line.

    Safe in a terminal, in XML and in a log: no escape sequence survives.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe(character) for character in text)


def _safe(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category in {"Cc", "Cs"} or character in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff":
        return "\ufffd"
    return character


def _instant(zero_at: str) -> datetime:
    return datetime.fromisoformat(zero_at).astimezone(UTC)


def _minutes(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _tenths(seconds: float) -> str:
    tenths = round(seconds * 10)
    return f"{_minutes(tenths // 10)}.{tenths % 10}"
