"""A short Markdown summary for job pages and chat: verdict, one table, at most three fixes."""

from __future__ import annotations

import re

from drill.model.report import Label, PhaseRow, Report
from drill.views.figures import NOTHING, difference, exact, length, printable, promised
from drill.views.headline import objective_of, to_fix, verdict_of
from drill.views.words import MODES, state_of, stamps


def render_markdown(report: Report) -> str:
    """The report in at most a screenful of Markdown, ending in a newline."""
    verdict = verdict_of(report)
    stamp = ", ".join(_cell(label) for label in stamps(report)) or MODES[report.mode].en
    lines = [
        f"## {verdict.sign} {_cell(report.title)}: {_cell(verdict.title)}",
        "",
        f"`{_code(report.drill)}` · **{stamp}**" + ("" if report.exit_code is None else f" · exit {report.exit_code}"),
        "",
        _cell(report.summary),
        "",
        "| | actual | target | result |",
        "|---|---:|---:|---|",
        _objective(report, "RTO"),
        _objective(report, "RPO"),
        "",
    ]
    clocks = report.clocks.model_dump()
    if all(value is not None for value in clocks.values()):
        terms = " + ".join(f"{name.removesuffix('_s')} {exact(value)}" for name, value in clocks.items())
        lines += [f"{terms} = RTA {exact(report.rto.actual_s)} s", ""]
    lines += ["| phase | took | budget | waiting for people | state |", "|---|---:|---:|---:|---|"]
    lines += [_phase(phase) for phase in report.phases]
    fixes = to_fix(report, most=3)
    if fixes:
        lines += ["", "**What to fix**", ""]
        lines += [f"{number}. {_cell(fix.title)}: {_cell(fix.why)}" for number, fix in enumerate(fixes, start=1)]
    lines += ["", f"{report.evidence.facts} facts, head digest `{report.evidence.head_digest[:16]}…`"]
    return "\n".join(lines) + "\n"


def _objective(report: Report, name: str) -> str:
    result = report.rto if name == "RTO" else report.rpo
    shown = objective_of(report, result.met)
    lost = "" if name == "RTO" or report.rpo.lost_rows is None else f" ({report.rpo.lost_rows} of {report.rpo.acknowledged_rows} rows)"
    return f"| **{name}** | {length(result.actual_s)}{lost} | {promised(result.target_s)} | {shown.sign} {shown.word.en} |"


def _phase(phase: PhaseRow) -> str:
    over = phase.over_budget_s
    note = "" if over is None or over <= 0 else f" ({difference(over)})"
    human = length(phase.human_s) if phase.human_s else NOTHING
    mark = " ◂ bottleneck" if phase.bottleneck else ""
    return f"| {_cell(phase.title)}{mark} | {length(phase.actual_s)}{note} | {promised(phase.budget_s)} | {human} | {state_of(phase.state).en} |"


def _cell(label: Label) -> str:
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", printable(label.en))


def _code(text: str) -> str:
    return printable(text).replace("`", "'")
