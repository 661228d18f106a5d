"""Probe, budget and trend charts as positions and paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drill.model.report import Label, PhaseRow, ProbeRow, ProbeRun, Report, Span, TrendPoint
from drill.views.axis import Axis, axis_over
from drill.views.words import both

SITE_COLOURS = 4
"""How many sites have a colour of their own; more share them, and carry their name anyway."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Stretch:
    """A run of samples with its place. `colour` is `down` or the number of its site."""

    run: ProbeRun
    x: str
    width: str
    colour: str
    named: bool
    """Wide enough to carry the name of its site."""


@dataclass(frozen=True)
class Gap:
    """A stretch in which nobody took a sample."""

    span: Span
    x: str
    width: str


@dataclass(frozen=True)
class ProbeChart:
    """One probe from one place. Heights are shares of 100; `path` breaks where a sample failed, and where there is none."""

    probe: ProbeRow
    axis: Axis
    stretches: tuple[Stretch, ...]
    gaps: tuple[Gap, ...]
    path: str
    top_ms: float
    levels: tuple[tuple[float, str], ...]
    """Height from the top in per cent, and milliseconds."""


@dataclass(frozen=True)
class Bullet:
    """One phase against its budget."""

    phase: PhaseRow
    budget: str | None
    within: str
    over: tuple[str, str] | None


@dataclass(frozen=True)
class TrendMark:
    """One drill of the past. `y` is its height from the top, in per cent; null when it has no RTA."""

    point: TrendPoint
    x: str
    y: float | None


@dataclass(frozen=True)
class TrendChart:
    """RTAs of the same scenario and mode, oldest first."""

    marks: tuple[TrendMark, ...]
    target_y: float
    path: str


def probe_charts(report: Report) -> tuple[ProbeChart, ...]:
    """A chart per probe and place, the user's view first, all on one axis."""
    sites = sorted({run.site for probe in report.probes for run in probe.runs if run.site})
    colours = {site: str(number % SITE_COLOURS) for number, site in enumerate(sites)}
    ends = [run.end_s for probe in report.probes for run in probe.runs]
    starts = [run.start_s for probe in report.probes for run in probe.runs]
    axis = axis_over(min([0.0, *starts]), max([report.finished_s or 0.0, *ends]))
    probes = sorted(report.probes, key=lambda probe: (not probe.user_view, probe.id))
    return tuple(_probe_chart(probe, axis, colours) for probe in probes)


def views_of(report: Report) -> tuple[ProbeRow, ...]:
    """What was seen from each place, the drill's own first, what does not count last; none unless the scenario names vantage points."""
    if not any(probe.vantage for probe in report.probes):
        return ()
    seen = (probe for probe in report.probes if probe.rto is not None or probe.vantage)
    return tuple(sorted(seen, key=lambda probe: (probe.rto is None, bool(probe.vantage))))


def _probe_chart(probe: ProbeRow, axis: Axis, colours: dict[str, str]) -> ProbeChart:
    answered = sorted(ms for _, ms in probe.latency if ms is not None)
    top_ms = nice_above(answered[int(len(answered) * 0.99)] if answered else 1.0)
    levels = tuple((100 - share * 100, f"{top_ms * share:g}") for share in (0, 0.5, 1))
    stretches = tuple(_stretch(run, axis, colours) for run in probe.runs)
    gaps = tuple(Gap(gap, axis.x(gap.start_s), axis.width(gap.start_s, gap.end_s, least=0.15)) for gap in probe.gaps)
    points = [(axis.share(at_s) * 10, None if ms is None else 100 - min(ms, top_ms) / top_ms * 100) for at_s, ms in probe.latency]
    return ProbeChart(probe, axis, stretches, gaps, line_path(points), top_ms, levels)


def _stretch(run: ProbeRun, axis: Axis, colours: dict[str, str]) -> Stretch:
    colour = colours.get(run.site, "0") if run.ok else "down"
    room = axis.share(run.end_s) - axis.share(run.start_s)
    return Stretch(run, axis.x(run.start_s), axis.width(run.start_s, run.end_s, least=0.15), colour, room > 1 + 0.8 * len(run.site or "x"))


def line_path(points: Iterable[tuple[float, float | None]]) -> str:
    """An SVG path; a missing value breaks it, so that no line bridges an outage."""
    parts, pen = [], False
    for x, y in points:
        if y is not None:
            parts.append(f"{'L' if pen else 'M'}{x:.1f} {y:.1f}")
        pen = y is not None
    return "".join(parts)


def nice_above(value: float) -> float:
    """The smallest round number at or above the value."""
    unit = 1.0
    while unit * 10 < value:
        unit *= 10
    while unit > value:
        unit /= 10
    return next(unit * step for step in _NICE if unit * step >= value)


def bullets_of(phases: Sequence[PhaseRow]) -> tuple[Bullet, ...]:
    """Phases against their budgets, all on one scale."""
    top_s = max((value for phase in phases for value in (phase.actual_s, phase.budget_s) if value is not None), default=1.0)
    axis = axis_over(0.0, top_s, room=0.02)
    return tuple(_bullet(phase, axis) for phase in phases)


def _bullet(phase: PhaseRow, axis: Axis) -> Bullet:
    actual_s = phase.actual_s or 0.0
    budget_s = phase.budget_s
    over = (axis.x(budget_s), axis.width(budget_s, actual_s, least=0.4)) if budget_s is not None and actual_s > budget_s else None
    return Bullet(phase, axis.x(budget_s) if budget_s is not None else None, axis.x(min(actual_s, budget_s or actual_s)), over)


def trend_of(report: Report) -> TrendChart | None:
    """Past drills, then this one; nothing without a past."""
    if not report.trend:
        return None
    points = [*report.trend]
    if all(point.drill != report.drill for point in points):
        points.append(TrendPoint(drill=report.drill, at=report.zero_at, rta_s=report.rto.actual_s, met=report.rto.met))
    top_s = max([report.rto.target_s, *(point.rta_s for point in points if point.rta_s is not None)]) * 1.15
    marks = []
    for number, point in enumerate(points):
        share = 4 + 92 * number / max(len(points) - 1, 1)
        marks.append(TrendMark(point, f"{share:.2f}%", None if point.rta_s is None else round(100 - point.rta_s / top_s * 100, 2)))
    path = line_path((float(mark.x[:-1]) * 10, mark.y) for mark in marks)
    return TrendChart(tuple(marks), round(100 - report.rto.target_s / top_s * 100, 2), path)


def send_marks(phase: PhaseRow) -> tuple[tuple[str, Label, bool | None], ...]:
    """Told, delivered, answered: sign, word and state (null: not asked)."""
    answered = phase.answered if phase.asks else None
    return (
        ("told", both("told", "已告知"), phase.told),
        ("delivered", both("delivered", "已送达"), phase.delivered),
        ("answered", both("answered", "已答复") if phase.asks else both("no answer asked", "无需答复"), answered),
    )
