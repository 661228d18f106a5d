"""Alibaba Cloud's application and network load balancers of one region, in memory: listeners that take a while to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from drill.sandbox.alidns_api import AlidnsRefused

_MOST_IDS: Final = 20
_MOST_ROWS: Final = 100
_LOOKS: Final = 2
_VERSIONS: Final[Mapping[str, str]] = {"alb": "2020-06-16", "nlb": "2022-04-30"}


@dataclass
class Listener:
    """One listener. `looks`: how often it must be looked at until it has become `wanted`."""

    id: str
    protocol: str
    port: int
    status: str = "Running"
    wanted: str = ""
    looks: int = 0


@dataclass
class NewBalancer:
    """One load balancer. `busy`: how many further changes it refuses because the last one is still under way."""

    id: str
    tags: dict[str, str]
    listeners: dict[str, Listener] = field(default_factory=dict)
    busy: int = 0


class BalancersApi:
    """Actions of ALB or NLB (as Actions of the server). A stop is carried out later; meanwhile its load balancer refuses another."""

    actions: Final = frozenset({"ListLoadBalancers", "ListListeners", "StopListener", "StartListener"})

    def __init__(self, product: Literal["alb", "nlb"], *, page: int = _MOST_ROWS) -> None:
        self.version = _VERSIONS[product]
        self.balancers: dict[str, NewBalancer] = {}
        self._product = product
        self._page = page
        self._lock = threading.Lock()

    def add(self, name: str, tags: Mapping[str, str], *listeners: tuple[str, int, str]) -> NewBalancer:
        """One more, with listeners of a protocol, a port and a status."""
        made = NewBalancer(name, dict(tags))
        for protocol, port, status in listeners:
            listener = f"lsn-{name}@{port}" if self._product == "nlb" else f"lsn-{name}-{port}"
            made.listeners[listener] = Listener(listener, protocol, port, status)
        self.balancers[name] = made
        return made

    def statuses(self) -> dict[str, str]:
        """What each listener is or is becoming."""
        with self._lock:
            return {row.id: row.wanted or row.status for each in self.balancers.values() for row in each.listeners.values()}

    def call(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one out. Raises: AlidnsRefused."""
        with self._lock:
            if action == "ListLoadBalancers":
                return self._list_balancers(query)
            return self._list_listeners(query) if action == "ListListeners" else self._change(action, query)

    def _list_balancers(self, query: Mapping[str, Any]) -> dict[str, Any]:
        wanted = {tag["Key"]: tag["Value"] for tag in query.get("Tag", ())}
        ids = _few(query.get("LoadBalancerIds", ()))
        rows = [row for row in self.balancers.values() if wanted.items() <= row.tags.items() and (not ids or row.id in ids)]
        shown = [
            {"LoadBalancerId": row.id, "LoadBalancerStatus": "Active", "Tags": [{"Key": k, "Value": v} for k, v in row.tags.items()]}
            for row in rows
        ]
        return self._paged("LoadBalancers", shown, query)

    def _list_listeners(self, query: Mapping[str, Any]) -> dict[str, Any]:
        balancers, ids = _few(query.get("LoadBalancerIds", ())), _few(query.get("ListenerIds", ()))
        rows = [
            self._seen(each, row)
            for each in self.balancers.values()
            for row in each.listeners.values()
            if (not balancers or each.id in balancers) and (not ids or row.id in ids)
        ]
        return self._paged("Listeners", rows, query)

    def _seen(self, balancer: NewBalancer, listener: Listener) -> dict[str, Any]:
        """A listener as it is at this look; it moves on with each."""
        shown = {"LoadBalancerId": balancer.id, "ListenerId": listener.id, "ListenerStatus": listener.status}
        if listener.looks:
            listener.looks -= 1
            if not listener.looks:
                listener.status, listener.wanted = listener.wanted, ""
        return {**shown, "ListenerProtocol": listener.protocol, "ListenerPort": listener.port}

    def _change(self, action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        name, stopping = str(query["ListenerId"]), action == "StopListener"
        balancer = next((row for row in self.balancers.values() if name in row.listeners), None)
        if balancer is None:
            spelt = "listener" if self._product == "nlb" else "Listener"
            raise AlidnsRefused(f"ResourceNotFound.{spelt}", "The specified resource of listener is not found.", 404)
        if balancer.busy:
            balancer.busy -= 1
            raise AlidnsRefused("IncorrectStatus.LoadBalancer", f"The status of {balancer.id} [Configuring] is incorrect.")
        listener = balancer.listeners[name]
        if listener.status != ("Running" if stopping else "Stopped"):
            raise AlidnsRefused("IncorrectStatus.Listener", f"The status of {name} [{listener.status}] is incorrect.")
        if query.get("DryRun", "").lower() == "true":
            raise AlidnsRefused("DryRunOperation", "Request validation has been passed with DryRun flag set.")
        passing = ("Stopping" if stopping else "Starting") if self._product == "nlb" else "Configuring"
        listener.status, listener.wanted, listener.looks = passing, "Stopped" if stopping else "Running", _LOOKS
        balancer.busy = 1
        return {"JobId": f"job-{name}"}

    def _paged(self, key: str, rows: Sequence[Any], query: Mapping[str, Any]) -> dict[str, Any]:
        most, at = int(query.get("MaxResults", 20)), int(query.get("NextToken", 0))
        if not 1 <= most <= _MOST_ROWS:
            raise AlidnsRefused("IllegalParam.MaxResults", "The param of MaxResults is illegal.")
        end = at + min(most, self._page)
        token = {"NextToken": str(end)} if end < len(rows) else {}
        return {key: list(rows[at:end]), "TotalCount": len(rows), "MaxResults": most, **token}


def _few(ids: Sequence[str]) -> Sequence[str]:
    if len(ids) > _MOST_IDS:
        raise AlidnsRefused("IllegalParamSize", "The size of the param is illegal.")
    return ids
