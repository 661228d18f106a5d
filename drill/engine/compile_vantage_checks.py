"""What is wrong with the vantage points of a scenario: probes that are not there, and points with nothing to ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drill.engine.compile_outline import Outline, mapping, names
from drill.model.problem import Problem, did_you_mean


def vantage_problems(data: Mapping[str, Any], seen: Outline) -> Iterator[Problem]:
    """Every mistake in the vantage points of a scenario, given as the file's own data."""
    users = [name for name, row in mapping(data.get("probes")).items() if mapping(row).get("user_view") is True]
    for name, row in mapping(data.get("vantage_points")).items():
        at, written = ("vantage_points", name), mapping(row).get("probes")
        wanted = [((*at, "probes"), written)] if isinstance(written, str) else names(written, (*at, "probes"))
        for where, probe in wanted:
            if probe not in seen.probes:
                yield Problem(where, "S025", f"there is no probe '{probe}'.", did_you_mean(probe, seen.probes))
        if not wanted and not users:
            what = f"'{name}' has nothing to ask: no probe takes the user's view."
            yield Problem(at, "S048", what, "Name its probes, or mark one user_view: true.", on_key=True)
