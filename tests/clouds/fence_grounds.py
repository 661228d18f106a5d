"""The grounds on which the port Fence is held to its contract: fake, sandbox, machines and databases of both clouds, a playbook."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Literal
from unittest import mock

from moto import mock_aws

from drill.adapters.database_sessions import writable_rival
from drill.adapters.fence_machines import ROLE
from drill.adapters.fence_managed import ManagedFence
from drill.adapters.fence_playbook import PlaybookFence
from drill.adapters.outage_aliyun import AliyunSite, aliyun_fence
from drill.adapters.outage_aws import AwsSite, aws_fence
from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess, Fence, PlayResult
from drill.sandbox.ground import SandboxFence
from drill.sandbox.world import Sandbox
from tests.adapters.pg_control import postmaster
from tests.adapters.pg_pair import Pair, Servers, binaries, free_port
from tests.clouds.managed_fences import managed_database
from tests.clouds.outage_aliyun_site import Aliyun
from tests.clouds.outage_aws_site import Aws
from tests.clouds.outage_calls import CAP, OPT_IN, Calls
from tests.clouds.strict_ec2 import strict_ec2
from tests.fakes import FakeFence

Rival = Literal["follows", "writes", "silent"]
MACHINES: Final = ("aws machines", "aliyun machines")
MANAGED: Final = ("rds", "aliyun_rds")
_RESTARTS: Final = ("reboot_db_instance", "RestartDBInstance")
FENCES: Final = ("fake", "sandbox", "playbook", *MACHINES, *MANAGED)


class Databases:
    """Where the database of each site answers (part of port Ground)."""

    def __init__(self, primary: int = 0) -> None:
        self.ports = {"primary": primary or free_port(), "standby": free_port()}

    def database(self, site: str) -> DatabaseAccess:
        if site not in self.ports:
            raise Fatal(f"there is no site {site!r}.", code="A250")
        return DatabaseAccess("127.0.0.1", self.ports[site], "drill", "postgres", binaries()[-1])

    def inventory(self, site: str) -> Mapping[str, Any]:
        self.database(site)
        return {"all": {"children": {"pg_target": {"hosts": {"orders": {}}}}}}


class FenceGround(ABC):
    """A site `primary` with a database to fence, seen from its console. Its rival `standby` only follows, unless `rival` says else."""

    tells_when_fenced = True
    """Whether a preview is empty once the fence is up."""
    knows_sites = True

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.calls = Calls()
        self.where: Any = Databases()
        self.rival("follows")

    @abstractmethod
    def fence(self) -> Fence:
        """An adapter as a freshly started engine makes it."""

    @abstractmethod
    def state(self) -> Any:
        """Everything that a drill could have changed."""

    def connections_ended(self) -> bool:
        """Whether those that were open before are gone; what is stopped or killed has none."""
        return True

    @abstractmethod
    def resist(self) -> None:
        """From now on whatever is done, the database goes on answering."""

    def rival(self, does: Rival) -> None:
        """What the other site's database does."""
        ports: Mapping[Rival, int] = {"follows": self.pair.b.port, "writes": self.pair.a.port, "silent": free_port()}
        self.where.ports["standby"] = ports[does]


class Fake(FenceGround):
    """In memory."""

    knows_sites = False

    def __init__(self, pair: Pair) -> None:
        self.made = FakeFence()
        super().__init__(pair)

    def fence(self) -> Fence:
        return self.made

    def state(self) -> Any:
        return sorted(self.made.fenced)

    def resist(self) -> None:
        self.made.unproved = True

    def rival(self, does: Rival) -> None:
        self.made.writable = "" if does == "follows" else "standby"


class Machines(FenceGround):
    """Two machines of a database in a cloud, and others."""

    def __init__(self, pair: Pair, cloud: Aws | Aliyun, *, starts_at_boot: bool = True) -> None:
        super().__init__(pair)
        self.cloud = cloud
        self.calls = cloud.calls
        self.starts_at_boot = starts_at_boot

    def fence(self) -> Fence:
        sites: Any = AwsSite if isinstance(self.cloud, Aws) else AliyunSite
        row = {"primary": sites(self.cloud.region, OPT_IN, CAP, starts_at_boot=self.starts_at_boot)}
        fences: Any = aws_fence if isinstance(self.cloud, Aws) else aliyun_fence
        made: Fence = fences(row, self.where, ["primary", "standby"], self.cloud.opened, poll_s=0.01)
        return made

    def state(self) -> Any:
        return self.cloud.state()

    def resist(self) -> None:
        self.where.ports["primary"] = self.pair.a.port


