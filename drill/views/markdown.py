"""A short Markdown summary for job pages and chat: verdict, one table, at most three fixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from drill.model.report import HoldRow, Label, PhaseRow, ProbeRow, Report
from drill.views.charts import views_of
from drill.views.costs import cost_line
from drill.views.figures import NOTHING, difference, exact, interval, length, printable, promised
from drill.views.headline import objective_of, to_fix, verdict_of
from drill.views.words import MODES, both, stamps, state_of

Language = Literal["en", "zh"]

_ACTUAL: Final = both("| | actual | target | result |", "| | 实测 | 目标 | 结果 |")
_PHASES: Final = both("| phase | took | budget | waiting for people | state |", "| 阶段 | 用时 | 预算 | 等人 | 状态 |")
_VIEWS: Final = both("| seen by | RTA | between | result |", "| 视角 | RTA | 区间 | 结果 |")
_CLOCKS: Final = {
    "detection_s": both("detection", "发现"),
    "machine_s": both("machine", "机器"),
    "human_s": both("human", "等人"),
    "engine_s": both("engine", "引擎"),
}


def render_markdown(report: Report, *, lang: Language = "en") -> str:
    """The report in at most a screenful of Markdown, in one language, ending in a newline."""
    return "\n".join(_Writer(report, lang).lines()) + "\n"


@dataclass(frozen=True)
class _Writer:
    report: Report
    lang: Language

    def lines(self) -> Iterator[str]:
        report = self.report
        verdict = verdict_of(report)
        stamp = ", ".join(self.say(label) for label in stamps(report) or (MODES[report.mode],))
        yield f"## {verdict.sign} {self.say(report.title)}: {self.say(verdict.title)}"
        yield f"\n`{printable(report.drill).replace('`', chr(39))}` · **{stamp}**" + self._exit()
        yield f"\n{self.say(report.summary)}\n"
        yield self.word(_ACTUAL)
        yield "|---|---:|---:|---|"
        yield self._objective("RTO")
        yield self._objective("RPO")
        yield from self._views()
        yield from self._clocks()
        yield from map(self._hold, self.report.holds)
        yield f"\n{self.word(_PHASES)}"
        yield "|---|---:|---:|---:|---|"
        yield from map(self._phase, report.phases)
        yield from self._costs()
        yield from self._fixes()
        chain = self.word(both("facts, head digest", "条事实，链尾摘要"))
        yield f"\n{report.evidence.facts} {chain} `{printable(report.evidence.head_digest[:16])}…`"

    def word(self, label: Label) -> str:
        return label.zh if self.lang == "zh" else label.en

    def say(self, label: Label) -> str:
        return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", printable(self.word(label)))

    def _exit(self) -> str:
        return "" if self.report.exit_code is None else f" · {self.word(both('exit', '退出码'))} {self.report.exit_code}"

    def _objective(self, name: Literal["RTO", "RPO"]) -> str:
        rpo = self.report.rpo
        result = self.report.rto if name == "RTO" else rpo
        shown = objective_of(self.report, result.met)
        lost = ""
        if name == "RPO" and rpo.lost_rows is not None:
            lost = self.word(
                both(f" ({rpo.lost_rows} of {rpo.acknowledged_rows} rows)", f"（{rpo.lost_rows} / {rpo.acknowledged_rows} 行）")
            )
        return f"| **{name}** | {length(result.actual_s)}{lost} | {promised(result.target_s)} | {shown.sign} {self.word(shown.word)} |"

    def _views(self) -> Iterator[str]:
        """What users saw from each place, the worst marked."""
        views = views_of(self.report)
        if views:
            yield f"\n{self.word(_VIEWS)}"
            yield "|---|---:|---|---|"
        yield from map(self._view, views)

    def _view(self, view: ProbeRow) -> str:
        if view.rto is None:
            words = both("does not count", "不计入") if view.samples else both("sent nothing", "未送来样本")
            return f"| {printable(view.id)} | {NOTHING} | {NOTHING} | {self.word(words)} |"
        shown, mark = objective_of(self.report, view.rto.met), f" ◂ {self.word(both('decides', '以此为准'))}" if view.decides else ""
        between = interval(view.rto.low_s, view.rto.high_s) or NOTHING
        return f"| {printable(view.id)}{mark} | {length(view.rto.actual_s)} | {between} | {shown.sign} {self.word(shown.word)} |"

    def _clocks(self) -> Iterator[str]:
        values = {name: getattr(self.report.clocks, name) for name in _CLOCKS}
        if None not in values.values():
            terms = " + ".join(f"{self.word(title)} {exact(values[name])}" for name, title in _CLOCKS.items())
            yield f"\n{terms} = RTA {exact(self.report.rto.actual_s)} s"

    def _hold(self, hold: HoldRow) -> str:
        ended = "" if hold.end_s is None else f" {length(hold.end_s - hold.start_s)}"
        chose = f"; {(hold.by or '').removeprefix('person:')} → {hold.chose}" if hold.chose else ""
        return f"\n‖ {self.word(both('On hold', '暂停'))}{ended}: " + self.say(both(f"{hold.reason}{chose}", f"{hold.reason}{chose}"))

    def _phase(self, phase: PhaseRow) -> str:
        over = phase.over_budget_s
        note = "" if over is None or over <= 0 else f" (▲ {difference(over)})"
        human = length(phase.human_s) if phase.human_s else NOTHING
        mark = f" ◂ {self.word(both('bottleneck', '瓶颈'))}" if phase.bottleneck else ""
        state = self.word(state_of(phase.state))
        return f"| {self.say(phase.title)}{mark} | {length(phase.actual_s)}{note} | {promised(phase.budget_s)} | {human} | {state} |"

    def _costs(self) -> Iterator[str]:
        line = cost_line(self.report)
        if line is not None:
            yield f"\n{self.say(line)}"

    def _fixes(self) -> Iterator[str]:
        fixes = to_fix(self.report, most=3)
        if fixes:
            yield f"\n**{self.word(both('What to fix', '要改什么'))}**\n"
        for number, fix in enumerate(fixes, start=1):
            yield f"{number}. {self.say(fix.title)}" + (f": {self.say(fix.why)}" if fix.why.en else "")
