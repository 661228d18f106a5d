"""Reports that strain the views: many steps, and hostile text everywhere."""

from __future__ import annotations

from drill.model.report import Report
from tests.views.sample import changed, met


def many_steps(count: int = 100) -> Report:
    """A drill of many steps: the database phase repeats its first one."""
    base = met()
    more = [{**base.steps[3].model_dump(), "id": f"data.fence{k}"} for k in range(count)]
    return changed(base, steps=[*(row.model_dump() for row in base.steps), *more])


def hostile() -> Report:
    """Names and texts that would break out of a page, a terminal, a style sheet or an XML file."""
    bad = '</style><script>alert(1)</script>"\x1b[31m\x00'
    base = changed(met(), drill=bad, scenario=bad, title={"en": bad, "zh": bad}, summary={"en": bad, "zh": bad})
    steps = [{**row.model_dump(), "id": f"data.{bad}", "outputs": {bad: bad}, "error": bad} for row in base.steps]
    steps = [{**row, "progress": [{"at_s": 4.0, "what": bad, "detail": bad, "took_s": None}]} for row in steps]
    messages = [{**row.model_dump(), "text": bad, "contact": bad} for row in base.messages]
    findings = [{"at_s": 1.0, "code": bad, "what": bad, "fix": bad, "severity": "error"}]
    return changed(base, steps=steps, messages=messages, findings=findings)
