"""The verdict: how a drill ended, the exit code that says so, and the line a person reads last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, get_args

from drill.model.events import Kind
from drill.model.plan import Objectives
from drill.model.report import FindingRow, Label, Outcome, Report, Rpo, Rto
from drill.model.spans import milliseconds
from drill.model.telling import both, label, said
from drill.model.timeline import Timeline

MET, NOT_MET, REFUSED, UNDONE, PERSON_NEEDED = 0, 1, 3, 4, 5


class Verdict(NamedTuple):
    """`exit_code` is nothing while the drill runs."""

    outcome: Outcome
    exit_code: int | None
    last_line: Label


def outcome_of(timeline: Timeline) -> tuple[Outcome, int | None]:
    """How it ended: what the DrillFinished fact says when there is one."""
    finished = timeline.first(Kind.DRILL_FINISHED)
    if finished is not None:
        code = finished.data["exit_code"]
        return _named(finished.data["outcome"]), None if code is None else int(code)
    return ("running", None) if timeline.over_ms is None else ("held", PERSON_NEEDED)


def _named(name: str) -> Outcome:
    for outcome in get_args(Outcome):
        if outcome == name:
            return outcome  # type: ignore[no-any-return]
    return "failed"


def exit_code_for(outcome: Outcome, *, rto: Rto, rpo: Rpo, left: Sequence[str] = (), unjudged: bool = False) -> int:
    """The exit code of a drill that ends so; `left` names what failback, undo or clean-up could not finish.

    `unjudged`: only the outcome counts, as in a dry run or where a scenario loses nothing. An objective missed or unmeasured gives 1.
    """
    if left or outcome in {"held", "running"}:
        return PERSON_NEEDED
    if outcome == "refused":
        return REFUSED
    if outcome in {"declined", "aborted", "failed"}:
        return UNDONE
    return MET if unjudged or (rto.met is True and rpo.met is True) else NOT_MET


def finished_code(report: Report, objectives: Objectives, left: Sequence[str]) -> int:
    """The exit code of a drill that came to its end."""
    return exit_code_for("finished", rto=report.rto, rpo=report.rpo, left=left, unjudged=objectives.rto_binds == "none")


def verdict(report: Report) -> Verdict:
    """The verdict of a report."""
    code = report.exit_code
    if code is None and report.outcome not in {"running", "missed"}:
        code = exit_code_for(report.outcome, rto=report.rto, rpo=report.rpo, unjudged=report.mode == "dry-run")
    return Verdict(report.outcome, code, _last_line(report))


def _last_line(report: Report) -> Label:
    if report.outcome == "finished" and report.mode == "dry-run":
        return label("Dry run finished: every phase would run. Nothing was measured.", "预演完成：所有阶段均可执行。未做任何测量。")
    if nothing_judged(report):
        return NOTHING_JUDGED
    if report.outcome in {"finished", "running"}:
        return both(rto_sentence(report.rto), rpo_sentence(report.rpo))
    if report.outcome == "refused":
        return refusal(report.findings)
    word = _ENDED[report.outcome]
    return both(word, _LEFT) if report.exit_code == PERSON_NEEDED and report.outcome != "held" else word


NOTHING_JUDGED: Final = label(
    "Finished as planned. The scenario loses nothing: RTO and RPO are not judged.", "按计划完成。本场景不造成中断，不评判 RTO 与 RPO。"
)


def nothing_judged(report: Report) -> bool:
    """Whether a drill came to a good end without any objective: `objectives.rto_binds: none`."""
    return report.outcome == "finished" and report.exit_code == MET and report.rto.met is None and report.mode != "dry-run"


_ENDED: Final = {
    "declined": label("Declined: nothing was touched.", "已拒绝：未做任何变更。"),
    "aborted": label("Aborted: what had been changed was undone.", "已中止：已做的变更均已回退。"),
    "held": label("On hold: a person must choose failback or proceed.", "已暂停：需要人工选择回切或继续。"),
    "failed": label("Failed.", "失败。"),
    "missed": label("Missed: it was due and did not begin.", "错过：到期但未开始。"),
}
_LEFT = label("Something is left for a person to do; the findings name it.", "有遗留事项需要人工处理，详见发现项。")


def refusal(findings: Sequence[FindingRow]) -> Label:
    """Why a drill was refused before anything was touched."""
    why = " ".join(row.what for row in findings if row.severity == "error")
    return label(f"Refused before anything was touched. {why}".strip(), f"已拒绝执行，未做任何变更。{why}")


def rto_sentence(rto: Rto) -> Label:
    """The recovery time in one sentence."""
    target = said(milliseconds(rto.target_s))
    if rto.met is None:
        return label(f"RTO unmeasured (promised {target}): {rto.why.en}", f"RTO 未测得（目标 {target}）：{rto.why.zh}")
    if rto.actual_s is None:
        return label(f"RTO missed (promised {target}): {rto.why.en}", f"RTO 未达标（目标 {target}）：{rto.why.zh}")
    actual = milliseconds(rto.actual_s)
    if rto.met:
        return label(f"RTO met: {said(actual)} against {target}.", f"RTO 达标：{said(actual)}，目标 {target}。")
    by = said(actual - milliseconds(rto.target_s))
    return label(f"RTO missed by {by}: {said(actual)} against {target}.", f"RTO 超出 {by}：{said(actual)}，目标 {target}。")


def rpo_sentence(rpo: Rpo) -> Label:
    """The data loss in one sentence."""
    target = said(milliseconds(rpo.target_s))
    if rpo.met is None or rpo.actual_s is None:
        return label(f"RPO unmeasured (promised {target}): {rpo.why.en}", f"RPO 未测得（目标 {target}）：{rpo.why.zh}")
    if not rpo.lost_rows:
        return label("RPO met: no acknowledged row was lost.", "RPO 达标：已确认的数据无丢失。")
    actual = said(milliseconds(rpo.actual_s))
    word, zh = ("met", "达标") if rpo.met else ("missed", "未达标")
    return label(
        f"RPO {word}: {rpo.lost_rows} acknowledged {'row' if rpo.lost_rows == 1 else 'rows'} lost, {actual} against {target}.",
        f"RPO {zh}：丢失 {rpo.lost_rows} 行已确认数据，{actual}，目标 {target}。",
    )
