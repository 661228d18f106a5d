"""Hand-made reports of the sandbox drill, one per way a drill can end: what the views are tested on."""

from __future__ import annotations

from typing import Any, Literal

from drill.model.report import (
    Clocks,
    Evidence,
    FindingRow,
    FixRow,
    GateRow,
    Label,
    PhaseRow,
    Report,
    Rpo,
    Rto,
    Span,
    StepRow,
    TrendPoint,
    UndoRow,
)
from tests.views import sample_rows
from tests.views.sample_rows import ZERO_AT, gate


def met() -> Report:
    """Both objectives met, with the failback done."""
    gates = sample_rows.gates()
    messages, replies = sample_rows.talk(gates)
    return Report(
        drill="sandbox-region-outage-20261121-0200",
        scenario="sandbox-region-outage",
        title=Label(en="Loss of the primary region", zh="主地域整体中断"),
        mode="sandbox",
        auto_answered=True,
        outcome="finished",
        exit_code=0,
        zero_at=ZERO_AT,
        finished_s=27.9,
        outage_s=1.463,
        detected_s=3.029,
        no_return_s=3.915,
        verdict_s=11.38,
        recovery=Span(start_s=1.4, end_s=8.902),
        rto=_rto(),
        rpo=_rpo(),
        clocks=Clocks(detection_s=1.629, machine_s=4.628, human_s=1.194, engine_s=0.051),
        summary=_SUMMARY,
        phases=sample_rows.phases(),
        steps=sample_rows.steps(),
        gates=gates,
        messages=messages,
        replies=replies,
        probes=sample_rows.probes(),
        undos=_undos(),
        fixes=_fixes(),
        findings=_findings(),
        trend=_trend(),
        evidence=_evidence(),
    )


_SUMMARY = Label(
    en="Service came back in 7.5 s, 52.5 s inside the target. Longest part: the database, 5.4 s, 1.2 s of it waiting for an answer.",
    zh="服务在 7.5 秒内恢复，比目标快 52.5 秒。耗时最长的是切换数据库：5.4 秒，其中 1.2 秒在等人确认。",
)


def _rto() -> Rto:
    why = Label(
        en="From the last good checkout before the loss to the first of 20 good ones.",
        zh="从中断前最后一次成功下单到恢复后连续 20 次成功的第一次。",
    )
    return Rto(target_s=60.0, actual_s=7.502, low_s=7.45, high_s=7.512, met=True, why=why)


def _rpo() -> Rpo:
    why = Label(en="All 412 acknowledged rows are on the promoted side.", zh="已确认的 412 行全部在新主库上。")
    return Rpo(target_s=10.0, actual_s=0.0, lost_rows=0, acknowledged_rows=412, met=True, why=why)


def _undos() -> tuple[UndoRow, ...]:
    return (
        UndoRow(step="outage.blackhole", what="continue the stopped processes of site a", state="not needed", at_s=None),
        UndoRow(step="traffic.switch", what="restore shop.drill.test to 127.0.1.1, 127.0.1.2", state="not needed", at_s=None),
    )


def _fixes() -> tuple[FixRow, ...]:
    sooner = Label(en="Answer the joint gate sooner", zh="更快答复联合确认")
    waited = Label(en="1.2 s of the recovery waited for one reply.", zh="恢复过程有 1.2 秒在等一条回复。")
    halve = Label(en="Halve the detection", zh="发现时间减半")
    misses = Label(en="3 misses at 500 ms; 2 would do.", zh="500 毫秒一次、丢 3 次才报警，2 次即可。")
    return (
        FixRow(title=sooner, why=waited, saves_s=1.194, rto_would_be_s=6.308, would_meet=True),
        FixRow(title=halve, why=misses, saves_s=0.8, rto_would_be_s=6.702, would_meet=True),
    )


def _findings() -> tuple[FindingRow, ...]:
    return (
        FindingRow(at_s=8.1, code="R012", what="A reply from an unknown number was ignored.", fix="", severity="info"),
        FindingRow(at_s=8.404, code="R020", what="Phase data took 0.9 s longer than its budget.", fix="", severity="warning"),
    )


