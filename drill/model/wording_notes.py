"""What goes with each template to the carrier's audit: example values, and why it is sent and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drill.model.wording import ASKS, Language, Template

EXAMPLES: Final[Mapping[Language, Mapping[str, str]]] = {
    "zh": {
        "drill": "主地域整体中断",
        "phase": "数据库切换",
        "phases": "重建容量与数据库切换",
        "state": "已完成",
        "within": "5m",
        "code": "4821",
        "took": "12.4s",
        "silent": "值班工程师",
        "reason": "无人答复",
        "ways": "failback, proceed",
        "outcome": "达标",
        "rta": "6分12秒",
        "rpa": "0行",
        "digest": "9f2c41d07ab3",
    },
    "en": {
        "drill": "Loss of the primary region",
        "phase": "Database switch",
        "phases": "Rebuild and database switch",
        "state": "is done",
        "within": "5m",
        "code": "4821",
        "took": "12.4s",
        "silent": "the on-call engineer",
        "reason": "nobody answered",
        "ways": "failback, proceed",
        "outcome": "objectives met",
        "rta": "6 min 12 s",
        "rpa": "0 rows",
        "digest": "9f2c41d07ab3",
    },
}
"""A value for every variable of every template, as a drill would fill it."""

_WHY: Final = "公司内部容灾演练通知，收件人为本公司运维与值班人员，非营销，不对外发送。"
_ASKS: Final = "短信请收件人核实演练阶段是否正常，回复数字与核实码作为确认；不涉及收货、交易、注册或登录验证。"


def application_note(template: Template) -> str:
    """The remark to submit: who gets it and why; in Chinese, as the auditors are."""
    return _WHY + (_ASKS if template.purpose in ASKS else "无需收件人回复。")
