"""One self-contained HTML file: no script, no outside address, both languages, light, dark and print."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import DictLoader, Environment, StrictUndefined

from drill.model.report import MessageRow, ReplyRow, Report
from drill.views import charts, costs, figures, headline, timeline, words

Language = Literal["both", "en", "zh"]


@dataclass(frozen=True)
class Talk:
    """One message or one reply, at its moment."""

    at_s: float
    message: MessageRow | None = None
    reply: ReplyRow | None = None


def render_html(report: Report, *, lang: Language = "both") -> str:
    """The report as one HTML file. `lang` sets which language shows first; the reader can switch without script."""
    template = _environment().get_template("page.html.j2")
    return template.render(_context(report, lang))


def _context(report: Report, lang: Language) -> dict[str, Any]:
    stamps = words.stamps(report)
    neck = headline.bottleneck_of(report)
    probes = charts.probe_charts(report)
    sites = {s.run.site: s.colour for chart in probes for s in chart.stretches if s.run.ok and s.run.site}
    return {
        "r": report,
        "lang": lang,
        "stamps": stamps,
        "stamp_line": " · ".join(f"{stamp.zh} {stamp.en.upper()}" for stamp in stamps),
        "verdict": headline.verdict_of(report),
        "outcome": words.OUTCOMES[report.outcome],
        "rto": headline.objective_of(report, report.rto.met),
        "rpo": headline.objective_of(report, report.rpo.met),
        "strip": headline.strip_of(report),
        "target_text": headline.target_text(report),
        "neck": neck,
        "neck_steps": headline.slowest_steps(report, neck.id) if neck else (),
        "holds": lambda part: headline.holds_of(report, part),
        "gates": lambda part: headline.gates_of(report, part),
        "fixes": headline.to_fix(report),
        "drill_line": timeline.timeline_of(report, "drill"),
        "failback_line": timeline.timeline_of(report, "failback"),
        "probes": probes,
        "views": charts.views_of(report),
        "no_samples": words.both("no samples", "无样本"),
        "sites": sorted(sites.items()),
        "bullets": charts.bullets_of(report.phases),
        "trend": charts.trend_of(report),
        "talk": talk_of(report),
        "costs": costs.costs_of(report),
        "judged": lambda met: headline.objective_of(report, met),
    }


def talk_of(report: Report) -> tuple[Talk, ...]:
    """Messages and replies in the order they happened."""
    sent = [Talk(message.sent_s, message=message) for message in report.messages]
    heard = [Talk(reply.at_s, reply=reply) for reply in report.replies]
    return tuple(sorted([*sent, *heard], key=lambda entry: entry.at_s))


@cache
def _environment() -> Environment:
    folder = files("drill.views") / "templates"
    sources = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith((".j2", ".css"))}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_clean
    )
    environment.filters.update(
        length_of=figures.length,
        promised=figures.promised,
        exact=figures.exact,
        difference=figures.difference,
        money=costs.money,
        day=figures.day,
        at=lambda at_s, axis: axis.x(at_s),
        state_of=words.state_of,
        channel_of=words.channel_of,
        json_text=_json_text,
        css_text=_css_text,
    )
    environment.globals.update(interval=figures.interval, percent=figures.percent, moment=figures.moment, send_marks=charts.send_marks)
    return environment


def _clean(value: Any) -> Any:
    """Control characters end here: they are invalid in HTML and forge text in a terminal that prints the file."""
    return figures.printable(value) if type(value) is str else value


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _css_text(value: str) -> str:
    """Text for a CSS string: every character that could end it, or end the style element, is written as its code."""
    return re.sub(r"[^\w .·-]", lambda match: f"\\{ord(match.group()):x} ", figures.printable(value))
