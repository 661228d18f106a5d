"""The one or two sentences a manager reads first: the result with its cause, and what would have changed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from drill.model.plan import Mode
from drill.model.report import FixRow, Label, Outcome, PhaseRow, Rpo, Rto
from drill.model.spans import milliseconds
from drill.model.telling import both, label, said
from drill.model.verdict import rpo_sentence, rto_sentence

After = Literal["", "left", "gone"]
"""After an abort: all is undone; a person must still act; or what it stood on is there no more."""


def summary_of(
    outcome: Outcome, mode: Mode, rto: Rto, rpo: Rpo, *, phases: Sequence[PhaseRow], fixes: Sequence[FixRow], after: After = ""
) -> Label:
    """The result in the words of its mode, so that a sandbox figure is never read as the business's. `after`: how an abort left things."""
    if mode is Mode.DRY_RUN:
        return label("A dry run: it shows what would happen and measures nothing.", "预演：只展示将会发生什么，不产生测量结果。")
    if outcome in {"declined", "aborted", "held", "failed", "missed"}:
        return both(_stopped(after if after and outcome == "aborted" else outcome, phases), _where(mode, phases, rto=rto))
    result = both(rto_sentence(rto), rpo_sentence(rpo))
    cause = _cause(phases) if rto.actual_s is not None else None
    remedy = _remedy(fixes) if rto.met is not True else None
    for more in (cause, remedy):
        result = result if more is None else both(result, more)
    if outcome == "running":
        return both(label("The drill is still running.", "演练仍在进行。"), result)
    return both(label("In the sandbox:", "沙箱环境："), result) if mode is Mode.SANDBOX else result


def _stopped(how: str, phases: Sequence[PhaseRow]) -> Label:
    stuck = max((row for row in phases if row.state in {"failed", "waiting"}), key=lambda row: row.start_s or 0.0, default=None)
    at = label(f" at “{stuck.title.en}”", f"于“{stuck.title.zh}”阶段") if stuck else label("", "")
    words = {
        "declined": (f"The drill was declined{at.en}; nothing was touched.", f"演练{at.zh}被拒绝，未做任何变更。"),
        "aborted": (f"The drill was aborted{at.en} and undone.", f"演练{at.zh}中止并已回退。"),
        "gone": (
            f"The drill was aborted{at.en}: its ground is gone, and what it had made there with it.",
            f"演练{at.zh}中止：演练环境已不存在，其中的一切随之消失。",
        ),
        "left": (
            f"The drill was aborted{at.en}; not everything is undone: a person must act.",
            f"演练{at.zh}中止，但未完全回退：需要人工处理。",
        ),
        "held": (f"The drill is on hold{at.en}: a person must choose failback or proceed.", f"演练{at.zh}暂停：需要人工选择回切或继续。"),
        "failed": (f"The drill failed{at.en}.", f"演练{at.zh}失败。"),
        "missed": ("The drill was due by its schedule and did not begin.", "演练按计划到期但未开始。"),
    }
    return label(*words[how])


def _where(mode: Mode, phases: Sequence[PhaseRow], *, rto: Rto) -> Label:
    done = sum(row.state == "succeeded" for row in phases)
    if rto.actual_s is not None:
        return rto_sentence(rto)
    place = label("in the sandbox", "沙箱环境") if mode is Mode.SANDBOX else label("live", "真实环境")
    return label(
        f"{done} of {len(phases)} phases ran ({place.en}); no recovery was measured.",
        f"完成 {done}/{len(phases)} 个阶段（{place.zh}），未测得恢复时间。",
    )


def _cause(phases: Sequence[PhaseRow]) -> Label | None:
    worst = next((row for row in phases if row.bottleneck and row.actual_s), None)
    if worst is None or not worst.actual_s:
        return None
    took, waited = said(milliseconds(worst.actual_s)), round(100 * worst.human_s / worst.actual_s)
    budget = "" if worst.budget_s is None else f" of a budget of {said(milliseconds(worst.budget_s))}"
    budget_zh = "" if worst.budget_s is None else f"（预算 {said(milliseconds(worst.budget_s))}）"
    return label(
        f"The largest part went into “{worst.title.en}”: {took}{budget}, {waited}% of that waiting for people.",
        f"耗时最多的是“{worst.title.zh}”：{took}{budget_zh}，其中 {waited}% 在等待人工。",
    )


def _remedy(fixes: Sequence[FixRow]) -> Label | None:
    best = next((row for row in fixes if row.would_meet), fixes[0] if fixes else None)
    if best is None:
        return None
    if best.rto_would_be_s is None:
        return label(f"First: {best.title.en}.", f"首先：{best.title.zh}。")
    would = said(milliseconds(best.rto_would_be_s))
    word = label("met", "达标") if best.would_meet else label("still missed", "仍未达标")
    return label(f"{best.title.en}: {would}, {word.en}.", f"{best.title.zh}：{would}，{word.zh}。")
