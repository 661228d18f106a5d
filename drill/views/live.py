"""The terminal while a drill runs: clocks, phases with their steps, the open question, the last words."""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drill.model.events import Fact
from drill.model.report import GateRow, PhaseRow, Report, StepRow
from drill.views.figures import length, printable, promised
from drill.views.headline import verdict_of
from drill.views.words import channel_of, stamps, state_of

_SIGNS = {"pending": "·", "running": "▸", "waiting": "☎", "succeeded": "✓", "failed": "✕", "skipped": "–", "interrupted": "!"}
_STYLES = {"running": "bold cyan", "waiting": "bold yellow", "succeeded": "green", "failed": "bold red", "interrupted": "red"}
_TONES = {
    "ok": "bold green",
    "bad": "bold red",
    "held": "bold yellow",
    "unmeasured": "bold magenta",
    "stopped": "bold",
    "info": "bold cyan",
}
_BESIDES_ROWS = 9
"""Lines of the picture that are not phases or steps."""


class LiveView:
    """Redraws in place, at most four times a second; the last picture stays when it closes."""

    def __init__(self, out: TextIO, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), least_s: float = 0.2) -> None:
        self._console = Console(file=out, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis")
        self._now = now
        self._least_s = least_s
        self._drawn_at: datetime | None = None
        self._report: Report | None = None
        self._quiet = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def show(self, report: Report, new_facts: Sequence[Fact]) -> None:
        """Draw the report as it is now; a call too soon after the last is drawn by the next one or by `close`."""
        self._report = report
        now = self._now()
        if self._drawn_at is None:
            self._live.start()
            self._quiet = _quiet_keys(self._console.file)
        elif (now - self._drawn_at).total_seconds() < self._least_s:
            return
        self._draw(report, now)

    def close(self) -> None:
        """Draw the last state and leave it standing. Safe to call twice."""
        if self._report is not None and self._live.is_started:
            self._draw(self._report, self._now())
        self._live.stop()
        self._quiet()
        self._quiet = _nothing

    def _draw(self, report: Report, now: datetime) -> None:
        self._drawn_at = now
        now_s = (now - datetime.fromisoformat(report.zero_at)).total_seconds()
        self._live.update(picture(report, now_s=now_s, width=self._console.width, height=self._console.height), refresh=True)


def _nothing() -> None:
    """Nothing was changed about the terminal."""


def _quiet_keys(out: IO[str]) -> Callable[[], None]:
    """Keep `^C` out of the picture; returns what brings the terminal back to how it was."""
    try:
        number = out.fileno()
        before = termios.tcgetattr(number)
        wanted = [*before[:3], before[3] & ~termios.ECHOCTL, *before[4:]]
        termios.tcsetattr(number, termios.TCSANOW, wanted)
    except (OSError, termios.error):  # not a terminal, or one that cannot do it
        return _nothing
    return lambda: termios.tcsetattr(number, termios.TCSANOW, before)


def picture(report: Report, *, now_s: float, width: int, height: int) -> RenderableType:
    """The whole screen at a moment. `now_s` counts from the report's zero; `width` and `height` in cells."""
    now_s = report.finished_s if report.finished_s is not None else now_s
    parts: list[RenderableType] = [*_header(report, now_s), Text(""), _phases(report, now_s, width, height - _BESIDES_ROWS)]
    question = next((gate for gate in reversed(report.gates) if gate.state == "open" and report.outcome == "running"), None)
    if question is not None:
        parts += [Text(""), _question(report, question, now_s)]
    parts += [Text(f"‖ on hold: {printable(hold.reason)}", style="bold yellow") for hold in report.holds if hold.end_s is None]
    parts += _last_words(report)
    if report.outcome != "running":
        verdict = verdict_of(report)
        parts += [Text(""), Text(f"{verdict.sign} {printable(verdict.title.en)}", style=_TONES[verdict.tone])]
    for line in parts:
        if isinstance(line, Text):
            line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*parts)


def _header(report: Report, now_s: float) -> Iterator[Text]:
    title = Text(printable(report.title.en), style="bold")
    for stamp in stamps(report):
        title.append("  ")
        title.append(f" {stamp.en.upper()} ", style="black on yellow")
    yield title
    yield Text(f"{printable(report.drill)}  elapsed {length(now_s)}", style="dim")
    down_s = _outage_clock_s(report, now_s)
    if down_s is None:
        yield Text(f"RTO {promised(report.rto.target_s)}  the service is up", style="dim")
        return
    if report.outcome != "running" and report.rto.actual_s is None:
        word, style = ("missed", "bold red") if report.rto.met is False else ("unmeasured", "yellow")
        yield Text(f"RTO {promised(report.rto.target_s)}  {word}: {printable(report.rto.why.en)}", style=style)
        return
    share = down_s / report.rto.target_s if report.rto.target_s > 0 else 1.0
    style = "green" if share <= 0.75 else "yellow" if share <= 1 else "bold red"
    full = min(round(share * 20), 20)
    line = Text("RTO ")
    line.append("█" * full + "░" * (20 - full), style=style)
    line.append(f" {length(down_s)}", style=style)
    line.append(f" / {promised(report.rto.target_s)}")
    word, tone = ("back", "green") if report.recovery else ("answers again", "yellow") if _answers(report) else ("service down", "bold red")
    yield line.append(f"  {word}", style=tone)


