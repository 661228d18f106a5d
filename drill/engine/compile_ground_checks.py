"""What is wrong with the ground of a scenario: unknown providers, sites touched without an opt-in, databases taken for another engine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from drill.engine.compile_outline import Outline, StepOutline, mapping
from drill.model.ports_ground import PORTS, Engine
from drill.model.problem import Problem, did_you_mean
from drill.model.scenario_sites import CLOUDS, SiteProvider
from drill.steps.base import Step

_LOSING: Final = frozenset({"outage", "promote"})
_TOUCHING: Final = frozenset({"outage", "fence"})
_PLAYED: Final[Mapping[str, Engine]] = {
    "_postgres.yml": "postgres",
    "_repmgr.yml": "postgres",
    "_patroni.yml": "postgres",
    "_logical.yml": "postgres",
    "_mysql.yml": "mysql",
}
"""Which engine a playbook is for, by the end of its name; others say nothing about it."""


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
    yield from _engine_problems(written, seen, kinds, mapping(data.get("canary")))
    touched = {str(step.params.get("site")): step.id for step in seen.steps() if step.kind in kinds and kinds[step.kind].marks & _TOUCHING}
    for name, step_id in touched.items():
        site = written.get(name, {})
        if site.get("provider") in CLOUDS and not site.get("select"):
            what = f"'{step_id}' touches '{name}', and nothing there has been opted in."
            yield Problem(
                ("sites", name), "S045", what, "Write select: {tag: {drill: allowed}}, and tag what a drill may touch.", on_key=True
            )


def _engine_problems(
    sites: Mapping[str, Mapping[str, Any]], seen: Outline, kinds: Mapping[str, Step[Any]], canary: Mapping[str, Any]
) -> Iterator[Problem]:
    """Steps and a canary that take the database of a site for one of another engine."""
    engines = {name: site["database"].get("engine", "postgres") for name, site in sites.items() if mapping(site.get("database"))}
    engines |= {name: "postgres" for name, site in sites.items() if site.get("provider") == "sandbox"}
    for step in seen.steps():
        engine = engines.get(str(step.params.get("site")))
        if engine is None:
            continue
        wrong = next((other for other in PORTS if other in canary and other != engine), "")
        if wrong and step.kind in kinds and kinds[step.kind].marks & {"promote"}:
            what = f"the canary writes to {wrong}, and the database of '{step.params['site']}' that '{step.id}' promotes is {engine}."
            yield Problem(("canary", wrong), "S050", what, f"Write canary: {{{engine}: secret:NAME}}.", on_key=True)
        playbook, written = _playbook(step, kinds)
        for end, meant in _PLAYED.items():
            if playbook.endswith(end) and meant != engine:
                what = f"{playbook} is for {meant}, and the database of '{step.params['site']}' is {engine}."
                at = (*step.at, step.kind, "playbook") if written else (*step.at, step.kind)
                yield Problem(at, "S050", what, _meant(playbook.removesuffix(end), engine, str(step.params["site"]), written=written))
        other = step.params.get("from")
        if engines.get(str(other), engine) != engine:
            what = f"'{other}' is {engines[str(other)]} and '{step.params['site']}' is {engine}: neither is a replica of the other."
            yield Problem((*step.at, step.kind, "from"), "S050", what, "Correct the sites' `engine`.")


def _playbook(step: StepOutline, kinds: Mapping[str, Step[Any]]) -> tuple[str, bool]:
    """The playbook that a step plays, and whether the file says so; empty when it plays none."""
    if isinstance(step.params.get("playbook"), str):
        return step.params["playbook"], True
    field = kinds[step.kind].params.model_fields.get("playbook") if step.kind in kinds else None
    return (field.default if field is not None and isinstance(field.default, str) else ""), False


def _meant(start: str, engine: str, site: str, *, written: bool) -> str:
    """The playbook of the site's engine, and for the default engine how another one is named."""
    right = f"{start}_{engine}.yml"
    named = f"Did you mean '{right}'?" if written else f"Write playbook: {right}."
    return named if engine == "mysql" else f"{named} Else write sites.{site}.database.engine: mysql."
