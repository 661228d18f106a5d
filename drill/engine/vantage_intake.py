"""Takes in what a vantage point sends: holds every sample to the plan and to the clock, and makes facts of the sound ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from drill.model.errors import PreflightFailed
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan
from drill.model.ports import Clock
from drill.model.vantage import series_id
from drill.model.vantage_wire import Sampled

AHEAD_S: Final = 2.0
"""A sample may lie so far in the future beyond the error of its clock."""
UNKNOWN_AHEAD_S: Final = 5.0
"""The same for a clock that nobody compared."""
STEP_S: Final = 60.0
"""The wall clock here may have been set by so much since a sample that comes late was placed by it."""
BEFORE: Final = timedelta(minutes=5)
"""So long before a drill was planned its vantage points may have begun."""
_EARLY_S: Final = 0.05
_LATE_S: Final = 5.0
_OVER: Final = frozenset({Kind.DRILL_FINISHED})


class OpenJournal(Protocol):
    """Takes facts only while a drill has not ended."""

    def append_unless(self, drill: str, drafts: Sequence[Draft], *, over: frozenset[Kind]) -> list[Fact] | None:
        """Store the drafts in one transaction; nothing, and None, when the drill holds a fact of the kinds `over` by then."""


@dataclass(frozen=True)
class Sieved:
    """What became of samples: facts to be, those of another time, and what was wrong with the rest."""

    drafts: tuple[Draft, ...]
    outside: int
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Moment:
    """Now, by the clocks of the machine that takes samples in."""

    now: datetime
    mono_s: float
    boot: str

    @classmethod
    def by(cls, clock: Clock) -> Moment:
        """As a clock tells it."""
        return cls(clock.now(), clock.mono_s(), clock.epoch.partition("-")[0])


def sieve(plan: Plan, vantage: str, samples: Sequence[Sampled], *, planned_at: datetime, moment: Moment) -> Sieved:
    """Sound samples of a vantage point as facts. `planned_at` is by this machine's clock.

    Raises: PreflightFailed: the plan has no such vantage point (F072).
    """
    point = next((one for one in plan.vantage_points if one.id == vantage), None)
    if point is None:
        known = ", ".join(one.id for one in plan.vantage_points) or "none"
        raise PreflightFailed(f"the drill has no vantage point {vantage!r}.", code="F072", fix=f"Its vantage points: {known}.")
    probes = {probe.id: probe for probe in plan.probes if probe.id in point.probes}
    drafts, outside, wrong = [], 0, []
    for sample in samples:
        if sample.probe not in probes:
            wrong.append(f"{vantage} does not ask {sample.probe!r}")
        elif sample.at < planned_at - BEFORE:
            outside += 1
        elif trouble := next(_troubles(sample, probes[sample.probe].timeout_s, moment), ""):
            wrong.append(trouble)
        else:
            drafts.append(_draft(sample, vantage, user_view=point.user_view and probes[sample.probe].user_view))
    return Sieved(tuple(drafts), outside, tuple(wrong))


def _troubles(sample: Sampled, timeout_s: float, moment: Moment) -> Iterator[str]:
    """What cannot be true of a sample, whoever sends it."""
    known = sample.clock_error_s is not None
    if known and (sample.clock_offset_s is None or not sample.clock_boot):
        yield "a clock was compared, but not with which"
    ahead_s = (sample.at - moment.now).total_seconds()
    if known and sample.clock_boot == moment.boot:
        by_mono_s = sample.sent_s + (sample.clock_offset_s or 0.0) - moment.mono_s
        if abs(by_mono_s - ahead_s) > STEP_S + (sample.clock_error_s or 0.0):
            yield "its two clocks tell different times"
    if ahead_s > (AHEAD_S + (sample.clock_error_s or 0.0) if known else UNKNOWN_AHEAD_S):
        yield f"a sample lies {ahead_s:.0f} s in the future"
    if sample.sent_s < sample.due_s - _EARLY_S:
        yield "a sample was sent before it was due"
    if sample.received_s is not None and not 0 <= sample.received_s - sample.sent_s <= timeout_s + _LATE_S:
        yield "an answer came before its question, or long after its time-out"
    if sample.ok and (sample.received_s is None or sample.error):
        yield "a good sample has no answer, or an error"


def _draft(sample: Sampled, vantage: str, *, user_view: bool) -> Draft:
    name = series_id(sample.probe, vantage)
    data = sample.model_dump(exclude={"at", "epoch"})
    for moment in ("due_s", "sent_s", "received_s", "clock_offset_s", "clock_error_s"):
        data[moment] = None if data[moment] is None else round(data[moment], 6)
    fact = {**data, "vantage": vantage, "user_view": user_view}
    key = f"probe/{name}/{sample.epoch}/{sample.k}"
    return Draft(Kind.PROBE_SAMPLED, f"probe:{name}", key, fact, sample.at, data["sent_s"], sample.epoch)


def store(journal: OpenJournal, drill: str, drafts: Sequence[Draft]) -> bool:
    """Write them down; false when the drill has ended: nothing that is measured may follow its last fact."""
    return journal.append_unless(drill, drafts, over=_OVER) is not None
