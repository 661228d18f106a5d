"""The report as `report.json`: the one shape other tools rely on."""

from __future__ import annotations

import json

from drill.model.report import Report


def render_json(report: Report) -> str:
    """The report's document as JSON text in its declared order, ending in a newline."""
    return json.dumps(report.document(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
