"""A dry run: one scenario file read, compiled, held to the safety rules and previewed, its facts kept in memory only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from drill.adapters.clock import SystemClock
from drill.adapters.journal_memory import MemoryJournal
from drill.engine.record import Recorder
from drill.engine.safety import Violation, budget_warnings, losing_phases, unmeasured_warnings, violations
from drill.model.critical import critical_path
from drill.model.errors import DrillError, PreflightFailed, ScenarioInvalid
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.rehearsal import Look, LookState, NotRehearsed, Rehearsal, looks_of, told_effects
from drill.settings import EnvironmentSecrets, Settings
from drill.wiring.rehearsals import Previews, RehearsedWorld, effects_of, rehearsal_world
from drill.wiring.rehearsed_routes import NO_CREDENTIALS
from drill.wiring.scenarios import open_scenario
from drill.wiring.worlds import is_sandbox, resolved_probes

_DRILL = "dry-run"
_NOT_SET = "F010"
_SECRET = re.compile(r"secret:[A-Za-z_][A-Za-z0-9_]*")
_LACKING = frozenset({_NOT_SET, NO_CREDENTIALS})


def rehearse_file(settings: Settings, path: Path, overrides: Sequence[str], *, strict: bool = False) -> Rehearsal:
    """The dry run of one file. Nothing is started that outlives it and nothing is kept.

    `strict` refuses what could not be looked at for lack of credentials or secrets here, instead of skipping it.
    """
    try:
        opened = open_scenario(path, sets=overrides, dry_run=True)
    except ScenarioInvalid as error:
        return Rehearsal(str(path), findings=error.findings)
    plan, clock, journal = opened.plan, SystemClock(), MemoryJournal()
    recorder = Recorder(_DRILL, journal=journal, clock=clock)
    recorder.say(Kind.DRILL_PLANNED, "planned", plan=plan.model_dump(mode="json"), plan_digest=plan.digest(), started_by="dry run")
    world = rehearsal_world(settings, plan)
    previews = effects_of(plan, world, opened.kinds)
    broken = violations(plan, opened.kinds, now=clock.now(), effects=previews.bounded)
    looks = [*_secrets(settings, plan), *_probes(plan, world), *_steps(plan, previews), *_rules(plan, previews, broken)]
    if strict:
        looks = [replace(look, state="refused") if look.state == "skipped" and look.code in _LACKING else look for look in looks]
    for number, look in enumerate(looks):
        recorder.say(Kind.PREFLIGHT_CHECKED, f"preflight/{number}", **look.fact())
    facts = journal.read(_DRILL)
    losing = losing_phases(plan, opened.kinds, previews.bounded)
    critical = critical_path(plan, losing=losing)
    return Rehearsal(
        str(path),
        plan=plan,
        critical=critical,
        looks=looks_of(facts),
        warnings=(*budget_warnings(plan, critical), *unmeasured_warnings(plan, losing)),
        facts=tuple(facts),
    )


def refuse_unrehearsed(settings: Settings, path: Path, overrides: Sequence[str]) -> None:
    """A drill starts only when its dry run would go through, failback included.

    Raises: PreflightFailed: a step or a rule stands in the way (F070, names each).
    """
    refused = rehearse_file(settings, path, overrides).refused
    if refused:
        raise PreflightFailed("; ".join(look.sentence() for look in refused), code="F070", fix="`drill plan` shows where.")


def _secrets(settings: Settings, plan: Plan) -> Iterator[Look]:
    """Those that are not set here, in one look: the drill will need them, a dry run need not have them."""
    known: dict[str, str] = {}
    if is_sandbox(plan):
        from drill.sandbox.blueprint import Blueprint

        known = Blueprint().secrets
    secrets = EnvironmentSecrets(settings.secrets_file, known)
    missing: list[str] = []
    for reference in _referred(plan):
        try:
            secrets.get(reference)
        except DrillError as error:
            if error.code != _NOT_SET:
                yield Look("secrets", "refused", error.what, code=error.code, fix=error.fix)
                return
            missing.append(reference.removeprefix("secret:"))
    if missing:
        fix = "Set DRILL_SECRET_<name>, or name them in DRILL_SECRETS_FILE, before the drill."
        yield Look("secrets", "skipped", f"not set here: {', '.join(missing)}.", code=_NOT_SET, fix=fix)


def _referred(plan: Plan) -> list[str]:
    """Every secret that the plan names, but those of steps that it skips."""
    around = plan.model_dump(mode="json", exclude={"phases", "failback"})
    steps = [step.params for step in plan.steps() if not step.skip]
    return list(dict.fromkeys(_SECRET.findall(json.dumps([around, steps]))))


def _probes(plan: Plan, world: RehearsedWorld) -> Iterator[Look]:
    """Whether every probe has an address that can be asked; none is."""
    try:
        resolved_probes(plan, world.ground, ("127.0.0.1", 53))
    except DrillError as error:
        yield Look("probes", _state_of(error), error.what, code=error.code, fix=error.fix)


def _state_of(error: DrillError) -> LookState:
    return "skipped" if isinstance(error, NotRehearsed) else "refused"


def _steps(plan: Plan, previews: Previews) -> Iterator[Look]:
    for step in plan.steps():
        if step.id in previews.effects:
            effects = previews.effects[step.id]
            changes = sum(row.count for row in effects if row.verb != "read")
            yield Look(step.id, "ready", told_effects(effects), phase=step.phase, changes=changes)
            continue
        error = previews.refused.get(step.id) or previews.skipped[step.id]
        yield Look(step.id, _state_of(error), error.what, phase=step.phase, code=error.code, fix=error.fix)


def _rules(plan: Plan, previews: Previews, broken: Sequence[Violation]) -> Iterator[Look]:
    for rule in broken:
        phase = plan.step(rule.step).phase if rule.step else ""
        yield Look(rule.step or "the plan", "refused", rule.what, phase=phase, code=rule.code, fix=rule.fix)
    changes = sum(row.count for rows in previews.effects.values() for row in rows if row.verb != "read")
    if not any(rule.code == "P005" for rule in broken):
        yield Look("limits", "ready", f"{changes} of at most {plan.limits.max_changes} changes")
