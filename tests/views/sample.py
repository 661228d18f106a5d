"""Hand-made reports of the sandbox drill, one per way a drill can end: what the views are tested on."""

from __future__ import annotations

from typing import Any, Literal

from drill.model.report import (
    AttemptRow,
    Clocks,
    Evidence,
    FindingRow,
    FixRow,
    GateRow,
    Label,
    MessageRow,
    PhaseRow,
    ProbeRow,
    ProbeRun,
    ProgressRow,
    ReplyRow,
    Report,
    Rpo,
    Rto,
    Span,
    StepRow,
    TrendPoint,
    UndoRow,
)

ZERO_AT = "2026-11-21T02:00:00.000000Z"
TITLES = {
    "go": ("Go or no-go", "是否开始"),
    "outage": ("Outage", "故障注入"),
    "detect": ("Detection", "发现故障"),
    "rebuild": ("Rebuild capacity", "重建容量"),
    "data": ("Switch the database", "切换数据库"),
    "traffic": ("Move the traffic", "切换流量"),
    "data_home": ("Data goes home", "数据回迁"),
    "traffic_home": ("Traffic goes home", "流量回切"),
    "release": ("Release", "释放资源"),
    "terraform.apply": ("Build with Terraform", "用 Terraform 创建资源"),
    "terraform.destroy": ("Destroy with Terraform", "用 Terraform 销毁资源"),
    "outage.isolate": ("Isolate the site", "隔离站点"),
    "outage.restore": ("Lift the outage", "解除故障"),
    "detect.heartbeat": ("Notice missed heartbeats", "心跳丢失检测"),
    "fence": ("Fence the old primary", "隔离旧主库写入"),
    "database.promote": ("Promote the standby", "提升备库"),
    "dns.switch": ("Repoint the name", "切换域名解析"),
    "probe.until": ("Prove it from the user's side", "从用户侧验证"),
    "ansible.play": ("Run a playbook", "执行 Playbook"),
}


def label(key: str) -> Label:
    """The title of a phase or a step kind."""
    en, zh = TITLES[key]
    return Label(en=en, zh=zh)


def step(
    dotted: str,
    kind: str,
    start_s: float,
    end_s: float,
    *,
    critical: bool = True,
    progress: tuple[tuple[float, str, str, float | None], ...] = (),
    outputs: dict[str, Any] | None = None,
) -> StepRow:
    """A step that succeeded at its first try."""
    return StepRow(
        id=dotted,
        phase=dotted.split(".")[0],
        kind=kind,
        title=label(kind),
        state="succeeded",
        attempts=1,
        start_s=start_s,
        end_s=end_s,
        actual_s=round(end_s - start_s, 3),
        critical=critical,
        tries=(AttemptRow(number=1, start_s=start_s, end_s=end_s, state="succeeded"),),
        progress=tuple(ProgressRow(at_s=at_s, what=what, detail=detail, took_s=took_s) for at_s, what, detail, took_s in progress),
        outputs=outputs or {},
    )


def phase(
    key: str,
    start_s: float,
    end_s: float,
    budget_s: float | None,
    *,
    wait: tuple[float, float] | None = None,
    by: tuple[str, ...] = (),
    **more: Any,
) -> PhaseRow:
    """A phase that succeeded; `wait` is where it waited for a person."""
    human_s = round(wait[1] - wait[0], 3) if wait else 0.0
    actual_s = round(end_s - start_s, 3)
    fields: dict[str, Any] = {
        "id": key,
        "part": "drill",
        "title": label(key),
        "state": "succeeded",
        "budget_s": budget_s,
        "start_s": start_s,
        "end_s": end_s,
        "actual_s": actual_s,
        "human_s": human_s,
        "work_s": round(actual_s - human_s, 3),
        "over_budget_s": None if budget_s is None else round(actual_s - budget_s, 3),
        "waits": (Span(start_s=wait[0], end_s=wait[1]),) if wait else (),
        "acknowledged_by": by,
        "asks": bool(by),
        "told": True,
        "delivered": True,
        "answered": bool(by),
    }
    return PhaseRow(**{**fields, **more})


