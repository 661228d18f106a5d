"""The words for states, outcomes and modes, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drill.model.report import Label, Report


def both(en: str, zh: str) -> Label:
    """A label from its two texts, English first."""
    return Label(en=en, zh=zh)


STATES: Final[Mapping[str, Label]] = {
    "pending": both("not reached", "未执行"),
    "running": both("running", "进行中"),
    "waiting": both("waiting", "等待答复"),
    "succeeded": both("done", "完成"),
    "failed": both("failed", "失败"),
    "skipped": both("skipped", "已跳过"),
    "interrupted": both("interrupted", "中断"),
    "open": both("open", "未答复"),
    "acknowledged": both("acknowledged", "已确认"),
    "declined": both("declined", "已拒绝"),
    "withdrawn": both("withdrawn", "已撤回"),
    "expired": both("no answer", "无人答复"),
    "done": both("undone", "已撤销"),
    "not needed": both("not needed", "无需撤销"),
}
"""States of phases, steps, gates and undos."""

OUTCOMES: Final[Mapping[str, Label]] = {
    "running": both("Running", "进行中"),
    "finished": both("Finished", "已完成"),
    "refused": both("Refused before anything was touched", "启动前被拒绝，未做任何变更"),
    "declined": both("Declined", "被否决"),
    "aborted": both("Aborted", "已中止"),
    "held": both("On hold", "挂起"),
    "failed": both("Failed", "失败"),
}
"""How a drill ended."""

MODES: Final[Mapping[str, Label]] = {
    "sandbox": both("sandbox", "沙箱"),
    "live": both("live", "实战"),
    "dry-run": both("dry run", "空跑"),
}
"""Where a drill ran."""

AUTO_ANSWERED: Final = both("auto-answered", "自动应答")
"""Replies came from a machine, not from people."""

CHANNELS: Final[Mapping[str, str]] = {"sms": "SMS", "web": "Web", "cli": "CLI", "push": "Push", "email": "E-mail"}
"""Channels as people write them."""

MET: Final = both("Met", "达标")
MISSED: Final = both("Missed", "未达标")
UNMEASURED: Final = both("Unmeasured", "未测得")
NO_RESULT: Final = both("No result", "无结果")
NOT_YET: Final = both("Not yet known", "尚无结果")


def stamps(report: Report) -> tuple[Label, ...]:
    """What must stand on every page of a result that is not the business's own; empty for a live drill answered by people."""
    found = [] if report.mode == "live" else [MODES[report.mode]]
    return (*found, AUTO_ANSWERED) if report.auto_answered else tuple(found)


def state_of(state: str) -> Label:
    """The word for a state; a state unknown here is shown as it is."""
    return STATES.get(state, both(state, state))


def channel_of(channel: str | None) -> str:
    """A channel as people write it."""
    return CHANNELS.get(channel, channel) if channel else ""
