"""Grounds of outages that swap nothing themselves: a team's own hosts behind a firewall, and an experiment that AWS runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.outage_aws_fis import Experiment, FisOutage
from drill.adapters.outage_hosts import HostsOutage, HostsSite
from drill.model.ports import Outage, PlayResult
from tests.clouds.fis_service import FisService, fis_service
from tests.clouds.outage_calls import CAP, OPT_IN, Calls

OTHERS: Final = ("hosts", "fis")
_TEMPLATE: Final = "EXT1"


class Hosts:
    """Three hosts of which two opted in. The playbooks are done to their firewalls (port Ansible), one host after the other."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.hosts: dict[str, dict[str, Any]] = {"a": dict(OPT_IN), "b": dict(OPT_IN), "spared": {}}
        self.cut: set[str] = set()

    def outage(self) -> Outage:
        ground: Any = self
        return HostsOutage({"primary": HostsSite(OPT_IN, CAP)}, self, ground)

    def inventory(self, _site: str) -> Mapping[str, Any]:
        """As the inventory file says (part of port Ground)."""
        return {"all": {"children": {"pg_target": {"hosts": dict(self.hosts)}}}}

    def play(self, playbook: str, *, inventory: Mapping[str, Any], **_asked: Any) -> PlayResult:
        names = list(inventory["all"]["children"]["drill_hosts"]["hosts"])
        if playbook == "read_hosts.yml":
            return PlayResult("successful", {"drill_cut": {name: name in self.cut for name in names}}, 0, ())
        turn = self.cut.add if playbook == "isolate_hosts.yml" else self.cut.discard
        for name in names:
            self.calls.carry(f"{playbook} {name}", partial(turn, name))
        return PlayResult("successful", {}, len(names), ())

    def state(self) -> Any:
        return sorted(self.cut)

    def untag(self) -> str:
        self.hosts["b"] = {"drill": "never"}
        return "b"

    def grow(self, count: int) -> None:
        self.hosts |= {f"more-{number}": dict(OPT_IN) for number in range(count)}


class _Counted(AwsClients):
    calls: Calls

    def call(self, service: str, operation: str, **arguments: Any) -> Mapping[str, Any]:
        name = operation if operation.startswith(("start", "stop")) else f"describe {operation}"
        answer: Mapping[str, Any] = self.calls.carry(name, lambda: super(_Counted, self).call(service, operation, **arguments))
        return answer


class Fis:
    """One experiment template that opted in."""

    def __init__(self, service: FisService) -> None:
        self.calls = Calls()
        self._service = service
        service.templates[_TEMPLATE] = {
            "id": _TEMPLATE,
            "tags": dict(OPT_IN),
            "actions": {"cut": {"actionId": "aws:network:disrupt-connectivity"}},
            "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:x:1:alarm:stop"}],
            "targets": {},
        }
        self._opened = cache(self._open)

    def outage(self) -> Outage:
        return FisOutage({"primary": Experiment("ap-southeast-1", _TEMPLATE, OPT_IN)}, self._opened, poll_s=0.01)

    def state(self) -> Any:
        running = [name for name, row in self._service.experiments.items() if row["state"]["status"] not in {"stopped", "failed"}]
        return {"running": running, "templates": sorted(self._service.templates)}

    def untag(self) -> str:
        self._service.templates[_TEMPLATE]["tags"] = {}
        return _TEMPLATE

    def grow(self, count: int) -> None:
        """An experiment is one thing, whatever it does: nothing to count."""

    def _open(self, region: str) -> AwsClients:
        made = _Counted(region, lambda _service: self._service.endpoint)
        made.calls = self.calls
        return made


@contextmanager
def other(name: str) -> Iterator[Hosts | Fis]:
    """One of `OTHERS`, new."""
    if name == "hosts":
        yield Hosts()
        return
    with fis_service() as service:
        yield Fis(service)