def _answers(report: Report) -> bool:
    """Whether the last sample of every user's view was good, proof or not."""
    last = [probe.runs[-1].ok for probe in report.probes if probe.user_view and probe.runs]
    return bool(last) and all(last)


def _outage_clock_s(report: Report, now_s: float) -> float | None:
    if report.rto.actual_s is not None:
        return report.rto.actual_s
    return None if report.outage_s is None else max(now_s - report.outage_s, 0.0)


def _phases(report: Report, now_s: float, width: int, room: int) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=1)
    table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
    table.add_column(width=9, justify="right", no_wrap=True)
    table.add_column(ratio=2, no_wrap=True, overflow="ellipsis", style="dim")
    if width >= 110:
        table.add_column(ratio=5, no_wrap=True, overflow="ellipsis", style="dim")
    for cells, style in _rows(report, now_s, room):
        table.add_row(*cells[: len(table.columns)], style=style)
    return table


def _rows(report: Report, now_s: float, room: int) -> Iterator[tuple[tuple[Text, ...], str]]:
    shown = [phase for phase in report.phases if phase.part == "drill" or phase.state != "pending"]
    later = len(report.phases) - len(shown)
    steps = {phase.id: [step for step in report.steps if step.phase == phase.id] for phase in shown}
    folded = _fold(shown, {name: len(rows) for name, rows in steps.items()}, room - 1)
    for phase in shown:
        yield _phase_cells(phase, now_s), ""
        for step in () if phase.id in folded else steps[phase.id]:
            yield _step_cells(step, now_s), "dim" if step.state == "pending" else ""
    if later:
        yield _cells("·", f"failback: {later} phases", None, "after the verdict", ""), "dim"


def _fold(phases: Sequence[PhaseRow], steps: dict[str, int], room: int) -> set[str]:
    """Phases whose steps are left out so that the rest fits: the ended ones first, then those not begun."""
    folded: set[str] = set()
    lines = len(phases) + sum(steps.values())
    for states in ({"succeeded", "skipped"}, {"pending"}):
        for phase in phases:
            if lines <= room:
                return folded
            if phase.state in states:
                folded.add(phase.id)
                lines -= steps[phase.id]
    return folded


def _cells(sign: str, name: str, seconds: float | None, state: str, last: str, *, style: str = "", bold: bool = False) -> tuple[Text, ...]:
    return (
        Text(sign, style=style),
        Text(printable(name), style="bold" if bold else ""),
        Text("" if seconds is None else length(seconds), style=style),
        Text(printable(state)),
        Text(printable(last)),
    )


def _phase_cells(phase: PhaseRow, now_s: float) -> tuple[Text, ...]:
    seconds = phase.actual_s if phase.actual_s is not None or phase.start_s is None else max(now_s - phase.start_s - phase.held_s, 0.0)
    over = phase.budget_s is not None and seconds is not None and seconds > phase.budget_s
    state = "" if phase.state == "pending" else state_of(phase.state).en
    if phase.budget_s is not None and phase.state != "pending":
        state = f"{state} / {promised(phase.budget_s)}"
    by = f"acknowledged by {', '.join(phase.acknowledged_by)}" if phase.acknowledged_by else ""
    return _cells(
        _SIGNS[phase.state], phase.title.en, seconds, state, by, style="bold red" if over else _STYLES.get(phase.state, ""), bold=True
    )


def _step_cells(step: StepRow, now_s: float) -> tuple[Text, ...]:
    seconds = step.actual_s if step.actual_s is not None or step.start_s is None or step.state == "pending" else now_s - step.start_s
    tries = f" (try {step.attempts})" if step.attempts > 1 else ""
    last = step.error or (f"{step.progress[-1].what} {step.progress[-1].detail}" if step.progress else "")
    name = f"  {step.id.split('.', 1)[-1]}  {step.kind}"
    state = "" if step.state in {"pending", "succeeded"} and not tries else f"{state_of(step.state).en}{tries}"
    return _cells(
        _SIGNS[step.state], name, seconds, state or (last if step.state == "running" else ""), last, style=_STYLES.get(step.state, "")
    )


def _question(report: Report, gate: GateRow, now_s: float) -> Text:
    asked = [message.contact for message in report.messages if message.gate == gate.id] or [*gate.asked, *gate.escalated_to]
    people = " → ".join(dict.fromkeys(asked))
    left_s = gate.asked_s + gate.within_s - now_s
    line = Text("☎ ", style="bold yellow")
    line.append(f"{printable(gate.id)}: waiting for {printable(people)}")
    line.append(f"  {length(left_s)} left" if left_s > 0 else "  time is up", style="bold yellow" if left_s > 0 else "bold red")
    return line


def _last_words(report: Report) -> Iterator[Text]:
    if report.messages:
        message = report.messages[-1]
        state = "delivered" if message.delivered_s is not None else message.state
        yield Text(f"→ {printable(message.contact)} ({channel_of(message.channel)}, {state}): {printable(message.text)}", style="dim")
    if report.replies:
        reply = report.replies[-1]
        counted = "" if reply.counted else f", not counted: {reply.reason}"
        yield Text(f"← {printable(reply.contact or 'unknown')}: {printable(reply.verb + counted)}", style="dim")
