"""The playbooks for repmgr with the real one on a real streaming pair, all unpacked from Debian's packages: the whole circle home."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ansible import AnsibleRunner
from drill.model.ports import PlayResult
from tests.adapters import pg_control
from tests.adapters.pg_pair import Pair, Server, binaries, copy_pair, make_template, wait_streaming
from tests.debian import Unpacked, unpacked

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
MAJORS = {"12": "15", "13": "17"}
"""The PostgreSQL of each Debian."""
pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.sweep]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    major = MAJORS[release["VERSION_ID"].strip('"')]
    tree = unpacked(f"postgresql-{major}", f"postgresql-{major}-repmgr", "repmgr").root
    place = Path(tempfile.mkdtemp(prefix="drill-test-repmgr-"))
    place.chmod(0o755)  # the servers' user must reach it, and not the cache of root
    subprocess.run(["cp", "-a", str(tree / "usr"), str(place)], check=True)
    libraries = Unpacked(place).environment["LD_LIBRARY_PATH"]
    monkeypatch.setitem(pg_control.ENVIRONMENT, "LD_LIBRARY_PATH", libraries)
    monkeypatch.setenv("DRILL_TEST_LIBRARIES", libraries)
    bin_dir = place / "usr/lib/postgresql" / major / "bin"
    template = make_template(bin_dir)
    pair = copy_pair(template, bin_dir)
    try:
        ready(pair, bin_dir)
        yield pair
    finally:
        pair.end()
        shutil.rmtree(template)
        shutil.rmtree(place)


def ready(pair: Pair, bin_dir: Path) -> None:
    """Start it, and let repmgr know both."""
    pair.start()
    for number, server in ((1, pair.a), (2, pair.b)):
        configuration(pair, server).write_text(
            f"node_id={number}\nnode_name='region_{server.name}'\nconninfo='{server.conninfo} connect_timeout=2'\n"
            f"data_directory='{server.data}'\npg_bindir='{bin_dir}'\nreconnect_attempts=1\nreconnect_interval=1\n"
            f"use_replication_slots=true\nnode_rejoin_timeout=30\nservice_start_command='sh {starting(pair, server)}'\n"
        )
    repmgr(pair, pair.a, "primary", "register")
    repmgr(pair, pair.b, "standby", "register")


def configuration(pair: Pair, server: Server) -> Path:
    return pair.root / f"{server.name}.conf"


def starting(pair: Pair, server: Server) -> Path:
    """A script that starts a server with its own settings: a rewind brings those of the other one."""
    own, script = pair.root / f"{server.name}.own", pair.root / f"{server.name}.sh"
    own.write_text(pg_control.configuration(server.name, server.port))
    start = f"{server.bin_dir}/pg_ctl -D {server.data} -l {server.data}.repmgr.log -w start"
    script.write_text(f"cp {own} {server.data}/drill.conf && exec {start}\n")
    return script


def repmgr(pair: Pair, server: Server, *words: str) -> str:
    return pg_control.tool(server.bin_dir, "repmgr", "-f", str(configuration(pair, server)), *words).stdout


def play(pair: Pair, playbook: str, site: str) -> PlayResult:
    inventory: Any = pair.inventory(site)
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    libraries = os.environ["DRILL_TEST_LIBRARIES"]
    for group, server in (("pg_target", pair.a if site == "primary" else pair.b), ("pg_peer", pair.b if site == "primary" else pair.a)):
        for host in inventory["all"]["children"][group]["hosts"].values():
            program = ["env", "-C", "/", f"LD_LIBRARY_PATH={libraries}", str(server.bin_dir / "repmgr")]
            for name in ("pg_start_argv", "pg_stop_argv", "pg_fence_argv", "pg_unfence_argv"):
                host[name] = ["env", f"DRILL_TEST_LIBRARIES={libraries}", *host[name]]
            host["pg_slot"] = f"repmgr_slot_{1 if server is pair.a else 2}"
            host["pg_bin"] = str(binaries()[-1])  # its psql needs nothing but itself
            host["repmgr_argv"] = [*drop, *program, "-f", str(configuration(pair, server))]
    rest: dict[str, Any] = {"check": False, "timeout_s": 180.0, "stopping": lambda: False, "on_task": lambda _: None}
    runner = AnsibleRunner(PLAYBOOKS, f"test-{pair.root}")
    return runner.play(playbook, inventory=inventory, variables={"pg_primary_last_lsn": "0/0"}, **rest)


def test_the_whole_circle_through_repmgr_loses_no_row_and_repmgr_knows_who_leads(pair: Pair) -> None:
    pair.a.sql("insert into canary select generate_series(1, 100)")
    early = play(pair, "promote_repmgr.yml", "standby")

    fenced = play(pair, "fence_postgres.yml", "primary")
    promoted = [play(pair, "promote_repmgr.yml", "standby") for _ in range(2)]
    pair.b.sql("insert into canary select generate_series(101, 200)")
    rejoined = play(pair, "rejoin_repmgr.yml", "primary")
    home = play(pair, "failback_repmgr.yml", "primary")

    assert early.failure.startswith("PG_TWO_PRIMARIES primary still takes writes")
    assert [run.failure for run in (fenced, *promoted, rejoined, home)] == [""] * 5
    pair.a.sql("insert into canary select generate_series(201, 300)")
    assert [run.changed > 0 for run in promoted] == [True, False]
    assert promoted[0].outputs["pg_promote"]["after"]["timeline"] == 2
    assert (rejoined.outputs["pg_rejoin"]["method"], home.outputs["pg_rejoin"]["method"]) == ("repmgr", "already")
    assert [server.sql("select pg_is_in_recovery()") for server in (pair.a, pair.b)] == ["f", "t"]
    assert wait_streaming(pair.a, "region_b")
    assert pair.a.sql("select count(*) from canary") == "300"
    rows = [[cell.strip() for cell in line.split("|")] for line in repmgr(pair, pair.a, "cluster", "show").splitlines() if "|" in line]
    assert [row[1:4] for row in rows if row[0].isdigit()] == [["region_a", "primary", "* running"], ["region_b", "standby", "running"]]
