"""What is wrong with vantage points and kept probes: probes that are not there, nothing to ask, and proofs that prove nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drill.engine.compile_outline import Outline, mapping, names
from drill.model.problem import Problem, did_you_mean
from drill.steps.probe_until import ProbeUntil


def kept_problems(data: Mapping[str, Any], seen: Outline) -> Iterator[Problem]:
    """Steps that wait for a probe that cannot see what they wait for: it never resolves the name again."""
    kept = {name for name, row in mapping(data.get("probes")).items() if mapping(row).get("connection") == "kept"}
    for step in seen.steps():
        if step.kind == ProbeUntil.kind and (probe := step.params.get("probe")) in kept:
            what = f"'{probe}' keeps its first address: it cannot prove that the traffic has moved."
            yield Problem((*step.at, step.kind, "probe"), "S049", what, "Name a probe that resolves anew.")


def vantage_problems(data: Mapping[str, Any], seen: Outline) -> Iterator[Problem]:
    """Every mistake in the vantage points of a scenario, given as the file's own data."""
    written_probes = map(mapping, mapping(data.get("probes")).values())
    usual = any(row.get("user_view") is True or row.get("connection") == "kept" for row in written_probes)
    for name, row in mapping(data.get("vantage_points")).items():
        at, written = ("vantage_points", name), mapping(row).get("probes")
        wanted = [((*at, "probes"), written)] if isinstance(written, str) else names(written, (*at, "probes"))
        for where, probe in wanted:
            if probe not in seen.probes:
                yield Problem(where, "S025", f"there is no probe '{probe}'.", did_you_mean(probe, seen.probes))
        if not wanted and not usual:
            what = f"'{name}' has nothing to ask: no probe takes the user's view."
            yield Problem(at, "S048", what, "Name its probes, or mark one user_view: true.", on_key=True)