class Managed(FenceGround):
    """A database that a cloud manages, fenced by the playbooks' own module; Ansible around it is left out."""

    def __init__(self, pair: Pair, engine: str, stack: ExitStack) -> None:
        super().__init__(pair)
        self.engine = engine
        self.database = stack.enter_context(managed_database(engine, self.calls))

    def fence(self) -> Fence:
        return ManagedFence(
            {"primary": self.engine}, self.database, self.where, lambda site: writable_rival(self.where, ["primary", "standby"], site)
        )

    def state(self) -> Any:
        return self.database.state()

    def connections_ended(self) -> bool:
        kept = [call for call in self.database.done if call in {*_RESTARTS, "modify_db_instance", "ModifySecurityIps"}]
        return kept[-1] in _RESTARTS

    def resist(self) -> None:
        self.database.deaf = True


class ByPlaybook(FenceGround, AbstractContextManager["ByPlaybook"]):
    """A server of one's own, of a pair that may be broken; what its playbooks would do is done to it (port Ansible)."""

    tells_when_fenced = False

    def __init__(self, servers: Servers) -> None:
        super().__init__(servers.intact)
        self.server = servers.spare.a
        self.marker = self.server.data.parent / f"{self.server.name}.FENCED"
        self.deaf = False
        self.where.ports["primary"] = self.server.port

    def fence(self) -> Fence:
        return PlaybookFence(self, self.where, ["primary", "standby"])

    def play(self, playbook: str, **_asked: Any) -> PlayResult:
        already = self.marker.exists()
        if not self.deaf:
            self.calls.carry(playbook, self._shut if playbook.startswith("fence") else self._open)
        return PlayResult("successful", {"pg_fence": {"already_fenced": already}}, 1, ())

    def __exit__(self, *_error: object) -> None:
        self._open()

    def _shut(self) -> None:
        self.server.do("fence")

    def _open(self) -> None:
        self.marker.unlink(missing_ok=True)
        self.server.do("start")

    def state(self) -> Any:
        return {"fenced": self.marker.exists(), "runs": postmaster(self.server.data) is not None}

    def resist(self) -> None:
        self.deaf = True


class InSandbox(FenceGround):
    """The real sandbox. Its standby region is what is fenced when the rival is to take writes."""

    def __init__(self, pair: Pair, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sites = {"primary": "a", "standby": "b"}
        self.deaf = False
        super().__init__(pair)

    control: Any = ()

    @property
    def details(self) -> dict[str, Any]:
        """As the sandbox has it (Handle)."""
        return self.sandbox.details

    def status(self) -> dict[str, Any]:
        """As the sandbox has it (Handle)."""
        return self.sandbox.status()

    def ask(self, verb: str, *, timeout_s: float = 10.0, **fields: Any) -> dict[str, Any]:
        """As the sandbox does it (Handle), and counted."""
        if self.deaf:
            return {"killed": [], "woken": [], "already": False}
        found: dict[str, Any] = self.calls.carry(verb, lambda: self.sandbox.ask(verb, timeout_s=timeout_s, **fields))
        return found

    def fence(self) -> Fence:
        return SandboxFence(self, self.sites)

    def state(self) -> Any:
        region = self.sandbox.status()["regions"][self.sites["primary"]]
        return {"fenced": region["fenced"], "running": region["postgres"]["running"], "role": region["role"]}

    def resist(self) -> None:
        self.deaf = True

    def rival(self, does: Rival) -> None:
        if does != "follows":
            self.sites.update(primary="b", standby="a")
        if does == "silent":
            self.sandbox.ask("freeze", region="a")

    def end(self) -> None:
        """As it was found."""
        self.sandbox.ask("thaw", region="a")
        for region in "ab":
            self.sandbox.ask("unfence" if region == "b" else "release", region=region)
            self.sandbox.ask("start-postgres", region=region)


@contextmanager
def machines(name: str, servers: Servers, *, starts_at_boot: bool = True) -> Iterator[Machines]:
    """One of `MACHINES`, new."""
    with ExitStack() as stack:
        cloud: Aws | Aliyun
        if name == "aws machines":
            stack.enter_context(mock.patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}))  # they take a second to load
            stack.enter_context(mock_aws())
            stack.enter_context(strict_ec2())
            cloud = Aws("stop")
        else:
            cloud = Aliyun("stop")
            cloud.server.start()
            stack.callback(cloud.server.end)
        cloud.tag(cloud.machines[:2], ROLE)
        yield Machines(servers.intact, cloud, starts_at_boot=starts_at_boot)


@contextmanager
def fence_ground(name: str, servers: Servers, sandbox: Callable[[], Sandbox]) -> Iterator[FenceGround]:
    """One of `FENCES`, new."""
    with ExitStack() as stack:
        if name in MACHINES:
            yield stack.enter_context(machines(name, servers))
        elif name in MANAGED:
            yield Managed(servers.intact, name, stack)
        elif name == "sandbox":
            inside = InSandbox(servers.intact, sandbox())
            stack.callback(inside.end)
            yield inside
        else:
            yield Fake(servers.intact) if name == "fake" else stack.enter_context(ByPlaybook(servers))
