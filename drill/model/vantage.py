"""Samples that other hosts took: whose they are, and how another host's clock is tied to the drill's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf, isfinite
from typing import Any, Final

from drill.model.events import Fact, Kind

BY_ITS_OWN: Final = inf
"""The error of a clock that nobody compared with the drill's: unknown."""


def vantage_of(fact: Fact) -> str:
    """The vantage point that took a sample; empty for the drill's own observer and every other fact."""
    return str(fact.data.get("vantage") or "") if fact.kind is Kind.PROBE_SAMPLED else ""


def series_id(probe: str, vantage: str) -> str:
    """What the samples of one probe from one place are called: `checkout`, `checkout@frankfurt`."""
    return f"{probe}@{vantage}" if vantage else probe


def clock_error_s(data: Mapping[str, Any], boots: Collection[str]) -> float:
    """How far off the axis a vantage point's sample may lie, in seconds; `BY_ITS_OWN` unless compared with a clock of the drill's boots.

    A web server on a machine of its own compares with its own clock: that says nothing about the engine's.
    """
    error = data.get("clock_error_s")
    known = data.get("clock_boot") in boots and isinstance(error, int | float) and isfinite(error) and error >= 0
    return float(error) if known and error is not None else BY_ITS_OWN


def foreign_ties(samples: Sequence[Fact], by_boot: Mapping[str, float], zero: Fact) -> dict[str, float]:
    """Axis seconds less monotonic seconds of every process that sampled elsewhere, by epoch.

    Its best comparison with a clock of the drill counts; without one it may have run beside the drill, on the same boot; else it is
    placed by its wall clock.
    """
    best: dict[str, Fact] = {}
    for fact in samples:
        held = best.get(fact.epoch)
        if held is None or clock_error_s(fact.data, by_boot) < clock_error_s(held.data, by_boot):
            best[fact.epoch] = fact
    return {epoch: _tie(fact, by_boot, zero) for epoch, fact in best.items()}


def _tie(fact: Fact, by_boot: Mapping[str, float], zero: Fact) -> float:
    if clock_error_s(fact.data, by_boot) != BY_ITS_OWN:
        return by_boot[fact.data["clock_boot"]] + float(fact.data["clock_offset_s"])
    boot = fact.epoch.rsplit("-", 2)[0]
    return by_boot.get(boot, (fact.at - zero.at).total_seconds() - fact.mono_s)
