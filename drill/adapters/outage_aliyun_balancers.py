"""The listeners of Alibaba Cloud's application and network load balancers, stopped and started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from drill.adapters.outage_aliyun_calls import tag_list, tags_of
from drill.adapters.outage_aliyun_doors import Door
from drill.adapters.outage_parts import Part, State

_RUNNING: Final[State] = ("Running",)
_STOPPED: Final[State] = ("Stopped",)
_TOWARDS: Final[Mapping[str, State]] = {
    "Provisioning": _RUNNING,
    "Starting": _RUNNING,
    "Running": _RUNNING,
    "Configuring": _RUNNING,  # does not say where it leads: it is not settled, and is read again until it is
    "Stopping": _STOPPED,
    "Stopped": _STOPPED,
}
_AT_ONCE: Final = 20


class _Listeners(Door):
    """The listeners of the load balancers of one product that carry all opt-in tags (as Sort). Ids are those of the listeners.

    https://www.alibabacloud.com/help/en/slb/application-load-balancer/developer-reference/api-alb-2020-06-16-stoplistener and
    https://www.alibabacloud.com/help/en/slb/api-stoplistener-nlb: a stop is carried out later than it is answered, and is refused while
    something else is under way at the same load balancer.
    """

    doing = "StopListener"
    spares: Sequence[str] = ("connections through load balancers that are open already: they may go on until they end",)
    product: ClassVar[str]

    def find(self) -> list[Part]:
        balancers = self._balancers({"Tag": tag_list(self._tags)})
        rows = [
            row for at in range(0, len(balancers), _AT_ONCE) for row in self._rows("LoadBalancerIds", list(balancers)[at : at + _AT_ONCE])
        ]
        return [part for row in rows if (part := _part(row, balancers[row["LoadBalancerId"]])) is not None]

    def read(self, resource: str) -> Part | None:
        rows = self._rows("ListenerIds", [resource])
        if not rows:
            return None
        balancer = str(rows[0]["LoadBalancerId"])
        return _part(rows[0], self._balancers({"LoadBalancerIds": [balancer]}).get(balancer, {}))

    def cuts(self) -> set[State]:
        return {_STOPPED}

    def prepare(self, network: str) -> State:
        return _STOPPED

    def swap(self, part: Part, state: State) -> None:
        action = "StopListener" if state == _STOPPED else "StartListener"
        self._calls.insist(self.product, action, {**self._here(), "ListenerId": part.id})

    def _balancers(self, wanted: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Tags of load balancers, by id."""
        rows = self._calls.every(self.product, "ListLoadBalancers", ("LoadBalancers",), {**self._here(), **wanted})
        return {str(row["LoadBalancerId"]): tags_of(row) for row in rows}

    def _rows(self, key: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        return self._calls.every(self.product, "ListListeners", ("Listeners",), {**self._here(), key: list(ids)})


class ApplicationListeners(_Listeners):
    """Those of ALB, whose calls name no region: each has an address of its own."""

    kind = "alb-listener"
    product = "alb"

    def _here(self) -> dict[str, Any]:
        return {}


class NetworkListeners(_Listeners):
    """Those of NLB."""

    kind = "nlb-listener"
    product = "nlb"


def _part(row: Mapping[str, Any], tags: Mapping[str, str]) -> Part | None:
    """None: it is being deleted. Tags are those of the load balancer."""
    status = str(row["ListenerStatus"])
    if status not in _TOWARDS:
        return None
    note = f"{row['ListenerProtocol']} {row['ListenerPort']} of {row['LoadBalancerId']}"
    return Part(str(row["ListenerId"]), _TOWARDS[status], tags, settled=status in {"Running", "Stopped"}, note=note)
