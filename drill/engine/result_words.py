"""How a drill ended, in the few words that a text has room for."""

from __future__ import annotations

from collections.abc import Mapping

from drill.model.report import Report
from drill.model.verdict import nothing_judged

_ENDINGS: Mapping[str, Mapping[str, str]] = {
    "declined": {"en": "not started", "zh": "未开始"},
    "aborted": {"en": "aborted", "zh": "已中止"},
    "met": {"en": "RTO met", "zh": "达标"},
    "missed": {"en": "RTO missed", "zh": "未达标"},
    "done": {"en": "as planned", "zh": "按计划完成"},
    "unmeasured": {"en": "unmeasured", "zh": "未测得"},
}


def result_words(report: Report, language: str) -> Mapping[str, str]:
    """The words of the last text, by their names in its template. `language` is `en` or `zh`."""
    ending = "done" if nothing_judged(report) else {True: "met", False: "missed", None: "unmeasured"}[report.rto.met]
    return {
        "outcome": _ENDINGS[report.outcome if report.outcome in _ENDINGS else ending][language],
        "rta": _seconds(report.rto.actual_s, language),
        "rpa": _seconds(report.rpo.actual_s, language),
        "digest": report.evidence.head_digest[:8],
    }


def _seconds(value: float | None, language: str) -> str:
    return _ENDINGS["unmeasured"][language] if value is None else f"{value:.1f}s"
