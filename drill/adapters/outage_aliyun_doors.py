"""What the doors of a site of Alibaba Cloud have in common, and the listeners of classic load balancers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.outage_aliyun_calls import AliyunCalls, tag_list, tags_of
from drill.adapters.outage_parts import Part, State
from drill.model.effects import Verb

_OPEN: Final[State] = ("running",)
_SHUT: Final[State] = ("stopped",)
_TOWARDS: Final[Mapping[str, State]] = {"running": _OPEN, "starting": _OPEN, "configuring": _OPEN, "stopping": _SHUT, "stopped": _SHUT}


class Door:
    """A door by itself. One that is shut does not show that a drill shut it."""

    makes = ""
    marked = False
    verb = Verb.UPDATE
    spares: Sequence[str] = ()

    def __init__(self, calls: AliyunCalls, tags: Mapping[str, str]) -> None:
        self._calls = calls
        self._tags = dict(tags)

    def rehearse(self, resources: Sequence[str]) -> None:
        """A swap is taken back in one call: it needs no rehearsal."""

    def clear(self) -> None:
        """Nothing was made."""

    def left(self) -> list[str]:
        """Nothing by default."""
        return []

    def _here(self) -> dict[str, Any]:
        return {"RegionId": self._calls.region}


class Listeners(Door):
    """The listeners of load balancers that carry all opt-in tags (as Sort). Ids are `lb/protocol/port`."""

    kind = "listener"
    doing = "StopLoadBalancerListener"

    def find(self) -> list[Part]:
        rows = self._balancers({"Tag": tag_list(self._tags)})
        tags = {str(row["LoadBalancerId"]): tags_of(row) for row in rows}
        return [part for row in self._listeners(list(tags)) if (part := _listener(row, tags[row["LoadBalancerId"]])) is not None]

    def read(self, resource: str) -> Part | None:
        balancer = resource.partition("/")[0]
        tags = {row["LoadBalancerId"]: tags_of(row) for row in self._balancers({"LoadBalancerId": balancer})}
        rows = self._listeners([balancer]) if tags else []
        return next((part for row in rows if (part := _listener(row, tags[balancer])) is not None and part.id == resource), None)

    def cuts(self) -> set[State]:
        return {_SHUT}

    def prepare(self, network: str) -> State:
        return _SHUT

    def swap(self, part: Part, state: State) -> None:
        balancer, protocol, port = part.id.split("/")
        action = "StopLoadBalancerListener" if state == _SHUT else "StartLoadBalancerListener"
        which = {"LoadBalancerId": balancer, "ListenerProtocol": protocol, "ListenerPort": port}
        self._calls.write("slb", action, {**self._here(), **which})

    def _balancers(self, wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return self._calls.numbered("slb", "DescribeLoadBalancers", ("LoadBalancers", "LoadBalancer"), {**self._here(), **wanted})

    def _listeners(self, balancers: Sequence[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for at in range(0, len(balancers), 10):
            some = {**self._here(), "LoadBalancerId": list(balancers[at : at + 10])}
            found += self._calls.every("slb", "DescribeLoadBalancerListeners", ("Listeners",), some)
        return found


def _listener(row: Mapping[str, Any], tags: Mapping[str, str]) -> Part | None:
    """None: it is in a state of its own, such as being deleted."""
    status = str(row["Status"])
    if status not in _TOWARDS:
        return None
    name = f"{row['LoadBalancerId']}/{row['ListenerProtocol']}/{row['ListenerPort']}"
    return Part(name, _TOWARDS[status], tags, settled=status in {"running", "stopped"})
