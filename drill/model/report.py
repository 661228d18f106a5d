"""The shape of a result: what `report.json` holds and every view renders. Filled by pure folds over facts alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from drill.model.report_people import GateRow, MessageRow, PromiseRow, ReplyRow
from drill.model.report_shape import Label, Shape

__all__ = ["GateRow", "Label", "MessageRow", "PromiseRow", "ReplyRow", "Shape"]

SCHEMA = "drill-report/v1"

StepState = Literal["pending", "running", "succeeded", "failed", "skipped", "interrupted"]
PhaseState = Literal["pending", "running", "waiting", "succeeded", "failed", "skipped"]
Outcome = Literal["running", "finished", "refused", "declined", "aborted", "held", "failed", "missed"]


class Rto(Shape):
    """The recovery time: promised and measured. `met` null means unmeasured."""

    target_s: float
    actual_s: float | None
    low_s: float | None
    high_s: float | None
    met: bool | None
    why: Label
    """One sentence: how it was measured, or why it could not be."""


class Rpo(Shape):
    """The data loss: promised and measured."""

    target_s: float
    actual_s: float | None
    lost_rows: int | None
    acknowledged_rows: int
    met: bool | None
    why: Label


class Clocks(Shape):
    """Where the recovery time went. Adds up to `rto.actual_s` to the millisecond; null when that is unmeasured."""

    detection_s: float | None
    machine_s: float | None
    human_s: float | None
    engine_s: float | None


class Span(Shape):
    """A stretch of time from `start_s` to `end_s` on the report's axis."""

    start_s: float
    end_s: float


class AttemptRow(Shape):
    """One try of a step."""

    number: int
    start_s: float
    end_s: float | None
    state: StepState
    error: str = ""


class ProgressRow(Shape):
    """One thing a step reported on its way: a Terraform resource, an Ansible task."""

    at_s: float
    what: str
    detail: str = ""
    took_s: float | None = None


class StepRow(Shape):
    """One step. `attempts` counts tries that started."""

    id: str
    phase: str
    kind: str
    title: Label
    state: StepState
    attempts: int
    start_s: float | None
    end_s: float | None
    actual_s: float | None
    critical: bool
    """On the critical path of what happened: making it shorter would have made the drill shorter."""
    tries: tuple[AttemptRow, ...]
    progress: tuple[ProgressRow, ...]
    outputs: dict[str, Any]
    error: str = ""
    fix: str = ""


class PhaseRow(Shape):
    """One phase. `actual_s` is its length less the time on hold; `human_s` the part spent waiting for its gate with no step running.

    `work_s` is the rest. From start to end it takes `actual_s` plus `held_s`.
    """

    id: str
    part: Literal["drill", "failback"]
    title: Label
    state: PhaseState
    budget_s: float | None
    start_s: float | None
    end_s: float | None
    actual_s: float | None
    human_s: float
    work_s: float | None
    over_budget_s: float | None
    waits: tuple[Span, ...]
    held_s: float = 0.0
    holds: tuple[Span, ...] = ()
    acknowledged_by: tuple[str, ...]
    asks: bool
    """False: its status was sent, no answer was asked."""
    told: bool
    delivered: bool
    answered: bool
    bottleneck: bool = False


class HoldRow(Shape):
    """One time on hold: the drill stood still until a person chose the way on. `end_s` and `chose` are null while nobody has."""

    part: Literal["drill", "failback"]
    reason: str
    start_s: float
    end_s: float | None
    chose: str | None
    by: str | None


class ProbeRun(Shape):
    """A stretch in which a probe kept its state."""

    start_s: float
    end_s: float
    ok: bool
    samples: int
    site: str = ""


class ProbeRow(Shape):
    """One probe's whole series from one place. `latency` holds [t, milliseconds or null], thinned to what a chart can show.

    `id` is `checkout`, or `checkout@frankfurt` when `vantage` names another host that asked `probe`.
    """

    id: str
    probe: str = ""
    vantage: str = ""
    connection: Literal["new", "kept"] = "new"
    rto: Rto | None = None
    """What this user's view alone says of the recovery; null for a probe that is none."""
    decides: bool = False
    """It is the worst user's view: the drill's recovery time is its."""
    clock_error_s: float | None = 0.0
    """How far off this report's axis a vantage point's samples may lie; null when nobody compared its clock."""
    gaps: tuple[Span, ...] = ()
    """Where it took no sample for longer than the recovery may be blind, and for more than one of its own steps."""
    user_view: bool
    samples: int
    failed: int
    every_s: float
    largest_gap_s: float
    late_samples: int
    runs: tuple[ProbeRun, ...]
    latency: tuple[tuple[float, float | None], ...]


class UndoRow(Shape):
    """One registered undo and what became of it."""

    step: str
    what: str
    state: Literal["not needed", "done", "failed", "open"]
    at_s: float | None


class FixRow(Shape):
    """One thing to improve, with what it would have saved."""

    title: Label
    why: Label
    saves_s: float | None
    rto_would_be_s: float | None
    would_meet: bool | None


class FindingRow(Shape):
    """Something a person must know: a deviation, a warning, a leftover."""

    at_s: float | None
    code: str
    what: str
    fix: str
    severity: Literal["info", "warning", "error"]


class BuiltRow(Shape):
    """What Terraform built of one type that a provider may charge for.

    `held_s` adds up how long each was there, from the beginning of its making to the end of its removal; `left` are those that still are.
    """

    type: str
    count: int
    held_s: float
    left: int
    amount: float | None
    """At the scenario's prices, in its currency; null where it says none."""


class TrendPoint(Shape):
    """A past drill of the same scenario and mode."""

    drill: str
    at: str
    rta_s: float | None
    met: bool | None


class Evidence(Shape):
    """What lets an auditor check the figures."""

    facts: int
    head_digest: str
    plan_digest: str
    version: str
    started_by: str
    epochs: int
    boots: int
    samples: int
    generated_from: str = "facts.jsonl"


class Report(Shape):
    """One drill's result."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: str = SCHEMA
    drill: str
    scenario: str
    title: Label
    mode: Literal["sandbox", "live", "dry-run"]
    auto_answered: bool
    outcome: Outcome
    exit_code: int | None
    zero_at: str
    """The moment all `_s` positions count from: the start of the drill, ISO 8601 UTC."""
    finished_s: float | None
    outage_s: float | None
    detected_s: float | None
    no_return_s: float | None
    verdict_s: float | None
    recovery: Span | None
    """From the last good user-view sample before the loss to the first of the good ones after it."""
    rto: Rto
    rpo: Rpo
    clocks: Clocks
    summary: Label
    """One or two sentences a manager reads first."""
    phases: tuple[PhaseRow, ...]
    steps: tuple[StepRow, ...]
    holds: tuple[HoldRow, ...] = ()
    gates: tuple[GateRow, ...]
    messages: tuple[MessageRow, ...]
    replies: tuple[ReplyRow, ...]
    promises: tuple[PromiseRow, ...] = ()
    probes: tuple[ProbeRow, ...]
    built: tuple[BuiltRow, ...] = ()
    currency: str = ""
    """Of the amounts; empty when the scenario says no prices."""
    undos: tuple[UndoRow, ...]
    fixes: tuple[FixRow, ...]
    findings: tuple[FindingRow, ...]
    trend: tuple[TrendPoint, ...]
    evidence: Evidence

    def document(self) -> dict[str, Any]:
        """The report as `report.json` holds it."""
        body = self.model_dump(mode="json")
        return {"schema": body.pop("schema_"), **body}
