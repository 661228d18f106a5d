"""A report without what a crash may change: times, ids, digests, epochs and interrupted tries. Two drills are alike when this is equal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from drill.model.report import Report

_PROMISED = {"target_s", "budget_s", "within_s"}
_NUMBERS = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}(?![0-9a-z])|\d+(\.\d+)?")
_OF_TIME = {"zero_at", "summary", "fixes", "trend", "clocks", "recovery", "drill"}
"""Parts that are functions of lengths of time alone, and the drill's own name."""
_OF_THE_CRASH = {"V102", "V106", "V107", "V110", "V114"}
"""Findings that tell of tries, engines and the machine's pace."""
_HOW_IT_WENT = {"asked", "failed", "already_promoted", "destroyed", "detected_after_s", "api_s", "first_new_s", "settled_s", "took_s"}
"""Outputs that tell how the last try went, not what the step achieved."""

_COUNTED = {"count"}
"""Outputs that count what the last try found to do: after an interrupted one there is less of it."""


def likeness(report: Report, *, cut_off: Collection[str] = ()) -> dict[str, Any]:
    """What of a report must be the same however often the engine was killed; `cut_off` are the steps that a kill interrupted."""
    body = report.document()
    kept = {key: value for key, value in body.items() if key not in _OF_TIME}
    kept["measured"] = {key: body[key] is not None for key in ("recovery",)} | {"clocks": body["clocks"]["machine_s"] is not None}
    kept["evidence"] = {key: body["evidence"][key] for key in ("plan_digest", "version", "started_by")}
    kept["steps"] = [_step(row, cut_off=row["id"] in cut_off) for row in body["steps"]]
    kept["phases"] = [_without(row, "bottleneck", "waits", "over_budget_s", "human_s") for row in body["phases"]]
    kept["probes"] = [_probe(row) for row in body["probes"]]
    kept["messages"] = sorted((_message(row) for row in body["messages"]), key=lambda row: str(row["id"]))
    kept["replies"] = sorted((_without(row, "carrier_delay_s") for row in body["replies"]), key=lambda row: str(row["gate"]))
    kept["gates"] = sorted(body["gates"], key=lambda row: str(row["id"]))
    kept["undos"] = sorted(body["undos"], key=lambda row: str(row["step"]))
    kept["findings"] = sorted((_without(row, "at_s") for row in body["findings"] if row["code"] not in _OF_THE_CRASH), key=str)
    kept["rto"] = {**kept["rto"], "why": _masked(body["rto"]["why"])}
    kept["rpo"] = {**kept["rpo"], "why": _masked(body["rpo"]["why"]), "acknowledged_rows": body["rpo"]["acknowledged_rows"] > 0}
    kept["promises"] = [_without(row, "why") for row in body["promises"]]
    timeless: dict[str, Any] = _timeless(kept)
    return timeless


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two likenesses differ, one line each."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = [*one, *(key for key in other if key not in one)]
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for number, (a, b) in enumerate(zip(one, other, strict=True)) for line in differences(a, b, f"{path}[{number}]")]
    return [] if one == other else [f"{path}: {one!r} became {other!r}"]


def _step(row: Mapping[str, Any], *, cut_off: bool) -> dict[str, Any]:
    """Without its interrupted tries; what one of them did last it may not have reported, and the next finds it done."""
    tries = [each for each in row["tries"] if each["state"] != "interrupted"]
    return {
        **_without(row, "critical", "actual_s"),
        "attempts": len(tries),
        "tries": [_without(each, "number") for each in tries],
        "progress": [] if cut_off else sorted({each["what"] for each in row["progress"]}),
        "outputs": {key: value for key, value in row["outputs"].items() if key not in _HOW_IT_WENT and not (cut_off and key in _COUNTED)},
    }


def _probe(row: Mapping[str, Any]) -> dict[str, Any]:
    runs = [key for key, _ in groupby((run["ok"], run["site"]) for run in row["runs"])]
    return {"id": row["id"], "user_view": row["user_view"], "runs": [list(run) for run in runs]}


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    """Texts name lengths and digests; a result is sent when nobody may be left to see it delivered."""
    late = {"state", "delivered_s"} if row["purpose"] == "result" else set()
    return {**_without(row, *late), "text": _NUMBERS.sub("#", row["text"]), "id": row["id"].partition(":")[2]}


def _masked(label: Mapping[str, str]) -> dict[str, str]:
    return {language: _NUMBERS.sub("#", text) for language, text in label.items()}


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def _timeless(value: Any) -> Any:
    """Every moment and length becomes whether there is one; what was promised stays."""
    if isinstance(value, Mapping):
        timed = {key for key in value if key.endswith("_s") and key not in _PROMISED}
        return {key: each is not None if key in timed else _timeless(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_timeless(each) for each in value]
    return value
