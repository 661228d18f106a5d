"""Facts: what one witness saw at one moment. The journal is a chain of them and the only source of every figure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from drill.model.errors import JournalBroken

GENESIS: Final = "0" * 64
"""The digest before the first fact of a drill."""


class Kind(StrEnum):
    """Every kind of fact. Past tense: it happened."""

    DRILL_PLANNED = "DrillPlanned"
    PREFLIGHT_CHECKED = "PreflightChecked"
    DRILL_STARTED = "DrillStarted"
    ENGINE_STARTED = "EngineStarted"
    LEASE_TAKEN = "LeaseTaken"
    PHASE_OPENED = "PhaseOpened"
    PHASE_CLOSED = "PhaseClosed"
    OUTAGE_INJECTED = "OutageInjected"
    OUTAGE_DETECTED = "OutageDetected"
    OUTAGE_ENDED = "OutageEnded"
    GUARD_BROKEN = "GuardBroken"
    PROBE_SAMPLED = "ProbeSampled"
    CANARY_ACKNOWLEDGED = "CanaryAcknowledged"
    CANARY_FOUND = "CanaryFound"
    STEP_STARTED = "StepStarted"
    STEP_PROGRESSED = "StepProgressed"
    STEP_SUCCEEDED = "StepSucceeded"
    STEP_FAILED = "StepFailed"
    STEP_RETRY_SCHEDULED = "StepRetryScheduled"
    STEP_SKIPPED = "StepSkipped"
    STEP_INTERRUPTED = "StepInterrupted"
    STEP_ASKED = "StepAsked"
    UNDO_REGISTERED = "UndoRegistered"
    UNDO_DONE = "UndoDone"
    UNDO_FAILED = "UndoFailed"
    MESSAGE_SENT = "MessageSent"
    MESSAGE_DELIVERED = "MessageDelivered"
    REPLY_RECEIVED = "ReplyReceived"
    REPLY_REJECTED = "ReplyRejected"
    ACKNOWLEDGEMENT_REQUESTED = "AcknowledgementRequested"
    ACKNOWLEDGED = "Acknowledged"
    DECLINED = "Declined"
    ESCALATED = "Escalated"
    ACKNOWLEDGEMENT_EXPIRED = "AcknowledgementExpired"
    ABORT_REQUESTED = "AbortRequested"
    DRILL_HELD = "DrillHeld"
    OPERATOR_DECIDED = "OperatorDecided"
    FAILBACK_STARTED = "FailbackStarted"
    FINDING_RAISED = "FindingRaised"
    DRILL_FINISHED = "DrillFinished"


_STEP: Final = frozenset({"phase", "step"})
_ATTEMPT: Final = _STEP | {"attempt"}

PAYLOAD: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.DRILL_PLANNED: frozenset({"plan", "plan_digest", "started_by"}),
    Kind.PREFLIGHT_CHECKED: frozenset({"check", "ok", "detail"}),
    Kind.DRILL_STARTED: frozenset(),
    Kind.ENGINE_STARTED: frozenset({"pid", "host", "version"}),
    Kind.LEASE_TAKEN: frozenset({"token", "holder"}),
    Kind.PHASE_OPENED: frozenset({"phase"}),
    Kind.PHASE_CLOSED: frozenset({"phase", "state"}),
    Kind.OUTAGE_INJECTED: frozenset({"site", "method", "step"}),
    Kind.OUTAGE_DETECTED: frozenset({"probe", "misses"}),
    Kind.OUTAGE_ENDED: frozenset({"site"}),
    Kind.GUARD_BROKEN: frozenset({"guard", "detail"}),
    Kind.PROBE_SAMPLED: frozenset({"probe", "k", "due_s", "sent_s", "received_s", "ok", "error", "site", "user_view"}),
    Kind.CANARY_ACKNOWLEDGED: frozenset({"row", "sent_s", "acked_s"}),
    Kind.CANARY_FOUND: frozenset({"site", "ranges", "highest_asked"}),
    Kind.STEP_STARTED: _ATTEMPT | {"kind", "no_return"},
    Kind.STEP_PROGRESSED: _ATTEMPT | {"what"},
    Kind.STEP_SUCCEEDED: _ATTEMPT | {"outputs"},
    Kind.STEP_FAILED: _ATTEMPT | {"code", "error", "fix", "retryable", "in_doubt"},
    Kind.STEP_RETRY_SCHEDULED: _ATTEMPT | {"wait_s"},
    Kind.STEP_SKIPPED: _STEP | {"reason"},
    Kind.STEP_INTERRUPTED: _ATTEMPT,
    Kind.STEP_ASKED: _ATTEMPT | {"why"},
    Kind.UNDO_REGISTERED: _STEP | {"undo"},
    Kind.UNDO_DONE: _STEP,
    Kind.UNDO_FAILED: _STEP | {"code", "error", "fix"},
    Kind.MESSAGE_SENT: frozenset({"message", "purpose", "gate", "phase", "contact", "channel", "text", "state", "code"}),
    Kind.MESSAGE_DELIVERED: frozenset({"message", "contact", "channel", "state"}),
    Kind.REPLY_RECEIVED: frozenset({"gate", "contact", "channel", "verb"}),
    Kind.REPLY_REJECTED: frozenset({"gate", "contact", "channel", "reason"}),
    Kind.ACKNOWLEDGEMENT_REQUESTED: frozenset({"gate", "phases", "contacts", "deadline", "within_s"}),
    Kind.ACKNOWLEDGED: frozenset({"gate", "contacts", "channel"}),
    Kind.DECLINED: frozenset({"gate", "contact", "channel"}),
    Kind.ESCALATED: frozenset({"gate", "to"}),
    Kind.ACKNOWLEDGEMENT_EXPIRED: frozenset({"gate", "silence"}),
    Kind.ABORT_REQUESTED: frozenset({"reason", "channel"}),
    Kind.DRILL_HELD: frozenset({"reason", "left"}),
    Kind.OPERATOR_DECIDED: frozenset({"verb", "subject"}),
    Kind.FAILBACK_STARTED: frozenset(),
    Kind.FINDING_RAISED: frozenset({"code", "what", "fix"}),
    Kind.DRILL_FINISHED: frozenset({"outcome", "exit_code", "left"}),
}
"""The fields every fact of a kind carries in `data`; it may carry more. Times in `data` end in `_s` (monotonic or
lengths) or are ISO 8601 UTC text. Step ids are dotted: `rebuild.capacity`."""


@dataclass(frozen=True)
class Draft:
    """A fact before the journal has given it its place. `key` makes storing it twice harmless."""

    kind: Kind
    by: str
    key: str
    data: Mapping[str, Any]
    at: datetime
    mono_s: float
    epoch: str

    def __post_init__(self) -> None:
        missing = PAYLOAD[self.kind] - self.data.keys()
        if missing:
            raise ValueError(f"a {self.kind} fact needs {sorted(missing)}")
        if self.at.tzinfo is None:
            raise ValueError("a fact needs an aware time")


@dataclass(frozen=True)
class Fact:
    """One row of the journal. `seq` counts from 1 without gaps within a drill."""

    drill: str
    seq: int
    at: datetime
    mono_s: float
    epoch: str
    by: str
    kind: Kind
    key: str
    data: Mapping[str, Any]
    digest: str

    def row(self) -> dict[str, Any]:
        """The fact as a JSON object, in the field order of `facts.jsonl`."""
        return {
            "drill": self.drill,
            "seq": self.seq,
            "at": stamp(self.at),
            "mono_s": self.mono_s,
            "epoch": self.epoch,
            "by": self.by,
            "kind": str(self.kind),
            "key": self.key,
            "data": dict(self.data),
            "digest": self.digest,
        }


def stamp(at: datetime) -> str:
    """UTC time as text, to the microsecond, ending in Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(value: Any) -> str:
    """JSON with one spelling only: sorted keys, no blanks, no escapes beyond JSON's own.

    Raises: ValueError: the value holds NaN or infinity. TypeError: it is not JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def seal(drill: str, seq: int, draft: Draft, previous: str) -> Fact:
    """The fact a draft becomes at its place in the chain."""
    data = json.loads(canonical(dict(draft.data)))
    bare = Fact(drill, seq, draft.at.astimezone(UTC), round(draft.mono_s, 6), draft.epoch, draft.by, draft.kind, draft.key, data, "")
    return Fact(**{**bare.__dict__, "digest": digest_of(bare, previous)})


def digest_of(fact: Fact, previous: str) -> str:
    """SHA-256 over the previous digest and this row without its own digest."""
    row = fact.row()
    del row["digest"]
    return hashlib.sha256(f"{previous}\n{canonical(row)}".encode()).hexdigest()


def fact_from_row(row: Mapping[str, Any]) -> Fact:
    """The fact written as one line of `facts.jsonl`.

    Raises: JournalBroken: a field is missing or not of its type.
    """
    try:
        fact = Fact(**{**{name: row[name] for name in _FIELDS}, "at": datetime.fromisoformat(row["at"]), "kind": Kind(row["kind"])})
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from error
    wrong = [name for name, kinds in _FIELDS.items() if not isinstance(getattr(fact, name), kinds) or isinstance(getattr(fact, name), bool)]
    if wrong or fact.at.tzinfo is None or not isfinite(fact.mono_s):
        raise _unreadable(f"{', '.join(wrong) or 'its time'} is not what it should be")
    return fact


_FIELDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    **dict.fromkeys(("drill", "epoch", "by", "key", "digest"), str),
    "seq": int,
    "at": datetime,
    "mono_s": (int, float),
    "kind": Kind,
    "data": dict,
}


def _unreadable(why: object) -> JournalBroken:
    fix = "Use the release that wrote it, or restore the file from a copy."
    return JournalBroken(f"a row of the journal cannot be read: {why}.", code="J003", fix=fix)


def check_chain(facts: Iterable[Fact]) -> tuple[int, str]:
    """Recompute the chain and return the last `seq` and digest.

    Raises: JournalBroken: a row was edited (J001), or removed or reordered (J002).
    """
    seq, previous = 0, GENESIS
    for fact in facts:
        if fact.seq != seq + 1:
            raise JournalBroken(
                f"fact {seq + 1} is missing: fact {fact.seq} follows fact {seq}.",
                code="J002",
                fix="Restore the journal from a copy; do not resume it.",
            )
        if not _written_so(fact, previous):
            raise JournalBroken(
                f"fact {fact.seq} ({fact.kind}) is not what was written: its digest differs.",
                code="J001",
                fix="Restore the journal from a copy; do not resume it.",
            )
        seq, previous = fact.seq, fact.digest
    return seq, previous


def _written_so(fact: Fact, previous: str) -> bool:
    try:
        return digest_of(fact, previous) == fact.digest
    except ValueError:  # NaN or infinity, which no fact was ever written with
        return False
