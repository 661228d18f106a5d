"""Two sites in emulated clouds over one real ground: what their APIs are told happens to its processes, and the probes measure that."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import psycopg

from drill.model.errors import DrillError
from drill.sandbox.ground import SandboxGround
from drill.sandbox.layout import REGIONS
from drill.sandbox.world import Sandbox, take_down
from tests.clouds.aliyun_primary import AliyunPrimary
from tests.clouds.aws_account import KEYS, AwsAccount
from tests.clouds.aws_provider import provider_mirror, share_plugins
from tests.clouds.aws_sites import AwsPrimary, AwsStandby
from tests.clouds.primary import Primary
from tests.clouds.recorder import Recorder, only_reads

PROJECT: Final = Path(__file__).resolve().parents[2]
SHOP: Final = "shop.drill.test"
_HERE: Final = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@dataclass(frozen=True)
class Pair:
    """A shipped scenario by its name, the cloud that is lost in it, and the region of AWS that takes over."""

    name: str
    lost: Literal["aliyun", "aws"]
    standby: str

    @property
    def scenario(self) -> str:
        """Its file."""
        return f"scenarios/{self.name}.yaml"


ALIYUN_TO_AWS: Final = Pair("aliyun-to-aws-region-outage", "aliyun", "ap-southeast-1")
AWS_TO_AWS: Final = Pair("aws-singapore-to-tokyo", "aws", "ap-northeast-1")


@dataclass
class TwoClouds:
    """The ground of one end-to-end run. `home` is the drill's; everything emulated listens on loopback."""

    home: Path
    pair: Pair
    sandbox: Sandbox
    account: AwsAccount
    primary: Primary
    standby: AwsStandby
    names: Recorder
    """Before Route 53."""
    troubles: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """What the clouds were asked so far."""
        return [*self.primary.asked, *self.account.recorder.asked, *self.names.asked]

    @property
    def writes(self) -> list[str]:
        """What of it does not only read."""
        return [name for name in self.asked if not only_reads(name)]

    def environment(self) -> dict[str, str]:
        """What `drill` is started with: endpoints, credentials, secrets; nothing of the machine's own clouds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ALIBABA_", "ALICLOUD_", "DRILL_"))}
        details = self.sandbox.details
        carrier = details["carrier"]
        ours = {
            "DRILL_HOME": str(self.home),
            "DRILL_REPORTS": str(self.home / "reports"),
            "DRILL_TERRAFORM_MIRROR": str(provider_mirror()),
            "AWS_ENDPOINT_URL": self.account.endpoint,
            "AWS_ENDPOINT_URL_ROUTE_53": self.names.endpoint,
            "AWS_DEFAULT_REGION": self.pair.standby,
            **{f"ALIBABA_ENDPOINT_{product}": carrier["endpoint"] for product in ("DYSMSAPI", "DYBASEAPI")},
            "ALIBABA_ENDPOINT_MNS": carrier["queue_endpoint"],
            "DRILL_SECRET_SMS_QUEUE": carrier["queue"],
            **self.primary.environment,
        }
        secrets = {f"DRILL_SECRET_{name}": value for name, value in self.sandbox.secrets.items()}
        return {**kept, **KEYS, **ours, **secrets}

    def overrides(self) -> list[str]:
        """The shipped scenario on this ground: its sites, names and times; its phases, gates and way home stay as they are."""
        regions, dns = self.sandbox.details["regions"], self.sandbox.details["dns"]
        server = f"{dns['address']}:{dns['port']}"
        probe = {"http": f"http://{SHOP}:{regions['a']['shop_port']}/checkout", "method": "POST", "every": "50ms", "timeout": "1s"}
        values: dict[str, Any] = {
            "sites.primary": self._site("a", "primary", {**self.primary.site, "addresses": list(REGIONS["a"])}),
            "sites.standby": self._site("b", "standby", self.standby.site),
            "zones": {"drill.test": {"provider": "route53", "servers": [server], "resolver": server}},
            "probes": {"checkout": {**probe, "user_view": True}},
            "phases.traffic.steps.business.verify.http.url": f"http://{SHOP}:{regions['a']['shop_port']}/health",
            "canary.every": "50ms",
            "limits.allow": ["primary/*", "standby/*", SHOP],
            "messages.sms.kind": "exempt",
            "messages.sms.inbound": "queue",
            "guards": {},  # nothing stands beside this shop
            "phases.detect.steps.heartbeat.detect.heartbeat.every": "500ms",
            "phases.rebuild.steps.capacity.terraform.apply": self.standby.module(self.home),
        }
        for switch in ("phases.traffic.steps.switch.dns.switch", "failback.phases.traffic_home.steps.switch.dns.switch"):
            values |= {f"{switch}.name": SHOP, f"{switch}.ttl": "1s"}
        return [word for path, value in values.items() for word in ("--set", f"{path}={json.dumps(value)}")]

    def drill(self, *words: str, timeout_s: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        argv = [sys.executable, "-m", "drill.cli.main", *words]
        return subprocess.run(
            argv,
            cwd=PROJECT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Run a command in the background; what it says is not kept."""
        argv, quiet = [sys.executable, "-m", "drill.cli.main", *words], subprocess.DEVNULL
        return subprocess.Popen(argv, cwd=PROJECT, env=self.environment(), text=True, stdin=quiet, stdout=quiet, stderr=quiet)

    def sql(self, region: str, statement: str) -> list[tuple[Any, ...]]:
        """Ask the database of a region; the statement answers with rows."""
        conninfo = f"{self.sandbox.details['regions'][region]['conninfo']} connect_timeout=5"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def follow(self) -> None:
        """Let the processes follow what the APIs say; what goes wrong is kept for the test to see."""
        try:
            self.primary.follow()
            self.standby.follow()
        except DrillError as error:
            self.troubles.append(str(error))

    def end(self) -> None:
        """End the emulators and the ground."""
        for part in (self.names, self.account, self.primary):
            part.end()
        take_down(self.sandbox.home)

    def _site(self, of: str, site: str, said: dict[str, Any]) -> dict[str, Any]:
        """A site whose database is a region's, with the inventory that its playbooks need."""
        ground = SandboxGround(self.sandbox, {site: of})
        [host] = ground.inventory(site)["all"]["children"]["pg_target"]["hosts"].values()
        file = self.home / f"{site}.json"
        file.write_text(json.dumps({"all": {"hosts": {f"db-{of}": {**host, **_HERE}}}}), encoding="utf-8")
        access = ground.database(site)
        database: dict[str, Any] = {"host": access.host, "port": access.port, "user": access.user, "dbname": access.dbname}
        database["starts_at_boot"] = self.primary.starts_at_boot
        return {**said, "database": database, "inventory": str(file)}


@contextlib.contextmanager
def two_clouds(home: Path, pair: Pair) -> Iterator[TwoClouds]:
    """A ground that is up and follows the clouds, and gone afterwards."""
    share_plugins(home)
    sandbox = Sandbox.up(home, owner="clouds", lease_s=900)
    account = AwsAccount()
    primary = AwsPrimary(sandbox, account) if pair.lost == "aws" else AliyunPrimary(sandbox)
    standby = AwsStandby(sandbox, account, pair.standby)
    made = TwoClouds(home, pair, sandbox, account, primary, standby, Recorder(sandbox.details["api"]["endpoint"]))
    account.recorder.after = made.follow
    try:
        yield made
    finally:
        made.end()