def gate(key: str, phases: tuple[str, ...], asked_s: float, answered_s: float | None, *, by: str = "oncall", **more: Any) -> GateRow:
    """A gate that was answered by text message."""
    fields: dict[str, Any] = {
        "id": key,
        "phases": phases,
        "title": label(phases[-1]),
        "asked": (by,),
        "asked_s": asked_s,
        "within_s": 30.0,
        "answered_s": answered_s,
        "wait_s": None if answered_s is None else round(answered_s - asked_s, 3),
        "state": "acknowledged",
        "answered_by": (by,),
        "channel": "sms",
        "escalated_to": (),
        "late": False,
    }
    return GateRow(**{**fields, **more})


def _tasks(start_s: float, *named: tuple[str, float]) -> tuple[tuple[float, str, str, float], ...]:
    rows, at_s = [], start_s
    for name, took_s in named:
        at_s += took_s
        rows.append((round(at_s, 3), name, "ok", took_s))
    return tuple(rows)


def _steps() -> tuple[StepRow, ...]:
    created = tuple((5.9 + k * 0.4, f"sandbox_app.shop[{k}]", "created", 1.1 + k * 0.4) for k in range(2))
    promoted = _tasks(
        5.1, ("Check that the standby is in recovery", 0.4), ("Measure the lag", 0.3), ("Promote", 0.9), ("Wait until writable", 0.5)
    )
    rejoined = _tasks(15.6, ("Stop the former primary", 0.6), ("Rewind it to the new timeline", 1.8), ("Start it as a standby", 0.9))
    back = _tasks(
        19.2, ("Wait until the lag is gone", 0.7), ("Stop the acting primary", 0.4), ("Promote", 0.8), ("Rejoin the other side", 1.3)
    )
    return (
        step("outage.blackhole", "outage.isolate", 1.412, 1.498),
        step("detect.heartbeat", "detect.heartbeat", 1.503, 3.031),
        step(
            "rebuild.capacity",
            "terraform.apply",
            3.036,
            6.702,
            critical=False,
            progress=created,
            outputs={"addresses": ["127.0.2.1", "127.0.2.2"]},
        ),
        step("data.fence", "fence", 3.037, 3.904, outputs={"proof": "25006 read_only_sql_transaction"}),
        step(
            "data.promote", "database.promote", 3.911, 7.206, progress=promoted, outputs={"lsn": "0/3000148", "timeline": 2, "lag_bytes": 0}
        ),
        step("traffic.switch", "dns.switch", 8.411, 8.902, outputs={"serial": 2026112102}),
        step("traffic.proof", "probe.until", 8.905, 10.214),
        step("data_home.revive", "outage.restore", 14.6, 14.702),
        step("data_home.rejoin", "ansible.play", 14.71, 18.902, progress=rejoined),
        step("data_home.roles", "ansible.play", 18.91, 22.409, progress=back),
        step("traffic_home.switch", "dns.switch", 23.511, 24.012),
        step("traffic_home.proof", "probe.until", 24.015, 25.302),
        step("release.capacity", "terraform.destroy", 25.31, 27.104, progress=((26.9, "sandbox_app.shop[0]", "destroyed", 0.7),)),
    )


def _phases() -> tuple[PhaseRow, ...]:
    return (
        phase("go", 0.1, 1.402, None, wait=(0.18, 1.402), by=("lead",)),
        phase("outage", 1.41, 1.5, 10.0, by=("oncall",)),
        phase("detect", 1.502, 3.033, 9.0),
        phase("rebuild", 3.035, 8.404, 20.0, wait=(7.21, 8.404), by=("oncall",)),
        phase("data", 3.036, 8.404, 4.5, wait=(7.21, 8.404), by=("oncall",), bottleneck=True),
        phase("traffic", 8.408, 11.377, 15.0, wait=(10.22, 11.377), by=("oncall",)),
        phase("data_home", 14.59, 23.502, 30.0, wait=(22.41, 23.502), by=("oncall",), part="failback"),
        phase("traffic_home", 23.508, 25.305, 15.0, part="failback"),
        phase("release", 25.307, 27.11, 15.0, part="failback"),
    )


