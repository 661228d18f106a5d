"""Turns a scenario into its plan: ordered, its gates merged, its defaults applied, and frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from drill.engine.compile_checks import Kinds, scenario_problems
from drill.engine.compile_gate_checks import HAND, MERGED
from drill.model.errors import Finding, ScenarioInvalid
from drill.model.graph import topological
from drill.model.plan import (
    Canary,
    Contact,
    Gate,
    Guard,
    Limits,
    Mode,
    Objectives,
    Plan,
    PlannedPhase,
    PlannedStep,
    Probe,
    Site,
    Text,
)
from drill.model.problem import Problem, did_you_mean
from drill.model.scenario import AcknowledgeForm, CanaryForm, PhaseForm, Scenario, StepForm
from drill.model.scenario_guards import GuardForm
from drill.steps.base import Step

Locate = Callable[[Iterable[Problem]], list[Finding]]

_DANGEROUS: Final = frozenset({"outage", "promote"})


def compile_plan(scenario: Scenario, kinds: Kinds, mode: Mode, *, locate: Locate | None = None) -> Plan:
    """The plan of a scenario. `locate` turns paths of keys into places in the file.

    Raises: ScenarioInvalid: with everything that is wrong with its references.
    """
    problems = scenario_problems(scenario.document(), kinds) + _unknown_kinds(scenario, kinds)
    if problems:
        found = locate(problems) if locate else [Finding(scenario.scenario, 1, 1, row.code, row.what, row.fix) for row in problems]
        raise ScenarioInvalid(found)
    compiler = _Compiler(scenario, kinds)
    phases, failback = compiler.part(scenario.phases), compiler.part(scenario.failback.phases)
    return Plan(
        scenario=scenario.scenario,
        title=scenario.title,
        mode=mode,
        **_ground(scenario),
        phases=phases,
        failback=failback,
        gates=(*compiler.gates(phases), *compiler.gates(failback)),
    )


def _unknown_kinds(scenario: Scenario, kinds: Kinds) -> list[Problem]:
    found: list[Problem] = []
    for top, phases in ((("phases",), scenario.phases), (("failback", "phases"), scenario.failback.phases)):
        for phase_id, phase in phases.items():
            for step_id, step in phase.steps.items():
                if step.kind not in kinds:
                    at = (*top, phase_id, "steps", step_id, step.kind)
                    found.append(Problem(at, "S013", f"there is no step kind '{step.kind}'.", did_you_mean(step.kind, kinds), on_key=True))
    return found


def _ground(scenario: Scenario) -> dict[str, Any]:
    objectives, limits = scenario.objectives, scenario.limits
    elsewhere = tuple(name for name, row in scenario.probes.items() if row.user_view or row.connection == "kept")
    return {
        "objectives": Objectives(rto_s=objectives.rto, rpo_s=objectives.rpo, rto_binds=objectives.rto_binds),
        "sites": tuple(
            Site(id=name, provider=site.provider, region=site.region, options=site.options()) for name, site in scenario.sites.items()
        ),
        "zones": tuple(row.zone(name) for name, row in scenario.zones.items()),
        "steady_state": scenario.steady_state,
        "probes": tuple(
            Probe(id=name, every_s=row.every, timeout_s=row.timeout, **row.model_dump(exclude={"every", "timeout"}))
            for name, row in scenario.probes.items()
        ),
        "canary": _canary(scenario.canary) if scenario.canary else None,
        "guards": tuple(_guard(name, row) for name, row in scenario.guards.items()),
        "vantage_points": tuple(row.point(name, elsewhere) for name, row in scenario.vantage_points.items()),
        "contacts": tuple(Contact(id=name, **row.model_dump(exclude={"rota"})) for name, row in scenario.contacts.items()),
        "messages": scenario.messages.messages(),
        "prices": scenario.prices.prices() if scenario.prices else None,
        "limits": Limits(max_changes=limits.max_changes, allow=limits.allow, freeze=limits.freeze, dead_man_s=limits.dead_man),
    }


def _canary(form: CanaryForm) -> Canary:
    return Canary(postgres=form.postgres or "", mysql=form.mysql or "", every_s=form.every)


def _guard(name: str, form: GuardForm) -> Guard:
    if form.prometheus is not None:
        row = form.prometheus
        return Guard(id=name, asks="prometheus", url=row.url, query=row.query, for_s=row.for_, every_s=row.every)
    if form.alertmanager is not None:
        said = form.alertmanager
        return Guard(id=name, asks="alertmanager", url=said.url, alert=said.alert, for_s=said.for_, every_s=said.every)
    return Guard(id=name, asks="probe", probe=form.probe or "", misses=form.misses)


class _Compiler:
    """Knows the scenario while its parts are built; the scenario's references are sound by now."""

    def __init__(self, scenario: Scenario, kinds: Kinds) -> None:
        self._scenario = scenario
        self._kinds = kinds
        self._forms = {**scenario.phases, **scenario.failback.phases}
        self._told = scenario.defaults.acknowledge.ask or tuple(scenario.contacts)

    def part(self, forms: Mapping[str, PhaseForm]) -> tuple[PlannedPhase, ...]:
        order = topological({name: form.after for name, form in forms.items()})
        return tuple(self._phase(name, forms[name]) for name in order)

    def gates(self, phases: tuple[PlannedPhase, ...]) -> list[Gate]:
        members: dict[str, list[str]] = {}
        for phase in phases:
            if phase.gate:
                members.setdefault(phase.gate, []).append(phase.id)
        by_phases = [self._gate(gate, names, phases) for gate, names in members.items()]
        return [*by_phases, *(self._hand_gate(step) for phase in phases for step in phase.steps if self._by_hand(step))]

    def _by_hand(self, step: PlannedStep) -> bool:
        return self._kinds[step.kind].by_hand and not step.skip

    def _hand_gate(self, step: PlannedStep) -> Gate:
        """The question by which a person is asked to do a step; silence never means that it was done."""
        usual = self._scenario.defaults.acknowledge.model_dump(include=HAND, exclude_unset=True)
        own = {name: value for name, value in step.params.items() if name in HAND and value is not None}
        rules = AcknowledgeForm.model_validate({**usual, **own})
        silence = "hold" if rules.silence == "proceed" else rules.silence
        fields = {"ask": rules.ask, "then": rules.then, "quorum": rules.quorum, "silence": silence}
        return Gate(id=step.id, phases=(step.phase,), at="before", within_s=rules.within or 0.0, **fields)

    def _phase(self, name: str, form: PhaseForm) -> PlannedPhase:
        asks = self._asks(form)
        gate = (asks.joint or name) if asks else None
        order = topological({key: step.after for key, step in form.steps.items()})
        return PlannedPhase(
            id=name,
            title=form.title or _spoken(name),
            after=form.after,
            budget_s=form.budget,
            steps=tuple(self._step(name, key, form.steps[key]) for key in order),
            gate=gate,
            notify=() if gate else self._told,
        )

    def _asks(self, form: PhaseForm) -> AcknowledgeForm | None:
        """What holds for a phase: its own words, else the defaults; nothing when it asks nobody."""
        if form.acknowledge == "none":
            return None
        own = form.acknowledge.model_dump(exclude_unset=True) if form.acknowledge else {}
        return AcknowledgeForm.model_validate({**self._scenario.defaults.acknowledge.model_dump(exclude_unset=True), **own})

    def _step(self, phase: str, name: str, form: StepForm) -> PlannedStep:
        kind = self._kinds[form.kind]
        return PlannedStep(
            id=f"{phase}.{name}",
            phase=phase,
            kind=form.kind,
            title=form.title or _title_of(kind, form.params),
            params=self._watching(kind, form.params),
            after=tuple(f"{phase}.{earlier}" for earlier in form.after),
            timeout_s=form.timeout or kind.default_timeout_s,
            retries=form.retries,
            on_failure=form.on_failure,
            skip=form.skip,
            resume=kind.resume_with(form.params),
            no_return=kind.no_return,
        )

    def _watching(self, kind: Step[Any], params: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a step, with the resolvers of its name's zone where it watches those and names none itself."""
        if not kind.zone_resolvers or "resolvers" in params:
            return params
        name = str(params.get("name", ""))
        around = [domain for domain, form in self._scenario.zones.items() if form.zone(domain).holds(name)]
        resolvers = self._scenario.zones[max(around, key=len)].resolvers if around else ()
        return {**params, "resolvers": list(resolvers)} if resolvers else params

    def _gate(self, gate: str, members: list[str], phases: tuple[PlannedPhase, ...]) -> Gate:
        written = [self._forms[name].acknowledge for name in members]
        own = {
            key: value for row in written if isinstance(row, AcknowledgeForm) for key, value in row.model_dump(exclude_unset=True).items()
        }
        rules = AcknowledgeForm.model_validate({**self._scenario.defaults.acknowledge.model_dump(exclude_unset=True), **own})
        fields = rules.model_dump(include=set(MERGED) - {"within"})
        opens = [phase for phase in phases if set(phase.after) & set(members)]
        dangerous = rules.when == "before" or any(self._dangerous(step) for phase in opens for step in phase.steps)
        return Gate(id=gate, phases=tuple(members), at=rules.when, within_s=rules.within or 0.0, destructive=dangerous, **fields)

    def _dangerous(self, step: PlannedStep) -> bool:
        return step.no_return or bool(self._kinds[step.kind].marks & _DANGEROUS)


def _title_of(kind: Step[Any], params: Mapping[str, Any]) -> Text:
    """What a step is called without a title of its own: its kind, or what a person is to do."""
    return Text(en=params["do"], zh=params["do"]) if kind.by_hand and params.get("do") else Text(en=kind.title[0], zh=kind.title[1])


def _spoken(name: str) -> Text:
    words = name.replace("_", " ").replace("-", " ")
    return Text(en=words[:1].upper() + words[1:], zh=words)
