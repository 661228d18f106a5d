"""Two emulated clouds over one real ground: what their APIs are told happens to the sandbox's processes, and the probes measure that."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

from drill.model.errors import DrillError
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.ecs_api import EcsApi
from drill.sandbox.ecs_doors import RdsApi, SlbApi
from drill.sandbox.ground import SandboxGround
from drill.sandbox.layout import REGIONS
from drill.sandbox.world import Sandbox, take_down
from tests.clouds.recorder import Recorder

PROJECT: Final = Path(__file__).resolve().parents[2]
NAME: Final = "aliyun-to-aws-region-outage"
SHOP: Final = "shop.drill.test"
AWS_REGION, ALIYUN_REGION = "ap-southeast-1", "cn-hangzhou"
KEYS: Final = {"AWS_ACCESS_KEY_ID": "clouds", "AWS_SECRET_ACCESS_KEY": "clouds-secret", "AWS_DEFAULT_REGION": AWS_REGION}
ALIYUN_KEY, ALIYUN_SECRET = "clouds-aliyun", "clouds-aliyun-secret"
_LOOK_EVERY_S: Final = 0.1
_HERE: Final = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
_ALIVE: Final = [{"Name": "instance-state-name", "Values": ["running"]}, {"Name": "tag:role", "Values": ["app"]}]


class AwsStandby:
    """The standby's instances: each that runs in the emulated EC2 is an app server of region b, and ends with it."""

    def __init__(self, sandbox: Sandbox) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        self._ec2 = boto3.client("ec2", region_name=AWS_REGION, endpoint_url=self.endpoint, **keys)
        vpc = self._ec2.create_vpc(CidrBlock="127.0.0.0/16")["Vpc"]["VpcId"]
        self._ec2.create_subnet(VpcId=vpc, CidrBlock="127.0.2.0/24")
        self._sandbox = sandbox
        self._serving: dict[str, str] = {}

    def follow(self) -> None:
        """Make the app servers of region b what the API says runs."""
        wanted = self.running()
        for name in self._serving.keys() - wanted.keys():
            self._sandbox.ask("instance", action="destroy", name=name)
        for name in wanted.keys() - self._serving.keys():
            self._sandbox.ask("instance", action="create", name=name, region="b", address=wanted[name])
        self._serving = wanted

    def running(self) -> dict[str, str]:
        """Address of each running instance, by its id."""
        found = self._ec2.describe_instances(Filters=_ALIVE)["Reservations"]
        return {row["InstanceId"]: row["PrivateIpAddress"] for reservation in found for row in reservation["Instances"]}

    def end(self) -> None:
        """Stop the emulator."""
        self._server.stop()


