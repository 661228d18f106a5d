"""What is wrong with the ground of a scenario: providers nobody knows, and sites that would be touched without an opt-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from drill.engine.compile_outline import Outline
from drill.model.problem import Problem, did_you_mean
from drill.model.scenario_sites import CLOUDS, SiteProvider
from drill.steps.base import Step

_LOSING: Final = frozenset({"outage", "promote"})
_TOUCHING: Final = frozenset({"outage", "fence"})


def ground_problems(data: Mapping[str, Any], seen: Outline, kinds: Mapping[str, Step[Any]]) -> Iterator[Problem]:
    """Every mistake about providers, given as the file's own data; wrong shapes are the grammar's to report."""
    sites = data.get("sites")
    written = {name: row for name, row in sites.items() if isinstance(row, Mapping)} if isinstance(sites, Mapping) else {}
    known = get_args(SiteProvider)
    for name, site in written.items():
        provider = site.get("provider")
        if isinstance(provider, str) and provider and provider not in known:
            yield Problem(("sites", name, "provider"), "S044", f"there is no provider '{provider}'.", did_you_mean(provider, known))
    objectives = data.get("objectives")
    if isinstance(objectives, Mapping) and objectives.get("rto_binds") == "none":
        for step in seen.steps():
            if step.kind in kinds and kinds[step.kind].marks & _LOSING:
                what = f"'{step.id}' takes something away, so its recovery has to be judged."
                yield Problem(("objectives", "rto_binds"), "S047", what, "Write user or accepted, or drop the step.")
                break
    touched = {str(step.params.get("site")): step.id for step in seen.steps() if step.kind in kinds and kinds[step.kind].marks & _TOUCHING}
    for name, step_id in touched.items():
        site = written.get(name, {})
        if site.get("provider") in CLOUDS and not site.get("select"):
            what = f"'{step_id}' touches '{name}', and nothing there has been opted in."
            yield Problem(
                ("sites", name), "S045", what, "Write select: {tag: {drill: allowed}}, and tag what a drill may touch.", on_key=True
            )