def _gates() -> tuple[GateRow, ...]:
    return (
        gate("go", ("go",), 0.18, 1.402, by="lead"),
        gate("outage", ("outage",), 1.51, 2.711),
        gate("recover", ("rebuild", "data"), 7.21, 8.404),
        gate("traffic", ("traffic",), 10.22, 11.377),
        gate("data_home", ("data_home",), 22.41, 23.502),
    )


def _talk(gates: tuple[GateRow, ...]) -> tuple[tuple[MessageRow, ...], tuple[ReplyRow, ...]]:
    messages = tuple(
        MessageRow(
            id=f"m{number}",
            purpose="joint" if len(row.phases) > 1 else "gate",
            phase=row.phases[-1],
            gate=row.id,
            contact=row.asked[0],
            channel="sms",
            text=f"【演练】sandbox {' + '.join(row.phases)} 已完成，请回复 Y •••• 继续",
            sent_s=row.asked_s,
            state="delivered",
            delivered_s=round(row.asked_s + 0.12, 3),
        )
        for number, row in enumerate(gates, start=1)
    )
    status = MessageRow(
        id="m9",
        purpose="status",
        phase="detect",
        gate=None,
        contact="oncall",
        channel="sms",
        text="【演练】sandbox detect 已完成，无需回复",
        sent_s=3.034,
        state="delivered",
        delivered_s=3.2,
    )
    replies = tuple(
        ReplyRow(at_s=row.answered_s, contact=row.asked[0], gate=row.id, channel="sms", verb="ok", counted=True, carrier_delay_s=0.2)
        for row in gates
        if row.answered_s is not None
    )
    stray = ReplyRow(
        at_s=8.1, contact=None, gate=None, channel="sms", verb="unknown", counted=False, reason="nobody with this number was asked"
    )
    return tuple(sorted((*messages, status), key=lambda row: row.sent_s)), (*replies, stray)


def _probes() -> tuple[ProbeRow, ...]:
    def wave(
        low_s: float, high_s: float, *, down: tuple[float, float], every_s: float, ms: float
    ) -> tuple[tuple[float, float | None], ...]:
        count = int((high_s - low_s) / every_s)
        times = [round(low_s + k * every_s, 3) for k in range(count)]
        return tuple(
            (at, None if down[0] <= at < down[1] else round(ms + (k * 37 % 11) * 0.6 + (9 if k % 41 == 0 else 0), 1))
            for k, at in enumerate(times)
        )

    def probe(name: str, down: tuple[float, float], every_s: float, ms: float, *, user_view: bool) -> ProbeRow:
        runs = (
            ProbeRun(start_s=-1.0, end_s=down[0], ok=True, samples=24, site="a"),
            ProbeRun(start_s=down[0], end_s=down[1], ok=False, samples=74),
            ProbeRun(start_s=down[1], end_s=24.1, ok=True, samples=148, site="b"),
            ProbeRun(start_s=24.1, end_s=27.6, ok=True, samples=35, site="a"),
        )
        latency = wave(-1.0, 27.6, down=down, every_s=every_s, ms=ms)
        failed = sum(value is None for _, value in latency)
        return ProbeRow(
            id=name,
            user_view=user_view,
            samples=len(latency),
            failed=failed,
            every_s=every_s,
            largest_gap_s=every_s,
            late_samples=0,
            runs=runs,
            latency=latency,
        )

    return (probe("heartbeat", (1.45, 14.65), 0.5, 3.0, user_view=False), probe("checkout", (1.45, 8.88), 0.05, 12.0, user_view=True))


