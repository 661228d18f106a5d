"""Lengths of time as people write them, read and written without anything else: 250ms, 30s, 8m, 1m48s, 1h30m."""

from __future__ import annotations

import re

_PATTERN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII)
_SECONDS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


def parse_duration_s(text: str) -> float:
    """Seconds in a written duration.

    Raises: ValueError: the text is not a duration.
    """
    match = _PATTERN.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"expected a duration such as 250ms, 30s, 8m or 1m48s, got {text!r}")
    return round(sum(float(part) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True) if part), 3)


def format_duration(seconds: float) -> str:
    """The shortest exact writing of a duration, to the millisecond; parses back to the same value."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    out = []
    for name, unit in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, unit)
        if count:
            out.append(f"{count}{name}")
    return "".join(out)
