"""The rows of the sample drill: its phases, steps, gates, words and probes."""

from __future__ import annotations

from typing import Any

from drill.model.report import (
    AttemptRow,
    GateRow,
    Label,
    MessageRow,
    PhaseRow,
    ProbeRow,
    ProbeRun,
    ProgressRow,
    ReplyRow,
    Span,
    StepRow,
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
        phase=dotted.split(".", maxsplit=1)[0],
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
        "over_budget_s": None if budget_s is None else max(round(actual_s - budget_s, 3), 0.0),
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


def steps() -> tuple[StepRow, ...]:
    """Every step, all done at the first try."""
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


def phases() -> tuple[PhaseRow, ...]:
    """Every phase, all done; only the database is over its budget."""
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


def gates() -> tuple[GateRow, ...]:
    """Every gate, all answered by text message."""
    return (
        gate("go", ("go",), 0.18, 1.402, by="lead"),
        gate("outage", ("outage",), 1.51, 2.711),
        gate("recover", ("rebuild", "data"), 7.21, 8.404),
        gate("traffic", ("traffic",), 10.22, 11.377),
        gate("data_home", ("data_home",), 22.41, 23.502),
    )


def talk(gates: tuple[GateRow, ...]) -> tuple[tuple[MessageRow, ...], tuple[ReplyRow, ...]]:
    """A message and a reply per gate, one status text, one stray reply."""
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


def probes() -> tuple[ProbeRow, ...]:
    """The heartbeat and the user's view, both cut off by the outage."""

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