def _trend() -> tuple[TrendPoint, ...]:
    past = (11.2, 9.9, 8.1, 8.4)
    return tuple(TrendPoint(drill=f"past-{k}", at=f"2026-11-{10 + k}T02:00:00Z", rta_s=rta_s, met=True) for k, rta_s in enumerate(past))


def _evidence() -> Evidence:
    return Evidence(
        facts=1284,
        head_digest="9c1f" * 16,
        plan_digest="4f2c" * 16,
        version="0.1.0",
        started_by="alice",
        epochs=1,
        boots=1,
        samples=572,
    )


def changed(report: Report, **fields: Any) -> Report:
    """The report with other values, validated anew."""
    return Report.model_validate({**report.model_dump(), **fields})


def missed() -> Report:
    """The same drill against two seconds: red."""
    base = met()
    why = Label(en="7.5 s is more than 2 s.", zh="7.5 秒超过 2 秒。")
    rto = base.rto.model_copy(update={"target_s": 2.0, "met": False, "why": why})
    summary = Label(
        en="Service came back in 7.5 s, 5.5 s over the target. Main cause: the database took 5.4 s.",
        zh="服务用 7.5 秒恢复，比目标慢 5.5 秒。主要原因：切换数据库用了 5.4 秒。",
    )
    return changed(base, rto=rto.model_dump(), exit_code=1, summary=summary.model_dump())


def unmeasured() -> Report:
    """A gap in the samples straddles the target."""
    base = met()
    why = Label(en="No sample for 3.1 s around the recovery.", zh="恢复前后有 3.1 秒没有采样。")
    rto = Rto(target_s=8.0, actual_s=None, low_s=6.9, high_s=10.0, met=None, why=why)
    clocks = Clocks(detection_s=None, machine_s=None, human_s=None, engine_s=None)
    return changed(base, rto=rto.model_dump(), clocks=clocks.model_dump(), recovery=None, exit_code=1)


def ended(outcome: Literal["aborted", "held", "declined", "failed", "running"], exit_code: int | None, *, at_s: float) -> Report:
    """The drill cut at a moment: later rows are gone, what ran then is not finished."""
    base = met()
    nothing = Label(en="The service had not come back.", zh="服务尚未恢复。")
    steps = [_cut_step(row, at_s) for row in base.steps]
    phases = [_cut_phase(row, at_s) for row in base.phases if row.part == "drill"]
    gates = [_cut_gate(row, at_s) for row in base.gates if row.asked_s <= at_s]
    return changed(
        base,
        outcome=outcome,
        exit_code=exit_code,
        finished_s=None if outcome == "running" else at_s + 0.6,
        outage_s=base.outage_s if at_s > 1.463 else None,
        detected_s=base.detected_s if at_s > 3.029 else None,
        no_return_s=base.no_return_s if at_s > 3.915 else None,
        verdict_s=None,
        recovery=None,
        rto=Rto(target_s=60.0, actual_s=None, low_s=None, high_s=None, met=None, why=nothing).model_dump(),
        rpo=Rpo(target_s=10.0, actual_s=None, lost_rows=None, acknowledged_rows=60, met=None, why=nothing).model_dump(),
        clocks=Clocks(detection_s=None, machine_s=None, human_s=None, engine_s=None).model_dump(),
        summary=Label(en=f"The drill ended as {outcome}.", zh="演练提前结束。").model_dump(),
        phases=phases,
        steps=[row for row in steps if not row["phase"].endswith(("home", "release"))],
        gates=gates,
        messages=[row.model_dump() for row in base.messages if row.sent_s <= at_s],
        replies=[row.model_dump() for row in base.replies if row.at_s <= at_s],
        fixes=[],
        trend=[],
    )


