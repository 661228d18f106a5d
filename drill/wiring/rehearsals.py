"""Rehearses a plan: what each step would change, asked of it against a world that cannot be written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from drill.adapters.ansible_rehearsal import RehearsedAnsible
from drill.adapters.clock import SystemClock
from drill.engine.expressions import find_step, references, render, texts, visible_steps
from drill.model.effects import Effect, Outputs
from drill.model.errors import DrillError, Fatal
from drill.model.plan import Plan, PlannedStep
from drill.model.rehearsal import KNOWN_AFTER_APPLY, NotRehearsed, holds_unknown
from drill.settings import Settings
from drill.steps.base import Step
from drill.wiring.rehearsed_ports import RehearsedProbes, RehearsedPropagation, RehearsedTerraform
from drill.wiring.worlds import BuiltWorld, is_sandbox

Kinds = Mapping[str, Step[Any]]

_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class RehearsedWorld(BuiltWorld):
    """A world to look at (port World). Every method of it that would write raises WriteRefused."""

    assume: Callable[[Sequence[Effect], Outputs], None]
    """Describe the world from now on as it would be once these effects have happened and these outputs are there."""


@dataclass(frozen=True)
class Previews:
    """What previewing a plan found, by dotted step id: every step is in exactly one of the three."""

    effects: Mapping[str, Sequence[Effect]]
    skipped: Mapping[str, NotRehearsed]
    refused: Mapping[str, DrillError]

    @cached_property
    def bounded(self) -> dict[str, list[Effect]]:
        """Effects whose targets are known already: those that `limits.allow` can be held against."""
        return {step: [row for row in rows if not holds_unknown(row.target)] for step, rows in self.effects.items()}

    @property
    def notes(self) -> list[str]:
        """Why some steps are not shown, and what could not be held against the limits."""
        late = [step for step, rows in self.effects.items() if len(self.bounded[step]) < len(rows)]
        return [
            *(f"'{step}' would be refused: {error}" for step, error in self.refused.items()),
            *(f"'{step}' is not previewed: {error.what}" for step, error in self.skipped.items()),
            *(f"'{step}' has a target that is known only after apply: its limits are checked in the drill." for step in late),
        ]


def rehearsal_world(settings: Settings, plan: Plan) -> RehearsedWorld:
    """The world of a plan with nothing running: the sandbox as it would come up, previews by Terraform, playbooks looked up.

    A live plan's providers are really asked, for reading only; a step whose provider has no credentials here is skipped and says so.
    """
    ansible = RehearsedAnsible(settings.project / "playbooks")
    shared: dict[str, Any] = {
        "propagation": RehearsedPropagation(),
        "ansible": ansible,
        "probes": RehearsedProbes(),
        "clock": SystemClock(),
    }
    if not is_sandbox(plan):
        from drill.wiring.rehearsed_grounds import RoutedRehearsal

        live = RoutedRehearsal(settings, plan)
        return RehearsedWorld(**{**shared, **live.roles}, assume=live.assume)
    return _sandbox_world(settings, plan, shared)


def _sandbox_world(settings: Settings, plan: Plan, shared: Mapping[str, Any]) -> RehearsedWorld:
    from drill.adapters.terraform import TerraformCli
    from drill.sandbox.blueprint import Blueprint, BlueprintDns
    from drill.sandbox.ground import SandboxFence, SandboxGround, SandboxOutage

    blueprint, dns = Blueprint(), BlueprintDns()
    regions = {site.id: site.region for site in plan.sites}

    def assume(effects: Sequence[Effect], outputs: Outputs) -> None:
        for effect in effects:
            region = regions.get(effect.target.partition("/")[0])
            if region is not None and "outage" in effect.marks:
                blueprint.assume_cut(region)
            if region is not None and "fence" in effect.marks:
                blueprint.assume_fenced(region)
            if "dns" in effect.marks:
                dns.assume(effect.target, outputs.get("values") or [KNOWN_AFTER_APPLY], ttl_s=outputs.get("ttl_s", 0))

    return RehearsedWorld(
        ground=SandboxGround(blueprint, regions),
        outage=SandboxOutage(blueprint, regions),
        fence=SandboxFence(blueprint, regions),
        dns=dns,
        terraform=RehearsedTerraform(TerraformCli(settings.home, settings.project, settings.mark(), {})),
        **shared,
        assume=assume,
    )


def effects_of(plan: Plan, world: RehearsedWorld, kinds: Kinds) -> Previews:
    """Preview every step in plan order, failback included, each against the world the steps before it would leave.

    Outputs that nobody can know yet stand as `(known after apply)`. A fault of one step does not hide those of others.
    """
    effects: dict[str, Sequence[Effect]] = {}
    skipped: dict[str, NotRehearsed] = {}
    refused: dict[str, DrillError] = {}
    outputs: dict[str, Outputs] = {}
    for step in plan.steps():
        try:
            effects[step.id], outputs[step.id] = _preview(plan, step, world, kinds=kinds, outputs=outputs)
        except NotRehearsed as reason:
            skipped[step.id] = reason
        except DrillError as error:
            refused[step.id] = error
        except Exception as error:  # noqa: BLE001 - told as this step's fault, with its type; a drill would fail on it the same way
            refused[step.id] = Fatal(f"an unexpected {type(error).__name__}: {error}", code="A900", fix="This is a bug of the step.")
    return Previews(effects, skipped, refused)


def _preview(
    plan: Plan, step: PlannedStep, world: RehearsedWorld, *, kinds: Kinds, outputs: Mapping[str, Outputs]
) -> tuple[Sequence[Effect], Outputs]:
    if step.skip:
        raise NotRehearsed("the scenario says skip.")
    kind = kinds[step.kind]
    params = _params(kind, _filled(step.params, plan, step, world=world, outputs=outputs))
    _find_playbook(params, world)
    effects, foreseen = kind.preview(params, world), kind.foresee(params, world)
    world.assume(effects, foreseen)
    return effects, foreseen


def _params(kind: Step[Any], filled: Mapping[str, Any]) -> Any:
    """Raises: NotRehearsed: a value that is not known yet has to be more than text. Fatal: a value does not fit (A201)."""
    try:
        return kind.params.model_validate(filled)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        wrong = [row for row in faults if not (row["loc"] and holds_unknown(filled.get(str(row["loc"][0]))))]
        if not wrong:
            name = faults[0]["loc"][0]
            raise NotRehearsed(f"its '{name}' is {KNOWN_AFTER_APPLY.strip('()')}.") from error
        where = ".".join(str(part) for part in wrong[0]["loc"])
        raise Fatal(
            f"its '{where}' does not fit: {wrong[0]['msg']}.", code="A201", fix="Correct the expression in the scenario."
        ) from error


def _find_playbook(params: Any, world: RehearsedWorld) -> None:
    """Look up the playbooks that a step names, whichever kind it is. Raises: Fatal: there is none (A230)."""
    for named in (getattr(params, name, None) for name in ("playbook", "undo_playbook")):
        if isinstance(named, str) and not holds_unknown(named):
            world.ansible.play(
                named, inventory={}, variables={}, check=True, timeout_s=_PATIENCE_S, stopping=lambda: False, on_task=lambda _: None
            )


def _filled(value: Any, plan: Plan, step: PlannedStep, *, world: RehearsedWorld, outputs: Mapping[str, Outputs]) -> Any:
    """A value with its expressions worked out as far as their outputs are foreseen; the others are known after apply.

    Raises: Fatal: an expression cannot be worked out (A260).
    """
    if isinstance(value, Mapping):
        return {key: _filled(item, plan, step, world=world, outputs=outputs) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, plan, step, world=world, outputs=outputs) for item in value]
    if not any(texts(value)):
        return value
    looked_up = references(value)
    visible = visible_steps(plan, step.id)
    if not all(_foreseen(row.names, visible, outputs) for row in looked_up if row.root == "steps"):
        return KNOWN_AFTER_APPLY
    asks_sites = any(row.root == "sites" for row in looked_up)
    sites = {site.id: dict(world.ground.attributes(site.id)) for site in plan.sites} if asks_sites else {}
    return render(value, steps={name: outputs.get(name, {}) for name in visible}, sites=sites)


def _foreseen(names: Sequence[str], visible: Sequence[str], outputs: Mapping[str, Outputs]) -> bool:
    """Whether the output that an expression names (`capacity`, `outputs`, `addresses`) is known before anything runs."""
    meant, taken = find_step(names, visible)
    rest = names[taken:]
    return len(meant) == 1 and len(rest) > 1 and rest[0] == "outputs" and rest[1] in outputs.get(meant[0], {})
