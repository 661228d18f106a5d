"""What `drill probe` is made of on a vantage point's host: an agent that sends, or one that writes a file. Neither needs a database."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from drill.adapters.clock import SystemClock
from drill.adapters.probes import Probes
from drill.adapters.vantage_file import SampleFile
from drill.adapters.vantage_http import HttpLink
from drill.adapters.vantage_spool import Spool
from drill.engine.probing import Prober
from drill.engine.probing_agent import TURN_S, Agent, wait
from drill.engine.probing_courier import Courier, Tell
from drill.model.errors import UsageError
from drill.model.plan import Plan
from drill.model.ports import Ground
from drill.model.vantage_wire import Sampled, WorkOrder
from drill.settings import EnvironmentSecrets, Settings
from drill.wiring.scenarios import open_scenario

Resolver = tuple[str, int] | None


@dataclass(frozen=True)
class Post:
    """Where an agent stands and how long it stays: `for_s` nothing is until it is told to end; `once` ends with one drill."""

    vantage: str
    for_s: float | None = None
    once: bool = False
    resolver: Resolver = None
    spool: Path | None = None


@dataclass(frozen=True)
class Server:
    """Where it sends. `insecure`: the key may be seen on the way."""

    address: str
    key: str
    insecure: bool = False


def probe_over_http(post: Post, server: Server, *, scenario: Path | None, tell: Tell) -> None:
    """Sample for every drill that names this point, until told to end; with a scenario for its drills only.

    Raises: UsageError: the address, the key or the spool cannot be used (U051 to U054). ScenarioInvalid: `scenario` is wrong.
    """
    settings, clock = Settings.load(), SystemClock()
    name = open_scenario(scenario).plan.scenario if scenario else ""
    link = HttpLink(server.address, post.vantage, server.key, clock=clock, scenario=name, insecure=server.insecure)
    parcels = Spool(post.spool or settings.home / "probe" / post.vantage)
    try:
        if parcels.count():
            tell("kept", {"batches": parcels.count()})
        courier = Courier(link, parcels, tell)
        agent = Agent(courier, link, clock=clock, probes_of=lambda order: _probes_of(order, post.resolver), tell=tell)
        asyncio.run(_until_ended(post.for_s, lambda ended: agent.run(ended, once=post.once)))
        tell("ended", {"sent": courier.sent.total(), "kept": courier.kept, "lost": parcels.lost.total()})
    finally:
        link.close()
        parcels.close()


def probe_to_file(post: Post, path: Path, *, scenario: Path, sets: tuple[str, ...], tell: Tell) -> None:
    """Sample what the scenario lets this point ask, into a file.

    Raises: ScenarioInvalid: the scenario is wrong. UsageError: it has no such point (U057), or the file cannot be written (U055).
    """
    plan = open_scenario(scenario, sets=sets).plan
    order = _order_of(Settings.load(), plan, post.vantage)
    probes = _probes_of(order, post.resolver)
    file = SampleFile(path, scenario=plan.scenario, vantage=post.vantage, probes=order.probes)
    waiting: list[Sampled] = []
    prober = Prober(order, probes=probes, clock=SystemClock(), put=waiting.append)
    tell("order", {"drill": str(path), "probes": [probe.id for probe in order.probes]})
    try:
        asyncio.run(_until_ended(post.for_s, lambda ended: _write(ended, prober, waiting, file, tell)))
    except OSError as error:
        fix = "Make room; it holds what came before."
        raise UsageError(f"the file {path} takes no more: {error.strerror}.", code="U055", fix=fix) from error
    finally:
        file.close()
    tell("ended", {"written": prober.taken})


async def _write(ended: asyncio.Event, prober: Prober, waiting: list[Sampled], file: SampleFile, tell: Tell) -> None:
    """Sample, and write once a second what came. Raises: OSError: the disk does not take it."""

    def flush() -> None:
        batch = waiting[:]
        file.write(batch)
        del waiting[: len(batch)]

    playing = asyncio.create_task(prober.run())
    try:
        while not ended.is_set():
            await wait(ended, TURN_S)
            await asyncio.to_thread(flush)
            tell("sampling", {"taken": prober.taken, "failed": prober.failed, "blind": prober.blind})
            if playing.done():
                playing.result()  # it never ends in peace
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)  # cancelled, or raised above
        flush()


async def _until_ended(for_s: float | None, body: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a body with an event that a signal sets, or the end of the time."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    with _signals(loop, ended):
        timer = None if for_s is None else loop.call_later(for_s, ended.set)
        try:
            await body(ended)
        finally:
            if timer is not None:
                timer.cancel()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> Iterator[None]:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _probes_of(order: WorkOrder, resolver: Resolver) -> Probes:
    """What asks the probes of an order. `resolver` goes before the order's own."""
    return Probes({probe.id: probe for probe in order.probes}, resolver or resolver_in(order.resolver), lambda at: order.sites.get(at, ""))


def resolver_in(text: str) -> Resolver:
    """The address and port of a name server; nothing in an empty text. Raises: UsageError: it is none (U058)."""
    from drill.wiring.routed import address_of

    if not text:
        return None
    try:
        host, port = address_of(text)
        return str(ip_address(host)), port
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no name server.", code="U058", fix="For example --resolver 192.0.2.53, with a port if it is not 53."
        ) from error


def _order_of(settings: Settings, plan: Plan, vantage: str) -> WorkOrder:
    from drill.wiring.grounds import ground_of, resolver_of, running_sandbox
    from drill.wiring.vantage_orders import orders_of
    from drill.wiring.worlds import is_sandbox, resolved_probes

    if vantage not in {point.id for point in plan.vantage_points}:
        known = ", ".join(point.id for point in plan.vantage_points) or "none"
        raise UsageError(f"{plan.scenario} has no vantage point {vantage!r}.", code="U057", fix=f"Its vantage points: {known}.")
    sandbox = running_sandbox(settings, plan)
    ground: Ground = ground_of(settings, plan, EnvironmentSecrets(settings.secrets_file), watch=None, sandbox=sandbox)
    server = sandbox.details["dns"] if sandbox is not None and is_sandbox(plan) else None
    resolver = (str(server["address"]), int(server["port"])) if server else resolver_of(plan)
    return orders_of("", plan, ground, resolved_probes(plan, ground, resolver))[vantage]
