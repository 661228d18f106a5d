"""Runs one step to its end: reads the journal before it works, counts retries from it, bounds every try in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from drill.engine.asking import StepDesk
from drill.engine.expressions import render, texts, visible_steps
from drill.engine.record import Recorder
from drill.model.effects import Outputs, Resume
from drill.model.errors import DrillError, Fatal, JournalBroken, Retryable, StepError
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Plan, PlannedStep
from drill.model.ports import Artifacts, World
from drill.model.progress import Progress
from drill.model.progress_rows import StepProgress
from drill.steps.base import Step

Result = dict[str, Any]
"""What a reserved node hands to the conductor: `status` is ok, failed, stopped, declined, expired or blocked."""

_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_WAIT_POLL_S = 0.01  # a look costs 0.4 ms; what it finds late is late for the users too


class StepAttempt:
    """One try, as the step sees it (port Attempt)."""

    def __init__(self, recorder: Recorder, planned: PlannedStep, *, number: int, artifacts: Artifacts) -> None:
        self.drill = recorder.drill
        self.step = planned.id
        self.number = number
        self._recorder = recorder
        self._planned = planned
        self._artifacts = artifacts
        self._until_s = recorder.clock.mono_s() + planned.timeout_s
        self._notes = itertools.count(1)  # a step may speak from several threads

    @property
    def _where(self) -> dict[str, Any]:
        return {"phase": self._planned.phase, "step": self.step, "attempt": self.number}

    def progress(self, what: str, **fields: Any) -> None:
        key = f"{self.step}/{self.number}/progress/{self._recorder.clock.epoch}/{next(self._notes)}"
        self._recorder.say(Kind.STEP_PROGRESSED, key, what=what, **fields, **self._where)

    def earlier(self, what: str) -> list[Mapping[str, Any]]:
        said = self._recorder.journal.read(self.drill, kinds=frozenset({Kind.STEP_PROGRESSED}))
        return [fact.data for fact in said if fact.data["step"] == self.step and fact.data["what"] == what]

    def witness(self, kind: Kind, key: str, **fields: Any) -> None:
        self._recorder.say(kind, key, **fields)

    def register_undo(self, undo: Mapping[str, Any]) -> None:
        self._recorder.say(Kind.UNDO_REGISTERED, f"{self.step}/undo", phase=self._planned.phase, step=self.step, undo=dict(undo))

    def registered_undo(self) -> Mapping[str, Any] | None:
        return self._recorder.look(lambda progress: progress.step(self.step).undo)

    def stopping(self) -> bool:
        if self.remaining_s() <= 0:
            return True
        return self._recorder.look(lambda progress: progress.ground_gone or (bool(progress.abort) and not progress.no_return), fresh=False)

    def remaining_s(self) -> float:
        return self._until_s - self._recorder.clock.mono_s()

    def artifact(self, name: str, content: bytes) -> str:
        return self._artifacts.put(self.drill, name, content)

    def wait_for(self, kind: Kind, match: Callable[[Fact], bool], *, within_s: float | None = None) -> Fact:
        after = 0
        until_s = self._recorder.clock.mono_s() + within_s if within_s is not None else math.inf
        while not self.stopping() and self._recorder.clock.mono_s() < until_s:
            for fact in self._recorder.journal.read(self.drill, after=after, kinds=frozenset({kind})):
                after = fact.seq
                if match(fact):
                    return fact
            self._recorder.clock.sleep(_WAIT_POLL_S)
        reason = self._recorder.look(lambda progress: progress.abort, fresh=False)
        if reason and self.remaining_s() > 0 and self.stopping():
            raise Retryable(f"interrupted while it waited for {kind}: the drill is stopped ({reason}).", code="A190")
        raise Retryable(f"no {kind} was seen before this try ended.", code="A190", fix="See whether its witness (observer, detector) runs.")


class StepRunner:
    """Runs the steps of one plan against one world."""

    def __init__(
        self,
        plan: Plan,
        *,
        kinds: Mapping[str, Step[Any]],
        world: World,
        recorder: Recorder,
        artifacts: Artifacts,
        tell_asked: Callable[[PlannedStep, int], None] = lambda _planned, _number: None,
    ) -> None:
        self._desk = StepDesk(recorder, tell_asked)
        self.plan = plan
        self.kinds = kinds
        self.world = world
        self.recorder = recorder
        self.artifacts = artifacts

    def run(self, planned: PlannedStep) -> Result:
        """Bring the step to its end; a step that has ended already is not run again."""
        done = self._settled(planned)
        while done is None:
            tries = self.recorder.look(lambda progress: progress.step(planned.id).attempts, fresh=False)  # ours alone, so never stale
            done = self._try(planned, number=tries + 1)
        return done

    def write_undo(self, planned: PlannedStep) -> None:
        """Register what the step says about its way back before anything of it begins. Raises: Fatal: a value is missing (A201)."""
        undo = self.kinds[planned.kind].undo_ahead(self.resolve(planned))
        if undo is not None:
            StepAttempt(self.recorder, planned, number=0, artifacts=self.artifacts).register_undo(undo)

    def _look(self, planned: PlannedStep) -> StepProgress:
        return self.recorder.look(lambda progress: progress.step(planned.id))

    def _settled(self, planned: PlannedStep) -> Result | None:
        """The end the journal already knows, or nothing when there is work to do; marks what a dead engine left running."""
        row, stopped = self.recorder.look(lambda progress: (progress.step(planned.id), aborting(progress)))
        if row.state in {"succeeded", "skipped"}:
            return {"status": "ok"}
        in_doubt = row.attempts if row.running is not None or row.state == "interrupted" else None
        if in_doubt is not None:
            where: dict[str, Any] = {"phase": planned.phase, "step": planned.id, "attempt": in_doubt}
            self.recorder.say(Kind.STEP_INTERRUPTED, f"{planned.id}/{in_doubt}/interrupted", **where)
        if stopped:
            return {"status": "stopped"}
        if planned.skip:
            self.recorder.say(
                Kind.STEP_SKIPPED, f"{planned.id}/skipped", phase=planned.phase, step=planned.id, reason="the scenario says skip"
            )
            return {"status": "ok"}
        if row.asked:
            return self._answered(planned)
        return None if in_doubt is None else self._read_back(planned, in_doubt)

    def _read_back(self, planned: PlannedStep, number: int) -> Result | None:
        """What to do with a step that a dead engine left running: it had worked, it runs again, or a person decides."""
        step = self.kinds[planned.kind]
        where: dict[str, Any] = {"phase": planned.phase, "step": planned.id, "attempt": number}
        try:
            params = self.resolve(planned)
            outputs = step.found(params, self.world)
            if outputs is not None:
                self.recorder.say(Kind.STEP_SUCCEEDED, f"{planned.id}/{number}/succeeded", outputs=dict(outputs), read_back=True, **where)
                return {"status": "ok"}
            if planned.resume is Resume.RERUN:
                return None
            left = len(step.preview(params, self.world))
            seen = f"{left} change(s) of it are still to be made" if left else "nothing of it seems to be left to do"
        except JournalBroken:
            raise
        except Exception as error:  # noqa: BLE001 - said to the person who is asked, or by the try that follows; nothing is swallowed
            if planned.resume is Resume.RERUN:
                return None
            seen = f"it cannot be read back: {bug(error).what}"
        self.recorder.say_all([self._desk.question(planned, number, f"the engine died while it ran; {seen}")])
        return self._answered(planned)

    def _answered(self, planned: PlannedStep) -> Result | None:
        choice = self._desk.answer(planned)
        return None if choice == "retry" else {"status": "ok" if choice == "skip" else "stopped"}

    def resolve(self, planned: PlannedStep, foreseen: Mapping[str, Outputs] | None = None) -> Any:
        """The step's parameters with their expressions filled in, from the journal or from what earlier steps are foreseen to put out.

        Raises: Fatal: an expression has no value yet (A201).
        """
        sites = {site.id: dict(self.world.ground.attributes(site.id)) for site in self.plan.sites}
        try:
            params = render(planned.params, steps=self._outputs(planned, foreseen), sites=sites)
            return self.kinds[planned.kind].params.model_validate(params)
        except (ValueError, DrillError) as error:
            raise Fatal(
                f"the parameters of {planned.id} cannot be filled in: {error}",
                code="A201",
                fix="See what the earlier step put out with `drill show`.",
            ) from error

    def _outputs(self, planned: PlannedStep, foreseen: Mapping[str, Outputs] | None) -> Mapping[str, Outputs]:
        """Of the steps it may refer to; parameters without an expression refer to none."""
        if next(texts(planned.params), None) is None:
            return {}
        visible = visible_steps(self.plan, planned.id)
        if foreseen is not None:
            return {name: foreseen[name] for name in visible if name in foreseen}
        return self.recorder.look(lambda progress: {name: dict(progress.steps[name].outputs) for name in visible if name in progress.steps})

    def _try(self, planned: PlannedStep, *, number: int) -> Result | None:
        step = self.kinds[planned.kind]
        where: dict[str, Any] = {"phase": planned.phase, "step": planned.id, "attempt": number}
        self.recorder.before_an_effect()
        self.recorder.say(Kind.STEP_STARTED, f"{planned.id}/{number}/started", kind=planned.kind, no_return=planned.no_return, **where)
        attempt = StepAttempt(self.recorder, planned, number=number, artifacts=self.artifacts)
        try:
            outputs = step.run(self._ready(planned), self.world, attempt)
            self.recorder.say(Kind.STEP_SUCCEEDED, f"{planned.id}/{number}/succeeded", outputs=dict(outputs), **where)
        except StepError as error:
            return self._failed(planned, number, error)
        except JournalBroken:
            raise
        except Exception as error:  # noqa: BLE001 - recorded as the failure of this step, with its type; nothing is swallowed
            return self._failed(planned, number, bug(error))
        return {"status": "ok"}

    def _ready(self, planned: PlannedStep) -> Any:
        """The parameters of a try. Raises: StepError: they cannot be filled in, and nothing was changed."""
        try:
            return self.resolve(planned)
        except StepError as error:
            error.untouched = True
            raise

    def _failed(self, planned: PlannedStep, number: int, error: StepError) -> Result | None:
        """Write the failure and what follows from it in one transaction: a crash cannot fall between the two."""
        failures = self._look(planned).failed_attempts + 1
        stopped = self.recorder.look(aborting)
        again = not stopped and (error.retryable or error.in_doubt) and failures <= planned.retries
        wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
        follows = [] if stopped else [self._retry(planned, number + 1, wait_s) if again else self._give_up(planned, number, error)]
        asks = not stopped and not again and planned.on_failure == "ask"
        self.recorder.say_all([self._failure(planned, number, error), *follows])
        if stopped or (again and not self._rest(wait_s)):
            return {"status": "stopped"}
        if asks:
            return self._answered(planned)
        return None if again else {"status": "failed", "code": error.code}

    def _failure(self, planned: PlannedStep, number: int, error: StepError) -> Draft:
        sure: dict[str, Any] = {"untouched": True} if error.untouched else {}
        return self.recorder.draft(
            Kind.STEP_FAILED,
            f"{planned.id}/{number}/failed",
            phase=planned.phase,
            step=planned.id,
            attempt=number,
            code=error.code,
            error=error.what,
            fix=error.fix,
            retryable=error.retryable,
            in_doubt=error.in_doubt,
            **sure,
        )

    def _retry(self, planned: PlannedStep, number: int, wait_s: float) -> Draft:
        where: dict[str, Any] = {"phase": planned.phase, "step": planned.id, "attempt": number}
        return self.recorder.draft(Kind.STEP_RETRY_SCHEDULED, f"{planned.id}/{number - 1}/retry", wait_s=wait_s, **where)

    def _give_up(self, planned: PlannedStep, number: int, error: StepError) -> Draft:
        if planned.on_failure == "ask":
            return self._desk.question(planned, number, f"it failed: {error.what}")
        reason = f"{planned.id} failed: {error.what}"
        return self.recorder.draft(
            Kind.ABORT_REQUESTED, f"abort/step/{planned.id}/{number}", reason=reason, channel="engine", step=planned.id
        )

    def _rest(self, wait_s: float) -> bool:
        until_s = self.recorder.clock.mono_s() + wait_s
        while self.recorder.clock.mono_s() < until_s:
            if self.recorder.look(aborting, fresh=False):
                return False
            self.recorder.clock.sleep(min(0.1, wait_s))
        return True


def aborting(progress: Progress) -> bool:
    """Whether somebody asked to stop."""
    return bool(progress.abort)


def bug(error: Exception) -> StepError:
    """An unexpected exception as the failure of a step (A900); one of ours keeps its words."""
    if isinstance(error, DrillError):
        return Fatal(error.what, code=error.code, fix=error.fix)
    return Fatal(f"an unexpected {type(error).__name__}: {error}", code="A900", fix="This is a bug of ours: report it with `drill logs`.")
