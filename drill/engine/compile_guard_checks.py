"""What is wrong with the guards of a scenario: probes that are not there, and probes that the drill itself makes fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drill.engine.compile_outline import Names, Outline, mapping, names
from drill.model.problem import Problem, did_you_mean
from drill.steps.detect_heartbeat import DetectHeartbeat


def guard_problems(data: Mapping[str, Any], seen: Outline) -> Iterator[Problem]:
    """Every mistake in the guards of a scenario, given as the file's own data."""
    lost = _lost(data, seen)
    for at, probe in _guarded(data.get("guards")):
        if probe not in seen.probes:
            yield Problem(at, "S025", f"there is no probe '{probe}'.", did_you_mean(probe, seen.probes))
        elif probe in lost:
            what = f"the drill itself makes '{probe}' fail: as a guard it would end every drill."
            yield Problem(at, "S037", what, "Guard a service that the drill must not harm.")


def _guarded(written: Any) -> Names:
    """The guarded probes, with their paths: a list names probes, a mapping names guards."""
    rows = [(name, mapping(row).get("probe")) for name, row in mapping(written).items()]
    return [*names(written, ("guards",)), *((("guards", name, "probe"), probe) for name, probe in rows if isinstance(probe, str))]


def _lost(data: Mapping[str, Any], seen: Outline) -> set[str]:
    """The probes that must fail in a drill: the users' view, and those of the detectors."""
    views = {name for name, row in mapping(data.get("probes")).items() if mapping(row).get("user_view") is True}
    return views | {str(step.params.get("probe")) for step in seen.steps() if step.kind == DetectHeartbeat.kind}
