"""The plan of the sandbox drill that the stories tell, built by hand so that no other room is needed."""

from __future__ import annotations

from typing import Any, Literal

from drill.model.effects import Resume
from drill.model.plan import (
    Canary,
    Contact,
    Gate,
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
from drill.model.plan_channels import Messages, SmsSettings


def _step(
    step_id: str, kind: str, title: tuple[str, str], *, after: tuple[str, ...] = (), no_return: bool = False, **params: Any
) -> PlannedStep:
    phase = step_id.split(".", 1)[0]
    text = Text(en=title[0], zh=title[1])
    return PlannedStep(
        id=step_id, phase=phase, kind=kind, title=text, params=params, after=after, retries=1, resume=Resume.RERUN, no_return=no_return
    )


def _phase(
    phase_id: str,
    title: tuple[str, str],
    *steps: PlannedStep,
    after: tuple[str, ...] = (),
    budget_s: float | None = None,
    gate: str | None = None,
) -> PlannedPhase:
    notify = () if gate else ("oncall",)
    text = Text(en=title[0], zh=title[1])
    return PlannedPhase(id=phase_id, title=text, after=after, budget_s=budget_s, steps=steps, gate=gate, notify=notify)


def _switch(step_id: str, to: str, back: str) -> PlannedStep:
    title = ("Move the traffic", "切换流量")
    values = "{{ steps.capacity.outputs.addresses }}"
    params: dict[str, Any] = {"name": "shop.drill.test", "to": to, "from": back, "values": values, "ttl": "1s"}
    return _step(step_id, "dns.switch", title, **params)


def _proof(step_id: str, after: str) -> PlannedStep:
    return _step(
        step_id, "probe.until", ("Prove it from the user's side", "用户视角验证"), after=(after,), probe="checkout", ok_in_a_row=20
    )


def _drill_phases() -> tuple[PlannedPhase, ...]:
    isolate = _step("outage.blackhole", "outage.isolate", ("Cut the site off", "隔离站点"), site="primary")
    heartbeat = _step("detect.heartbeat", "detect.heartbeat", ("Notice the outage", "发现故障"), probe="heartbeat", every="500ms", misses=3)
    capacity = _step("rebuild.capacity", "terraform.apply", ("Build capacity", "创建容量"), module="terraform/sites/sandbox")
    fence = _step("data.fence", "fence", ("Fence the old primary", "隔离旧主库"), site="primary")
    promote = _step(
        "data.promote", "database.promote", ("Promote the standby", "提升备库"), after=("data.fence",), no_return=True, site="standby"
    )
    return (
        _phase("go", ("Go or no-go", "开始确认"), gate="go"),
        _phase("outage", ("Outage", "故障注入"), isolate, after=("go",), budget_s=2.0, gate="outage"),
        _phase("detect", ("Detection", "故障发现"), heartbeat, after=("outage",), budget_s=2.0),
        _phase("rebuild", ("Rebuild", "资源重建"), capacity, after=("detect",), budget_s=8.0, gate="recover"),
        _phase("data", ("Data", "数据切换"), fence, promote, after=("detect",), budget_s=8.0, gate="recover"),
        _phase(
            "traffic",
            ("Traffic", "流量切换"),
            _switch("traffic.switch", "standby", "primary"),
            _proof("traffic.proof", "traffic.switch"),
            after=("rebuild", "data"),
            budget_s=6.0,
            gate="traffic",
        ),
    )


def _failback_phases() -> tuple[PlannedPhase, ...]:
    revive = _step("data_home.revive", "outage.restore", ("Give the site back", "恢复站点"), of="outage.blackhole", site="primary")
    rejoin = _step("data_home.rejoin", "ansible.play", ("Rejoin", "以备库身份加入"), after=("data_home.revive",), site="primary")
    roles = _step("data_home.roles", "ansible.play", ("Return the roles", "角色回切"), after=("data_home.rejoin",), site="primary")
    destroy = _step("release.capacity", "terraform.destroy", ("Release capacity", "释放容量"), of="rebuild.capacity")
    return (
        _phase("data_home", ("Data goes home", "数据回切"), revive, rejoin, roles),
        _phase(
            "traffic_home",
            ("Traffic goes home", "流量回切"),
            _switch("traffic_home.switch", "primary", "standby"),
            _proof("traffic_home.proof", "traffic_home.switch"),
            after=("data_home",),
        ),
        _phase("release", ("Release", "资源释放"), destroy, after=("traffic_home",)),
    )


def _gates(within_s: float) -> tuple[Gate, ...]:
    people = {"ask": ("oncall",), "then": ("lead",), "within_s": within_s}
    return (
        Gate(id="go", phases=("go",), at="before", ask=("lead",), then=("manager",), within_s=within_s, silence="abort", destructive=True),
        Gate(id="outage", phases=("outage",), blocking=False, silence="abort", **people),
        Gate(id="recover", phases=("rebuild", "data"), **people),
        Gate(id="traffic", phases=("traffic",), **people),
    )


def sandbox_plan(
    *,
    rto_s: float = 60.0,
    rpo_s: float = 10.0,
    mode: Mode = Mode.SANDBOX,
    every_s: float = 0.05,
    within_s: float = 30.0,
    rto_binds: Literal["user", "accepted"] = "user",
) -> Plan:
    """The drill of `scenarios/sandbox-region-outage.yaml`, in short."""
    contacts = (("oncall", "On-call SRE", "zh"), ("lead", "Duty lead", "en"), ("manager", "Duty manager", "zh"))
    return Plan(
        scenario="sandbox-region-outage",
        title=Text(en="Loss of the primary region, in the sandbox", zh="主地域整体中断（沙箱）"),
        mode=mode,
        objectives=Objectives(rto_s=rto_s, rpo_s=rpo_s, rto_binds=rto_binds),
        sites=(Site(id="primary", provider="sandbox", region="a"), Site(id="standby", provider="sandbox", region="b")),
        steady_state=("checkout",),
        probes=(
            Probe(id="checkout", http="http://shop.drill.test/checkout", method="POST", every_s=every_s, timeout_s=1.0, user_view=True),
            Probe(id="heartbeat", http="http://shop.drill.test/health", every_s=0.5, timeout_s=0.5),
        ),
        canary=Canary(postgres="secret:CANARY_DSN", every_s=every_s),
        contacts=tuple(
            Contact(id=name, title=title, sms=(f"secret:{name.upper()}_PHONE",), language="zh" if language == "zh" else "en")
            for name, title, language in contacts
        ),
        messages=Messages(sms=SmsSettings(provider="aliyun", sign="secret:SMS_SIGN")),
        limits=Limits(max_changes=40, allow=("standby/*", "primary/*", "shop.drill.test")),
        phases=_drill_phases(),
        failback=_failback_phases(),
        gates=_gates(within_s),
    )
