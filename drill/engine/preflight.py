"""Looks at the ground before anything is touched: people, steady state, steps, limits. One line each, with the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drill.engine.attempt import StepRunner
from drill.engine.lifetimes import Lifetimes
from drill.engine.safety import unsafe_effects
from drill.model.effects import Effect, Outputs
from drill.model.errors import DrillError, PreflightFailed, UnsafePlan
from drill.model.events import Kind
from drill.model.plan import Contact, Guard
from drill.model.ports import Auditor, GuardRunner, Secrets, World
from drill.model.starter import FOUR_EYES_FIX, four_eyes_trouble, starter_of

_GOOD_IN_A_ROW = 5
_PROBE_REST_S = 0.1
_PATIENCE_S = 10.0
_GUARD_REST_S = 0.5


@dataclass(frozen=True)
class Check:
    """One look at the ground."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    code: str = ""


class Preflight:
    """The checks of one plan against one world."""

    def __init__(
        self,
        runner: StepRunner,
        *,
        secrets: Secrets,
        guards: GuardRunner | None = None,
        auditor: Auditor | None = None,
        quotas: Callable[[], Iterable[Check]] = tuple,
        trial: Callable[[], Iterable[Check]] = tuple,
    ) -> None:
        self._runner = runner
        self._plan = runner.plan
        self._world = runner.world
        self._recorder = runner.recorder
        self._secrets = secrets
        self._guards = guards
        self._auditor = auditor
        self._quotas = quotas
        self._trial = trial

    def run(self) -> list[Check]:
        """Every check, each written down; goes on after a failed one so that all is said at once.

        The last one sends a text, so it is left out when another failed.
        """
        checks = [self._written(check) for check in self._all()]
        if all(check.ok for check in checks):
            checks += [self._written(check) for check in self._trial()]
        return checks

    def _written(self, check: Check) -> Check:
        why = {"detail": check.detail, "fix": check.fix, **({"code": check.code} if check.code else {})}
        self._recorder.say(Kind.PREFLIGHT_CHECKED, f"preflight/{check.name}", check=check.name, ok=check.ok, **why)
        return check

    def _all(self) -> Iterable[Check]:
        yield from self._contacts()
        yield from self._four_eyes()
        yield from self._texts()
        yield from self._quotas()
        yield from self._steady()
        yield from self._guarding()
        yield from self._steps()

    def _contacts(self) -> Iterable[Check]:
        for contact in self._plan.contacts:
            yield _guarded(f"contact {contact.id}", lambda: self._ways(contact), fix="")  # noqa: B023 - called at once

    def _four_eyes(self) -> Iterable[Check]:
        """A gate that somebody else must answer than who started the drill needs to know who that was."""
        planned = self._recorder.journal.find(self._recorder.drill, "planned")
        data: Mapping[str, Any] = planned.data if planned else {}
        starter = starter_of(self._plan, data)
        for gate in (gate for gate in self._plan.gates if gate.four_eyes):
            trouble = four_eyes_trouble(gate, starter=starter, started_by=str(data.get("started_by", "")))
            yield Check(f"four eyes {gate.id}", not trouble, trouble or f"not {starter or 'anybody'}", FOUR_EYES_FIX if trouble else "")

    def _ways(self, contact: Contact) -> str:
        """How a person is reached. Raises: PreflightFailed: not at all (F012), or a secret is not set (F010)."""
        found = []
        for channel in contact.channels:
            row = self._plan.messages.channel(channel)
            by_number = channel == "sms" or (row is not None and row.reaches == "number")
            references = contact.sms if by_number else contact.email if row and row.reaches == "mailbox" else ()
            count = len([self._secrets.get(reference) for reference in references])
            if row is not None and row.reaches == "all":
                found.append(channel)
            elif count:
                found.append(f"{count} number(s)" if channel == "sms" else channel)
        if not found:
            raise PreflightFailed(f"'{contact.title}' cannot be reached.", code="F012", fix="Give a number, or put somebody on duty.")
        return ", ".join(found)

    def _texts(self) -> Iterable[Check]:
        """What the provider's audit says of the texts of this plan; a rejected one would be noticed in the middle of the drill."""
        if self._auditor is None or self._plan.messages.sms is None:
            return
        try:
            rows = self._auditor.audit()
        except DrillError as error:
            yield Check("texts", ok=False, detail=error.what, fix=error.fix)
            return
        for row in rows:
            fix = "" if row.ok else "See `drill sms templates`, and the provider's console."
            yield Check(f"text {row.name}", row.ok, f"{row.state}; {row.detail}".removesuffix("; "), fix)

    def _steady(self) -> Iterable[Check]:
        for probe in self._plan.steady_state:
            ok = healthy(probe, self._world)
            detail = (
                f"{_GOOD_IN_A_ROW} good answers in a row" if ok else f"not {_GOOD_IN_A_ROW} good answers in a row within {_PATIENCE_S:g} s"
            )
            yield Check(f"steady state {probe}", ok, detail, "" if ok else "Repair the service first: a drill starts from health.")

    def _guarding(self) -> Iterable[Check]:
        """A guard that does not hold now would end the drill as soon as it starts."""
        for guard in self._plan.guards:
            if guard.asks == "probe":
                ok = healthy(guard.probe, self._world)
                trouble = "" if ok else f"{guard.probe} does not answer well"
            else:
                trouble = self._look(guard)
            fix = "Repair what it guards, or see why it cannot be asked." if trouble else ""
            yield Check(f"guard {guard.id}", not trouble, trouble or "it holds", fix)

    def _look(self, guard: Guard) -> str:
        """Why a guard that is no probe does not hold, after looking for as long as it is given; empty when it holds."""
        if self._guards is None:
            return "nothing here can ask it"
        until_s = self._world.clock.mono_s() + guard.for_s
        while not (look := self._guards.ask(guard.id)).holds and self._world.clock.mono_s() < until_s:
            self._world.clock.sleep(_GUARD_REST_S)
        return look.detail

    def _steps(self) -> Iterable[Check]:
        effects: dict[str, list[Effect]] = {}
        foreseen: dict[str, Outputs] = {}
        lifetimes = Lifetimes()
        for phase, planned in [(row, step) for row in self._plan.phases for step in row.steps]:
            step = self._runner.kinds[planned.kind]
            try:
                params = self._runner.resolve(planned, foreseen)
                trouble = [*step.ready(params, self._world), *lifetimes.trouble(phase, step.stale(params, self._world))]
                effects[planned.id] = step.preview(params, self._world)
                foreseen[planned.id] = step.foresee(params, self._world)
                lifetimes.note(effects[planned.id], foreseen[planned.id])
            except DrillError as error:
                if error.code != "A201" or not _waits_for_outputs(planned.params):  # else nobody can know its parameters yet
                    yield Check(f"step {planned.id}", ok=False, detail=error.what, fix=error.fix, code=error.code)
                continue
            count = sum(effect.count for effect in effects[planned.id])
            yield Check(f"step {planned.id}", not trouble, "; ".join(trouble) or f"{count} change(s) ahead")
        yield _guarded("limits", lambda: self._within_limits(effects), fix="")

    def _within_limits(self, effects: Mapping[str, list[Effect]]) -> str:
        violations = unsafe_effects(self._plan, effects)
        if violations:
            raise UnsafePlan("; ".join(str(violation) for violation in violations), code="P010", fix="Widen `limits`, or narrow the plan.")
        total = sum(effect.count for rows in effects.values() for effect in rows)
        return f"{total} of at most {self._plan.limits.max_changes} changes"


def healthy(probe: str, world: World, *, good_in_a_row: int = _GOOD_IN_A_ROW, patience_s: float = _PATIENCE_S) -> bool:
    """Whether a probe answers well so many times in a row within a time."""
    until_s = world.clock.mono_s() + patience_s
    row = 0
    while row < good_in_a_row and world.clock.mono_s() < until_s:
        row = row + 1 if world.probes.ask(probe).ok else 0
        world.clock.sleep(_PROBE_REST_S)
    return row >= good_in_a_row


def _waits_for_outputs(params: Mapping[str, Any]) -> bool:
    return any(start in repr(params) for start in ("steps.", "steps["))


def _guarded(name: str, look: Callable[[], str], *, fix: str) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except DrillError as error:
        return Check(name, ok=False, detail=error.what, fix=error.fix or fix, code=error.code)
