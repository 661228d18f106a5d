"""A real pair of MariaDB servers with GTID replication for the playbooks, with the inventory they are run on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.adapters import my_control
from tests.adapters.pg_pair import free_port
from tests.debian import unpacked

CONTROL = Path(my_control.__file__)
PASSWORD = "it's a \\ secret"


def programs() -> Path:
    """The tree of the unpacked server and client."""
    return unpacked("mariadb-server-core", "mariadb-client-core").root


@dataclass(frozen=True)
class MyServer:
    """One server of a pair."""

    root: Path
    data: Path
    port: int

    def control(self, verb: str) -> list[str]:
        """The control command as an argv."""
        return [sys.executable, "-I", str(CONTROL), verb, str(self.root), str(self.data), str(self.port)]

    def do(self, verb: str) -> str:
        """Run a verb of the control command."""
        return subprocess.run(self.control(verb), check=True, capture_output=True, text=True).stdout

    @property
    def client(self) -> list[str]:
        """The client with its connection options, as the playbooks call it."""
        libraries = f"LD_LIBRARY_PATH={my_control.environment(self.root)['LD_LIBRARY_PATH']}"
        return ["env", libraries, str(self.root / "usr/bin/mariadb"), "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot"]

    def sql(self, query: str, user: str = "root") -> str:
        """The answer to one query."""
        argv = [*self.client[:-1], f"-u{user}", "--connect-timeout=3", "-BN", "-e", query]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def variables(self, rebuild: list[str]) -> dict[str, Any]:
        """Its host variables."""
        return {
            "my_client_argv": self.client,
            "my_start_argv": self.control("start"),
            "my_fence_argv": self.control("fence"),
            "my_unfence_argv": self.control("unfence"),
            "my_rebuild_argv": rebuild,
            "my_replication": {
                "host": "127.0.0.1",
                "port": self.port,
                "user": "replicator",
                "password_file": str(self.data.parent / "password"),
            },
        }


@dataclass(frozen=True)
class MyPair:
    """Two servers in one folder: `a` is the primary at first, `b` its replica."""

    folder: Path
    a: MyServer
    b: MyServer

    def inventory(self, site: str, rebuild: list[str]) -> Mapping[str, Any]:
        """The inventory of a site, `primary` (server a) or `standby` (server b): the site is the target, the other one its peer."""
        servers = {"primary": self.a, "standby": self.b}
        other = "standby" if site == "primary" else "primary"
        return {
            "all": {
                "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
                "children": {
                    "pg_target": {"hosts": {site: servers[site].variables(rebuild)}},
                    "pg_peer": {"hosts": {other: servers[other].variables(rebuild)}},
                },
            }
        }

    def end(self) -> None:
        """Kill both and remove every file."""
        for each in (self.a, self.b):
            my_control.kill(each.data)
        shutil.rmtree(self.folder)


def make_template() -> Path:
    """A freshly made data folder to copy."""
    root, folder = programs(), Path(tempfile.mkdtemp(prefix="drill-test-my-"))
    argv = [str(root / "usr/bin/mariadb-install-db"), "--no-defaults", f"--basedir={root / 'usr'}", f"--datadir={folder / 'a'}"]
    argv += ["--user=root", "--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db"]
    subprocess.run(argv, env=my_control.environment(root), check=True, capture_output=True)
    return folder


def start_pair(template: Path) -> MyPair:
    """A running pair of its own: `a` writable with the table shop.canary, `b` replicating from it."""
    root, folder = programs(), Path(tempfile.mkdtemp(prefix="drill-test-my-"))
    pair = MyPair(folder, MyServer(root, folder / "a", free_port()), MyServer(root, folder / "b", free_port()))
    (folder / "password").write_text(PASSWORD + "\n")
    for server in (pair.a, pair.b):
        subprocess.run(["cp", "-a", str(template / "a"), str(server.data)], check=True)
        server.do("start")
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    pair.a.sql(
        f"set global read_only = 0; create user replicator@'127.0.0.1' identified by '{quoted}'; create user app@'127.0.0.1';"
        "grant replication slave on *.* to replicator@'127.0.0.1'; create database shop; grant all on shop.* to app@'127.0.0.1';"
        "create table shop.canary (id int primary key)"
    )
    pair.b.sql(
        f"change master to master_host = '127.0.0.1', master_port = {pair.a.port}, master_user = 'replicator',"
        f"master_password = '{quoted}', master_use_gtid = slave_pos, master_connect_retry = 1; start slave"
    )
    assert wait_applied(pair.a, pair.b)
    return pair


def wait_applied(leader: MyServer, follower: MyServer) -> bool:
    """Whether the follower has applied all of its leader within 20 s."""
    position = leader.sql("select @@gtid_binlog_pos")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if follower.sql(f"select master_gtid_wait('{position}', 1)") == "0":
            return True
    return False