def aborted() -> Report:
    """Silence at the outage gate: aborted before the point of no return, undone."""
    base = ended("aborted", 4, at_s=3.5)
    undo = UndoRow(step="outage.blackhole", what="continue the stopped processes of site a", state="done", at_s=3.9)
    expired = _unanswered("outage", ("outage",), 1.51, within_s=1.9)
    gates = [row.model_dump() for row in base.gates if row.id != "outage"] + [expired.model_dump()]
    return changed(base, undos=[undo.model_dump()], gates=gates)


def held() -> Report:
    """Silence after the promote: on hold."""
    base = ended("held", 5, at_s=7.9)
    expired = _unanswered("recover", ("rebuild", "data"), 7.21, within_s=0.6)
    gates = [row.model_dump() for row in base.gates if row.id != "recover"] + [expired.model_dump()]
    fix = "drill failback or drill proceed"
    left = FindingRow(at_s=7.9, code="H001", what="Site b serves; site a is fenced.", fix=fix, severity="error")
    return changed(base, gates=gates, findings=[left.model_dump()])


def dry_run() -> Report:
    """Every phase would run; nothing was measured."""
    base = ended("failed", 0, at_s=0.0)
    steps = [{**row.model_dump(), "state": "skipped"} for row in base.steps]
    phases = [{**row.model_dump(), "state": "skipped"} for row in base.phases]
    return changed(
        base,
        mode="dry-run",
        auto_answered=False,
        outcome="finished",
        steps=steps,
        phases=phases,
        gates=[],
        messages=[],
        replies=[],
        probes=[],
        undos=[],
    )


def running() -> Report:
    """In the middle of the promote."""
    return ended("running", None, at_s=6.0)


ALL = {"met": met, "missed": missed, "unmeasured": unmeasured, "aborted": aborted, "held": held, "dry-run": dry_run, "running": running}
"""Every sample by the way it ended."""


def _unanswered(key: str, phases: tuple[str, ...], asked_s: float, *, within_s: float) -> GateRow:
    lost: dict[str, Any] = {"state": "expired", "answered_by": (), "channel": None, "escalated_to": ("lead",)}
    return gate(key, phases, asked_s, None, within_s=within_s, **lost)


def _cut_step(row: StepRow, at_s: float) -> dict[str, Any]:
    body = row.model_dump()
    if row.start_s is None or row.start_s > at_s:
        return {
            **body,
            "state": "pending",
            "attempts": 0,
            "start_s": None,
            "end_s": None,
            "actual_s": None,
            "tries": [],
            "progress": [],
            "outputs": {},
        }
    if row.end_s is not None and row.end_s > at_s:
        tries = [{**body["tries"][0], "end_s": None, "state": "running"}]
        progress = [entry for entry in body["progress"] if entry["at_s"] <= at_s]
        return {**body, "state": "running", "end_s": None, "actual_s": None, "tries": tries, "progress": progress, "outputs": {}}
    return body


def _cut_phase(row: PhaseRow, at_s: float) -> dict[str, Any]:
    body = {**row.model_dump(), "bottleneck": False}
    if row.start_s is None or row.start_s > at_s:
        gone = {"start_s": None, "end_s": None, "actual_s": None, "work_s": None, "over_budget_s": None}
        return {
            **body,
            **gone,
            "state": "pending",
            "human_s": 0.0,
            "waits": [],
            "acknowledged_by": [],
            "told": False,
            "delivered": False,
            "answered": False,
        }
    if row.end_s is not None and row.end_s > at_s:
        waits = [wait for wait in body["waits"] if wait["start_s"] <= at_s]
        state = "waiting" if waits else "running"
        waits = [{**wait, "end_s": min(wait["end_s"], at_s)} for wait in waits]
        gone = {"end_s": None, "actual_s": None, "work_s": None, "over_budget_s": None}
        return {**body, **gone, "state": state, "waits": waits, "acknowledged_by": [], "answered": False}
    return body


def _cut_gate(row: GateRow, at_s: float) -> dict[str, Any]:
    body = row.model_dump()
    if row.answered_s is not None and row.answered_s > at_s:
        return {**body, "answered_s": None, "wait_s": None, "state": "open", "answered_by": [], "channel": None}
    return body