class AliyunPrimary:
    """The primary's machines: when every one of them is isolated, region a stands still; when the database's is stopped, it is fenced.

    Both happen before the API answers.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.api = EcsApi(ALIYUN_REGION, on_change=self.follow)
        group, tags = self.api.add_group("vpc-hangzhou"), {"drill": "allowed"}
        for address in REGIONS["a"]:
            self.api.add_machine("vpc-hangzhou", [group], tags, address=address)
        self.database = self.api.add_machine("vpc-hangzhou", [group], {**tags, "drill-role": "database"}, address="127.0.0.1")
        self.began = self.api.state()
        self._sandbox = sandbox
        self._cut = self._fenced = False
        self._server = AlidnsServer([self.api, SlbApi(), RdsApi()], {ALIYUN_KEY: ALIYUN_SECRET})
        self._server.start()
        self.endpoint = f"http://{self._server.endpoint}"

    @property
    def log(self) -> list[str]:
        """The actions that were carried out, in order."""
        return self._server.log

    def follow(self) -> None:
        """Make region a what the API says."""
        cut = all(self.api.isolated(machine) for machine in self.api.machines)
        if cut != self._cut:
            self._cut = cut
            self._sandbox.ask("freeze" if cut else "thaw", region="a")
        if self.api.machines[self.database].status == "Stopped" and not self._fenced:
            self._fenced = True
            self._sandbox.ask("fence", region="a")

    def end(self) -> None:
        """Stop the emulator."""
        self._server.end()


@dataclass
class TwoClouds:
    """The ground of one end-to-end run. `home` is the drill's; everything emulated listens on loopback."""

    home: Path
    sandbox: Sandbox
    aliyun: AliyunPrimary
    aws: AwsStandby
    recorders: tuple[Recorder, Recorder]
    """Before the emulated EC2, and before Route 53."""
    troubles: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def writes(self) -> list[str]:
        """What the clouds were asked so far that does not only read."""
        aliyun = [action for action in self.aliyun.log if not action.startswith("Describe")]
        return [*aliyun, *(name for recorder in self.recorders for name in recorder.writes)]

    def conduct(self) -> None:
        """Let the processes follow what the APIs say, until the end; what goes wrong is kept for the test to see."""
        while not self._over.wait(_LOOK_EVERY_S):
            try:
                self.aws.follow()
            except DrillError as error:
                self.troubles.append(str(error))

    def environment(self) -> dict[str, str]:
        """What `drill` is started with: endpoints, credentials, secrets; nothing of the machine's own clouds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ALIBABA_", "ALICLOUD_", "DRILL_"))}
        details = self.sandbox.details
        carrier = details["carrier"]
        ours = {
            "DRILL_HOME": str(self.home),
            "DRILL_REPORTS": str(self.home / "reports"),
            "AWS_ENDPOINT_URL": self.recorders[0].endpoint,
            "AWS_ENDPOINT_URL_ROUTE_53": self.recorders[1].endpoint,
            **{f"ALIBABA_ENDPOINT_{product}": carrier["endpoint"] for product in ("DYSMSAPI", "DYBASEAPI")},
            **{f"ALIBABA_ENDPOINT_{product}": self.aliyun.endpoint for product in ("ECS", "SLB", "RDS")},
            "ALIBABA_CLOUD_ACCESS_KEY_ID": ALIYUN_KEY,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ALIYUN_SECRET,
            "ALIBABA_ENDPOINT_MNS": carrier["queue_endpoint"],
            "DRILL_SECRET_SMS_QUEUE": carrier["queue"],
        }
        secrets = {f"DRILL_SECRET_{name}": value for name, value in self.sandbox.secrets.items()}
        return {**kept, **KEYS, **ours, **secrets}

    def overrides(self) -> list[str]:
        """The shipped scenario on this ground: its sites, names and times; its phases, gates and way home stay as they are."""
        regions, dns = self.sandbox.details["regions"], self.sandbox.details["dns"]
        server = f"{dns['address']}:{dns['port']}"
        probe = {"http": f"http://{SHOP}:{regions['a']['shop_port']}/checkout", "method": "POST", "every": "50ms", "timeout": "1s"}
        module = {"module": str(PROJECT / "tests/clouds/standby"), "site": "standby"}
        program = [sys.executable, str(PROJECT / "tests/clouds/standby/instance.py")]
        values: dict[str, Any] = {
            "sites.primary": self._site("a", "primary", provider="aliyun", region=ALIYUN_REGION, select={"tag": {"drill": "allowed"}}),
            "sites.standby": self._site("b", "standby", provider="aws", region=AWS_REGION),
            "zones": {"drill.test": {"provider": "route53", "servers": [server], "resolver": server}},
            "probes.checkout": {**probe, "user_view": True},
            "canary.every": "50ms",
            "limits.allow": ["primary/*", "standby/*", SHOP],
            "messages.sms.kind": "exempt",
            "phases.detect.steps.heartbeat.detect.heartbeat.every": "500ms",
            "phases.rebuild.steps.capacity.terraform.apply": {
                **module,
                "variables": {"region": AWS_REGION, "addresses": list(REGIONS["b"]), "program": program},
            },
        }
        for switch in ("phases.traffic.steps.switch.dns.switch", "failback.phases.traffic_home.steps.switch.dns.switch"):
            values |= {f"{switch}.name": SHOP, f"{switch}.ttl": "1s"}
        return [word for path, value in values.items() for word in ("--set", f"{path}={json.dumps(value)}")]

    def drill(self, *words: str, timeout_s: float = 240.0) -> subprocess.CompletedProcess[str]:
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

    def end(self) -> None:
        """Stop following, and end the emulators and the ground."""
        self._over.set()
        for part in (*self.recorders, self.aws, self.aliyun):
            part.end()
        take_down(self.sandbox.home)

    def _site(self, of: str, site: str, **more: Any) -> dict[str, Any]:
        """A site whose database is a region's, with the inventory that its playbooks need."""
        ground = SandboxGround(self.sandbox, {site: of})
        [host] = ground.inventory(site)["all"]["children"]["pg_target"]["hosts"].values()
        file = self.home / f"{site}.json"
        file.write_text(json.dumps({"all": {"hosts": {f"db-{of}": {**host, **_HERE}}}}), encoding="utf-8")
        access = ground.database(site)
        database = {"host": access.host, "port": access.port, "user": access.user, "dbname": access.dbname, "starts_at_boot": False}
        return {**more, "addresses": list(REGIONS[of]), "database": database, "inventory": str(file)}


@contextlib.contextmanager
def two_clouds(home: Path) -> Iterator[TwoClouds]:
    """A ground that is up and followed, and gone afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox.up(home, owner="clouds", lease_s=900)
    aws = AwsStandby(sandbox)
    recorders = (Recorder(aws.endpoint), Recorder(sandbox.details["api"]["endpoint"]))
    clouds = TwoClouds(home, sandbox, AliyunPrimary(sandbox), aws, recorders)
    following = threading.Thread(target=clouds.conduct, name="two-clouds")
    following.start()
    try:
        yield clouds
    finally:
        clouds.end()
        following.join()