def met() -> Report:
    """Both objectives met, with the failback done."""
    gates = _gates()
    messages, replies = _talk(gates)
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
        rto=Rto(
            target_s=60.0,
            actual_s=7.502,
            low_s=7.45,
            high_s=7.512,
            met=True,
            why=Label(
                en="From the last good checkout before the loss to the first of 20 good ones.",
                zh="从中断前最后一次成功下单到恢复后连续 20 次成功的第一次。",
            ),
        ),
        rpo=Rpo(
            target_s=10.0,
            actual_s=0.0,
            lost_rows=0,
            acknowledged_rows=412,
            met=True,
            why=Label(en="All 412 acknowledged rows are on the promoted side.", zh="已确认的 412 行全部在新主库上。"),
        ),
        clocks=Clocks(detection_s=1.629, machine_s=4.628, human_s=1.194, engine_s=0.051),
        summary=Label(
            en="Service came back in 7.5 s, 52.5 s inside the target. Longest part: switching the database, 5.4 s of which 1.2 s were spent waiting for an answer.",
            zh="服务在 7.5 秒内恢复，比目标快 52.5 秒。耗时最长的是切换数据库：5.4 秒，其中 1.2 秒在等人确认。",
        ),
        phases=_phases(),
        steps=_steps(),
        gates=gates,
        messages=messages,
        replies=replies,
        probes=_probes(),
        undos=(
            UndoRow(step="outage.blackhole", what="continue the stopped processes of site a", state="not needed", at_s=None),
            UndoRow(step="traffic.switch", what="restore shop.drill.test to 127.0.1.1, 127.0.1.2", state="not needed", at_s=None),
        ),
        fixes=(
            FixRow(
                title=Label(en="Answer the joint gate sooner", zh="更快答复联合确认"),
                why=Label(en="1.2 s of the recovery waited for one reply.", zh="恢复过程有 1.2 秒在等一条回复。"),
                saves_s=1.194,
                rto_would_be_s=6.308,
                would_meet=True,
            ),
            FixRow(
                title=Label(en="Halve the detection", zh="发现时间减半"),
                why=Label(en="3 misses at 500 ms; 2 would do.", zh="500 毫秒一次、丢 3 次才报警，2 次即可。"),
                saves_s=0.8,
                rto_would_be_s=6.702,
                would_meet=True,
            ),
        ),
        findings=(
            FindingRow(at_s=8.1, code="R012", what="A reply from an unknown number was ignored.", fix="", severity="info"),
            FindingRow(at_s=8.404, code="R020", what="Phase data took 0.9 s longer than its budget.", fix="", severity="warning"),
        ),
        trend=tuple(
            TrendPoint(drill=f"past-{k}", at=f"2026-11-{10 + k}T02:00:00Z", rta_s=rta_s, met=True)
            for k, rta_s in enumerate((11.2, 9.9, 8.1, 8.4))
        ),
        evidence=Evidence(
            facts=1284,
            head_digest="9c1f" * 16,
            plan_digest="4f2c" * 16,
            version="0.1.0",
            started_by="alice",
            epochs=1,
            boots=1,
            samples=572,
        ),
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
    expired = gate("outage", ("outage",), 1.51, None, state="expired", answered_by=(), channel=None, escalated_to=("lead",), within_s=1.9)
    gates = [row.model_dump() for row in base.gates if row.id != "outage"] + [expired.model_dump()]
    return changed(base, undos=[undo.model_dump()], gates=gates)


def held() -> Report:
    """Silence after the promote: on hold."""
    base = ended("held", 5, at_s=7.9)
    expired = gate(
        "recover", ("rebuild", "data"), 7.21, None, state="expired", answered_by=(), channel=None, escalated_to=("lead",), within_s=0.6
    )
    gates = [row.model_dump() for row in base.gates if row.id != "recover"] + [expired.model_dump()]
    left = FindingRow(
        at_s=7.9, code="H001", what="Site b serves; site a is fenced.", fix="drill failback or drill proceed", severity="error"
    )
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
