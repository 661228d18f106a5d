"""Facts as one plain sentence each: which are worth telling, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drill.model.events import Fact, Kind
from drill.views.figures import length, printable


@dataclass(frozen=True)
class Telling:
    """What a fact says: `topic` is one word, `subject` the phase, step, gate or probe, `text` the rest."""

    topic: str
    subject: str
    text: str


_Teller = Callable[[Mapping[str, Any]], Telling]


def tell(fact: Fact) -> Telling | None:
    """The fact in words, safe for a terminal; nothing when it is not worth a line."""
    teller = _TELLERS.get(fact.kind)
    if teller is None:
        return None
    telling = teller(fact.data)
    return Telling(telling.topic, printable(telling.subject), printable(telling.text).strip())


def _people(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)


def _step(text: str) -> _Teller:
    return lambda data: Telling("step", str(data["step"]), text + _again(data))


def _again(data: Mapping[str, Any]) -> str:
    attempt = data.get("attempt", 1)
    return f" (try {attempt})" if isinstance(attempt, int) and attempt > 1 else ""


def _with_fix(data: Mapping[str, Any], what: str) -> str:
    return f"{what} [{data['code']}] {data['error']} {data['fix']}"


def _refused(data: Mapping[str, Any]) -> str:
    code = f"[{data['code']}] " if data.get("code") else ""
    return f"FAILED {code}{data['detail']} {data.get('fix', '')}"


_TELLERS: Final[Mapping[Kind, _Teller]] = {
    Kind.DRILL_PLANNED: lambda d: Telling("drill", "planned", f"plan {str(d['plan_digest'])[:12]}, started by {d['started_by']}"),
    Kind.PREFLIGHT_CHECKED: lambda d: Telling("check", str(d["check"]), f"ok {d['detail']}" if d["ok"] else _refused(d)),
    Kind.DRILL_STARTED: lambda _: Telling("drill", "started", ""),
    Kind.ENGINE_STARTED: lambda d: Telling("engine", "started", f"pid {d['pid']} on {d['host']}, version {d['version']}"),
    Kind.PHASE_OPENED: lambda d: Telling("phase", str(d["phase"]), "opened"),
    Kind.PHASE_CLOSED: lambda d: Telling("phase", str(d["phase"]), str(d["state"])),
    Kind.OUTAGE_INJECTED: lambda d: Telling("outage", str(d["site"]), f"injected ({d['method']})"),
    Kind.OUTAGE_DETECTED: lambda d: Telling("outage", str(d["probe"]), f"noticed after {d['misses']} misses"),
    Kind.OUTAGE_ENDED: lambda d: Telling("outage", str(d["site"]), "lifted"),
    Kind.GUARD_BROKEN: lambda d: Telling("guard", str(d["guard"]), f"BROKEN {d['detail']}"),
    Kind.STEP_STARTED: _step("started"),
    Kind.STEP_PROGRESSED: lambda d: Telling("step", str(d["step"]), f"· {d['what']} {d.get('detail', '')} {_took(d)}"),
    Kind.STEP_SUCCEEDED: _step("succeeded"),
    Kind.STEP_FAILED: lambda d: Telling("step", str(d["step"]), _with_fix(d, "FAILED" + _again(d))),
    Kind.STEP_RETRY_SCHEDULED: lambda d: Telling("step", str(d["step"]), f"tries again in {length(d['wait_s'])}"),
    Kind.STEP_ASKED: lambda d: Telling("step", str(d["step"]), f"ASKS A PERSON: {d['why']}; `drill retry` or `drill skip`"),
    Kind.STEP_SKIPPED: lambda d: Telling("step", str(d["step"]), f"skipped {d['reason']}"),
    Kind.STEP_INTERRUPTED: _step("interrupted"),
    Kind.UNDO_DONE: lambda d: Telling("undo", str(d["step"]), "done"),
    Kind.UNDO_FAILED: lambda d: Telling("undo", str(d["step"]), _with_fix(d, "FAILED")),
    Kind.MESSAGE_SENT: lambda d: Telling(
        "sms" if d["channel"] == "sms" else str(d["channel"]), str(d["contact"]), f"→ {d['text']} ({d['state']})"
    ),
    Kind.REPLY_RECEIVED: lambda d: Telling("reply", str(d["contact"]), f"← {d['verb']} ({d['gate']})"),
    Kind.REPLY_REJECTED: lambda d: Telling("reply", str(d["contact"] or "unknown"), f"← not counted: {d['reason']}"),
    Kind.ACKNOWLEDGEMENT_REQUESTED: lambda d: Telling(
        "gate", str(d["gate"]), f"asks {_people(d['contacts'])}, within {length(d['within_s'])}"
    ),
    Kind.ACKNOWLEDGED: lambda d: Telling("gate", str(d["gate"]), f"acknowledged by {_people(d['contacts'])} ({d['channel']})"),
    Kind.DECLINED: lambda d: Telling("gate", str(d["gate"]), f"DECLINED by {d['contact']} ({d['channel']})"),
    Kind.ESCALATED: lambda d: Telling("gate", str(d["gate"]), f"escalated to {_people(d['to'])}"),
    Kind.ACKNOWLEDGEMENT_EXPIRED: lambda d: Telling("gate", str(d["gate"]), f"NO ANSWER, {d['silence']}"),
    Kind.ABORT_REQUESTED: lambda d: Telling("drill", "abort", f"requested: {d['reason']} ({d['channel']})"),
    Kind.DRILL_HELD: lambda d: Telling("drill", "HELD", f"{d['reason']}; left: {_people(d['left'])}"),
    Kind.OPERATOR_DECIDED: lambda d: Telling("drill", "decided", f"{d['verb']} {d['subject']}"),
    Kind.FAILBACK_STARTED: lambda _: Telling("drill", "failback", "started"),
    Kind.FINDING_RAISED: lambda d: Telling("finding", str(d["code"]), f"{d['what']} {d['fix']}"),
    Kind.DRILL_FINISHED: lambda d: Telling("drill", "finished", f"{d['outcome']}, exit {d['exit_code']}{_left(d)}"),
}
"""Samples, canary rows, leases, registered undos and delivery receipts are evidence, not news."""


def _took(data: Mapping[str, Any]) -> str:
    took_s = data.get("took_s")
    return length(took_s) if isinstance(took_s, (int, float)) else ""


def _left(data: Mapping[str, Any]) -> str:
    return f"; left: {_people(data['left'])}" if data["left"] else ""
