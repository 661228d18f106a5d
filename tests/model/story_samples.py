"""What the observer saw in a story: probe samples and canary rows, in batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drill.model.events import Kind

if TYPE_CHECKING:
    from tests.model.story_pen import Pen

STARTS_S: Final = 0.5
DEADLINE_S: Final = 1.0
_FREEZE_S: Final = 0.02
"""The site is gone this long before the fact about it is written."""
_BATCH_S: Final = 0.25


@dataclass(frozen=True)
class Measured:
    """When the service and the database really were down. `None`: it never came back."""

    outage_s: float
    recovered_s: float | None
    promoted_s: float | None
    home_s: float = float("inf")
    dips: tuple[tuple[float, float], ...] = ()
    thawed: bool = False
    """It came back because the frozen site was let go, which then answers what was asked before."""

    def serving(self, at: float) -> str:
        """The site that answers users, or nothing."""
        if at < self.outage_s - _FREEZE_S:
            return "primary"
        if self.recovered_s is None or at < self.recovered_s or any(start <= at < end for start, end in self.dips):
            return ""
        return "primary" if at >= self.home_s or self.promoted_s is None else "standby"

    def writable(self, at: float) -> bool:
        """Whether some database takes writes."""
        if at < self.outage_s - _FREEZE_S:
            return True
        back = self.promoted_s if self.promoted_s is not None else self.recovered_s
        return back is not None and at >= back and not any(start <= at < end for start, end in self.dips)


def last_row_before(outage_s: float, every_s: float) -> int:
    """The last canary row the old side acknowledged."""
    row = 0
    while STARTS_S + row * every_s < outage_s - _FREEZE_S:
        row += 1
    return row


def measure(pen: Pen, measured: Measured, *, until_s: float) -> None:
    """Write every sample and row up to a moment."""
    for probe in pen.plan.probes:
        _sample(pen, measured, probe.id, until_s=until_s)
    every_s = pen.plan.canary.every_s if pen.plan.canary else 1.0
    row = 0
    while STARTS_S + row * every_s < until_s:
        sent = STARTS_S + row * every_s
        row += 1
        if measured.writable(sent) and not pen.lost(sent):
            mono_s, _ = pen.mono(sent)
            key = f"canary/102/{row}"
            pen.say(_batch(sent), Kind.CANARY_ACKNOWLEDGED, key, by="canary", row=row, sent_s=mono_s, acked_s=round(mono_s + 0.005, 6))


def _batch(at: float) -> float:
    return math.ceil(at / _BATCH_S) * _BATCH_S


def _sample(pen: Pen, measured: Measured, name: str, *, until_s: float) -> None:
    probe = pen.plan.probe(name)
    gap = pen.story.gap if probe.user_view else None
    k = 0
    while STARTS_S + k * probe.every_s < until_s:
        due = STARTS_S + k * probe.every_s
        k += 1
        sent = due + 0.001
        site = measured.serving(sent)
        received = sent + (0.012 if site else DEADLINE_S)
        if not site and measured.thawed and measured.recovered_s is not None and sent > measured.recovered_s - DEADLINE_S:
            site, received = "primary", measured.recovered_s + 0.001
        if received > until_s or (gap and gap[0] <= sent < gap[1]) or pen.lost(sent):
            continue
        mono_s, boot = pen.mono(due)
        data = {"due_s": mono_s, "sent_s": round(mono_s + 0.001, 6), "received_s": round(mono_s + received - due, 6), "ok": bool(site)}
        where = {"probe": name, "k": k, "error": "" if site else "deadline", "site": site, "user_view": probe.user_view}
        pen.say(_batch(received), Kind.PROBE_SAMPLED, f"probe/{name}/{boot}/{k}", by=f"probe:{name}", **data, **where)
