"""The grounds on which the port Outage is held to its contract: a fake, the sandbox, both clouds, own hosts, FIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from moto import mock_aws

from drill.model.ports import Outage
from drill.sandbox.ground import SandboxOutage
from tests.clouds.outage_aliyun_site import Aliyun
from tests.clouds.outage_aws_site import Aws
from tests.clouds.outage_calls import Calls
from tests.clouds.outage_other_grounds import OTHERS, other
from tests.clouds.strict_ec2 import strict_ec2
from tests.fakes import FakeOutage


class CloudGround(Protocol):
    """A site in a cloud, seen from its console."""

    calls: Calls

    def outage(self) -> Outage:
        """Adapters as a freshly started engine makes them."""

    def state(self) -> Any:
        """Everything that a drill could have changed, and what it made."""

    def untag(self) -> str:
        """Take the opt-in tag from one resource; returns its id."""

    def grow(self, count: int) -> None:
        """More resources opt in."""


class SwappedGround(CloudGround, Protocol):
    """One whose resources others may change as well."""

    def meddle(self) -> str:
        """Somebody changes one resource behind the drill's back; returns its id."""


@contextmanager
def ground_of(name: str) -> Iterator[CloudGround]:
    """One of `GROUNDS`, new."""
    with other(name) if name in OTHERS else cloud(name) as ground:
        yield ground


@contextmanager
def cloud(name: str) -> Iterator[SwappedGround]:
    """One of `CLOUDS`, new."""
    provider, _, method = name.partition(":")
    if provider == "aws":
        with mock_aws(), strict_ec2():
            yield Aws(method)
        return
    ground = Aliyun(method)
    ground.server.start()
    try:
        yield ground
    finally:
        ground.server.end()


CLOUDS: Final = ("aws:network-acl", "aws:security-group", "aws:stop", "aliyun:security-group", "aliyun:stop")
GROUNDS: Final = (*CLOUDS, *OTHERS)


class StandIn:
    """A sandbox that only says that its region is cut or not (as Handle)."""

    control: Sequence[str] = ()
    details: Mapping[str, Any] = {"regions": {"a": {}}}

    def __init__(self) -> None:
        self.cut = False

    def status(self) -> dict[str, Any]:
        instance = {"name": "a1", "address": "127.0.1.1", "running": True}
        return {"regions": {"a": {"cut": self.cut, "instances": [instance], "postgres": {"running": True}, "role": "primary"}}}

    def ask(self, verb: str, *, timeout_s: float = 1.0, **fields: Any) -> dict[str, Any]:
        self.cut = verb == "freeze"
        return {"processes": 2}


@contextmanager
def any_outage(name: str) -> Iterator[Outage]:
    """One of `OUTAGES`, with a site `primary` that is not cut off."""
    if name == "fake":
        yield FakeOutage({"primary": ["a1"]}, exact=["primary"])
    elif name == "sandbox":
        yield SandboxOutage(StandIn(), {"primary": "a"})  # type: ignore[arg-type]  # lists and mappings where the real one has its own
    else:
        with ground_of(name) as ground:
            yield ground.outage()


OUTAGES: Final = ("fake", "sandbox", *GROUNDS)
