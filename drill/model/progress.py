"""What is next: the state of every step, phase and gate, folded from facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from drill.model.events import Fact, Kind
from drill.model.joint_questions import earlier_questions
from drill.model.plan import Plan
from drill.model.progress_rows import GateProgress, StepProgress

MEASUREMENTS = frozenset({Kind.PROBE_SAMPLED, Kind.CANARY_ACKNOWLEDGED})
"""Kinds that come in thousands and never change what is next."""
DECISIVE = frozenset(Kind) - MEASUREMENTS


@dataclass
class Progress:
    """A drill so far. Feed it facts in order with `apply`; it is the same whatever the batch sizes."""

    seq: int = 0
    plan: Plan | None = None
    started: bool = False
    steps: dict[str, StepProgress] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)
    undo_order: list[str] = field(default_factory=list)
    gates: dict[str, GateProgress] = field(default_factory=dict)
    joined: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Gate and contact to the earlier gates that the text to this contact asks about too; in the order of asking."""
    abort: str = ""
    """Why somebody asked to stop; empty when nobody did."""
    abort_by: str = ""
    """Through which channel: cli, signal, sms, silence, engine, guard, dead-man, ground."""
    hold_wanted: bool = False
    """The reason to stop asks for a hold, not for an undo: silence at a gate that says so."""
    ground_gone: bool = False
    """What the drill stood on is there no more: nothing can be done, and nothing taken back."""
    crossed: dict[str, set[int]] = field(default_factory=dict)
    """Tries after which nothing rolls back by itself, by step; one that certainly changed nothing is no such try."""
    denied: dict[str, set[int]] = field(default_factory=dict)
    """Such tries of which a person said that they changed nothing."""
    held: bool = False
    decision: str = ""
    """What a person chose last while on hold: `failback`, `proceed` or `abort`."""
    holds: int = 0
    decisions: int = 0
    """How many such choices there were; a hold is over when there are as many as holds."""
    failback: bool = False
    outcome: str = ""
    exit_code: int | None = None
    """Nothing while it runs, and for a drill that was missed."""
    left: tuple[str, ...] = ()

    def apply(self, facts: Iterable[Fact]) -> Progress:
        """Take the facts in; returns itself."""
        for fact in facts:
            self.seq = fact.seq
            handler = _HANDLERS.get(fact.kind)
            if handler:
                handler(self, fact)
        return self

    def step(self, step_id: str) -> StepProgress:
        """The step's progress; a step nothing is known of is pending."""
        return self.steps.setdefault(step_id, StepProgress())

    def gate(self, gate_id: str) -> GateProgress:
        """The gate's progress; a gate nobody was asked is closed."""
        return self.gates.setdefault(gate_id, GateProgress())

    def undos(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What is registered and not yet undone, newest first."""
        rows = [(step, self.step(step)) for step in reversed(self.undo_order)]
        return [(step, row.undo) for step, row in rows if row.undo is not None and row.undone != "done"]

    @property
    def no_return(self) -> bool:
        """Whether the point of no return is behind: a try that cannot be taken back was made, and may have changed something."""
        return any(self.crossed.values())

    @property
    def doubtful(self) -> bool:
        """Whether that is not known but feared: no such step has succeeded."""
        return self.no_return and not any(self.step(step).state == "succeeded" for step, tries in self.crossed.items() if tries)

    @property
    def taken_back(self) -> bool:
        """Whether a person has taken the drill off hold in order to undo it, which only goes before the point of no return."""
        return self.decision == "abort" and not self.held and not self.no_return and not self.failback

    @property
    def state(self) -> str:
        """One word for people: planned, running, held, or the outcome."""
        if self.outcome:
            return self.outcome
        if self.held:
            return "held"
        return "running" if self.started else "planned"


def _planned(progress: Progress, fact: Fact) -> None:
    progress.plan = Plan.model_validate(fact.data["plan"])


def _started(progress: Progress, _fact: Fact) -> None:
    progress.started = True


def _phase_opened(progress: Progress, fact: Fact) -> None:
    progress.phases[fact.data["phase"]] = "running"


def _phase_closed(progress: Progress, fact: Fact) -> None:
    progress.phases[fact.data["phase"]] = fact.data["state"]


def _step_asked(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.asked, row.why_asked, row.decided = fact.data["attempt"], fact.data["why"], ""


def _step_started(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.asked, row.decided = 0, ""
    row.state, row.attempts, row.running = "running", row.attempts + 1, fact.data["attempt"]
    if fact.data["no_return"]:
        progress.crossed.setdefault(fact.data["step"], set()).add(fact.data["attempt"])


def _step_succeeded(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.state, row.running, row.outputs = "succeeded", None, fact.data["outputs"]
    progress.crossed.setdefault(fact.data["step"], set()).update(progress.denied.pop(fact.data["step"], ()))


def _step_failed(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.state, row.running, row.failed_attempts = "failed", None, row.failed_attempts + 1
    row.error, row.code, row.fix = fact.data["error"], fact.data["code"], fact.data["fix"]
    if fact.data.get("untouched"):
        progress.crossed.get(fact.data["step"], set()).discard(fact.data["attempt"])


def _step_skipped(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.state, row.asked = "skipped", 0


def _step_interrupted(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.state, row.running = "interrupted", None


def _undo_registered(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.undo = fact.data["undo"]
    if fact.data["step"] not in progress.undo_order:
        progress.undo_order.append(fact.data["step"])


def _undo_done(progress: Progress, fact: Fact) -> None:
    progress.step(fact.data["step"]).undone = "done"


def _undo_failed(progress: Progress, fact: Fact) -> None:
    row = progress.step(fact.data["step"])
    row.undone, row.undo_fix = "failed", fact.data.get("fix", "")


def _asked(progress: Progress, fact: Fact) -> None:
    gate = progress.gate(fact.data["gate"])
    gate.state, gate.asked, gate.asked_at = "open", tuple(fact.data["contacts"]), {}
    gate.deadline, gate.by = datetime.fromisoformat(fact.data["deadline"]), fact.data.get("by_what", "person")
    for contact in gate.asked:
        _put(progress, fact, contact)


def _escalated(progress: Progress, fact: Fact) -> None:
    gate = progress.gate(fact.data["gate"])
    gate.asked = (*gate.asked, fact.data["to"])
    gate.round += 1
    if "deadline" in fact.data:
        gate.deadline = datetime.fromisoformat(fact.data["deadline"])
    _put(progress, fact, fact.data["to"])


def _put(progress: Progress, fact: Fact, contact: str) -> None:
    """A person is asked: alone, or together with what they were asked a moment ago."""
    gate_id = fact.data["gate"]
    progress.joined.pop((gate_id, contact), None)
    if earlier := earlier_questions(progress.gates, gate_id, contact, fact.at):
        progress.joined[gate_id, contact] = earlier
    row = progress.gate(gate_id)
    row.asked_at = {**row.asked_at, contact: fact.at}


def _replied(progress: Progress, fact: Fact) -> None:
    gate = progress.gate(fact.data["gate"])
    if fact.data["verb"] == "confirm" and fact.data["contact"] not in gate.confirmed and not fact.data.get("late"):
        gate.confirmed = (*gate.confirmed, fact.data["contact"])


def _rejected(progress: Progress, fact: Fact) -> None:
    contact = fact.data["contact"]
    if fact.data["reason"] == "wrong-code" and contact:
        for gate_id in fact.data.get("charged", ()):
            gate = progress.gate(gate_id)
            gate.rejected = {**gate.rejected, contact: gate.rejected.get(contact, 0) + 1}


def _acknowledged(progress: Progress, fact: Fact) -> None:
    gate = progress.gate(fact.data["gate"])
    gate.state, gate.answered_by = "acknowledged", tuple(fact.data["contacts"])


def _declined(progress: Progress, fact: Fact) -> None:
    gate = progress.gate(fact.data["gate"])
    gate.state, gate.answered_by = "declined", (fact.data["contact"],)


def _expired(progress: Progress, fact: Fact) -> None:
    progress.gate(fact.data["gate"]).state = "expired"


def _abort(progress: Progress, fact: Fact) -> None:
    if not progress.abort:
        progress.abort, progress.abort_by = fact.data["reason"], fact.data["channel"]
    progress.hold_wanted = progress.hold_wanted or bool(fact.data.get("hold"))
    progress.ground_gone = progress.ground_gone or fact.data["channel"] == "ground"


def _held(progress: Progress, fact: Fact) -> None:
    progress.held, progress.holds = True, progress.holds + 1
    progress.left = tuple(fact.data["left"])


def _decided(progress: Progress, fact: Fact) -> None:
    if fact.data["verb"] in {"retry", "skip"} and progress.step(fact.data["subject"]).asked:
        progress.step(fact.data["subject"]).decided = fact.data["verb"]
    if fact.data["verb"] == "not-promoted" and progress.held:
        progress.denied.setdefault(fact.data["subject"], set()).update(progress.crossed.pop(fact.data["subject"], ()))
        progress.failback = False
    if fact.data["verb"] in {"failback", "proceed", "abort"} and progress.held:
        progress.decision, progress.held, progress.abort = fact.data["verb"], False, ""
        progress.hold_wanted = False
        if fact.data["verb"] == "proceed" or progress.failback:
            _answer_for_all(progress)
        progress.decisions += 1


def _answer_for_all(progress: Progress) -> None:
    """A person who goes on, out or home, has answered every question that was put."""
    for gate in progress.gates.values():
        if gate.state in {"open", "declined", "expired"}:
            gate.state, gate.answered_by = "acknowledged", ("operator",)


def _failback(progress: Progress, _fact: Fact) -> None:
    progress.failback = True


def _finished(progress: Progress, fact: Fact) -> None:
    progress.outcome, progress.exit_code, progress.left = fact.data["outcome"], fact.data["exit_code"], tuple(fact.data["left"])


_HANDLERS = {
    Kind.DRILL_PLANNED: _planned,
    Kind.DRILL_STARTED: _started,
    Kind.PHASE_OPENED: _phase_opened,
    Kind.PHASE_CLOSED: _phase_closed,
    Kind.STEP_ASKED: _step_asked,
    Kind.STEP_STARTED: _step_started,
    Kind.STEP_SUCCEEDED: _step_succeeded,
    Kind.STEP_FAILED: _step_failed,
    Kind.STEP_SKIPPED: _step_skipped,
    Kind.STEP_INTERRUPTED: _step_interrupted,
    Kind.UNDO_REGISTERED: _undo_registered,
    Kind.UNDO_DONE: _undo_done,
    Kind.UNDO_FAILED: _undo_failed,
    Kind.ACKNOWLEDGEMENT_REQUESTED: _asked,
    Kind.ESCALATED: _escalated,
    Kind.REPLY_RECEIVED: _replied,
    Kind.REPLY_REJECTED: _rejected,
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.DECLINED: _declined,
    Kind.ACKNOWLEDGEMENT_EXPIRED: _expired,
    Kind.ABORT_REQUESTED: _abort,
    Kind.DRILL_HELD: _held,
    Kind.OPERATOR_DECIDED: _decided,
    Kind.FAILBACK_STARTED: _failback,
    Kind.DRILL_FINISHED: _finished,
}
