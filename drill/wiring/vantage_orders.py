"""What vantage points are told to ask: the plan's probes with everything filled in that their hosts cannot know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from drill.adapters.probes import Probes
from drill.engine.record import Recorder
from drill.engine.vantage_watch import VantageWatch
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.model.ports import Ground, Secrets
from drill.model.vantage_wire import WorkOrder
from drill.settings import Settings
from drill.wiring.listeners import listening
from drill.wiring.vantage_desk import refuse_weak_keys


def orders_of(drill: str, plan: Plan, ground: Ground, probes: Probes) -> Mapping[str, WorkOrder]:
    """The work order of every vantage point. Its own resolver answers it, unless the name server is this machine's, as a sandbox's."""
    sites = {address: site.id for site in plan.sites for address in ground.attributes(site.id).get("addresses", ())}
    resolver = probes.resolver
    shown = f"{resolver[0]}:{resolver[1]}" if resolver is not None and ip_address(resolver[0]).is_loopback else ""
    return {
        point.id: WorkOrder(
            drill=drill,
            scenario=plan.scenario,
            vantage=point.id,
            probes=tuple(probes.probes[name] for name in point.probes),
            resolver=shown,
            sites=sites,
        )
        for point in plan.vantage_points
    }


def measuring(
    settings: Settings,
    recorder: Recorder,
    plan: Plan,
    *,
    secrets: Secrets,
    orders: Callable[[], Mapping[str, WorkOrder]],
    measure: Callable[[], None],
    gone: Callable[[], bool],
) -> tuple[Callable[[], None], VantageWatch]:
    """How the measurement begins, here by `measure` and at the vantage points; and who watches them, until this process is `gone`.

    The first raises PreflightFailed: a vantage point whose users count cannot send (F073) or does not (F071), or a key is weak (F074).
    """
    watch = VantageWatch(recorder, plan, gone=gone)
    if recorder.look(lambda progress: progress.started and not progress.outcome):
        watch.go_on()

    def begin() -> None:
        if watch.wanted and not settings.shared and not listening(settings):
            what = f"no web server runs for this DRILL_HOME: {', '.join(watch.wanted)} cannot send what users there see."
            raise PreflightFailed(what, code="F073", fix="Start `drill serve --web HOST:PORT` beside this drill.")
        if not settings.shared:  # where machines share the database, only the web server's needs the keys
            refuse_weak_keys(plan, secrets.get)
        measure()
        watch.begin(orders() if plan.vantage_points else {})
        watch.start()

    return begin, watch
