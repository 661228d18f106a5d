"""Stretches of time in whole milliseconds: joined, cut and added up without a rounding error."""

from __future__ import annotations

from collections.abc import Iterable

Stretch = tuple[int, int]
"""From the first millisecond to before the last one."""


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time without overlaps, in order; empty stretches vanish."""
    out: list[Stretch] = []
    for start, end in sorted(stretch for stretch in stretches if stretch[1] > stretch[0]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def within(stretches: Iterable[Stretch], start: int, end: int) -> list[Stretch]:
    """The part of the stretches that lies between two moments, joined."""
    return joined((max(first, start), min(last, end)) for first, last in stretches)


def without(stretches: Iterable[Stretch], holes: Iterable[Stretch]) -> list[Stretch]:
    """The stretches less the holes, joined."""
    left = joined(stretches)
    for hole_start, hole_end in joined(holes):
        left = [
            piece for start, end in left for piece in ((start, min(end, hole_start)), (max(start, hole_end), end)) if piece[1] > piece[0]
        ]
    return left


def total(stretches: Iterable[Stretch]) -> int:
    """Milliseconds in the stretches, overlaps counted once."""
    return sum(end - start for start, end in joined(stretches))


def seconds(ms: int) -> float:
    """Milliseconds as the report writes them."""
    return round(ms / 1000, 3)


def maybe_seconds(ms: int | None) -> float | None:
    """As `seconds`; nothing stays nothing."""
    return None if ms is None else seconds(ms)


def milliseconds(length_s: float) -> int:
    """Seconds as whole milliseconds."""
    return round(length_s * 1000)
