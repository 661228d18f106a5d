"""The sandbox's life: it comes up whole, is found again, and leaves nothing, whatever dies first."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dns.resolver
import psycopg
import pytest

from drill.model.errors import PreflightFailed
from drill.sandbox import world
from drill.sandbox.layout import home_mark, read_json, write_json
from drill.sandbox.server_user import make_state_directory
from drill.sandbox.sweep import left_of
from drill.sandbox.world import Sandbox, take_down
from tests.sandbox.running import Footprint, as_somebody, eventually, open_folder, request

pytestmark = pytest.mark.real


def test_a_new_sandbox_serves_in_region_a_and_replicates_to_region_b(calm: Sandbox) -> None:
    order = request(calm, "127.0.1.1", "POST", "/checkout")

    assert order.status == 200
    assert order.body["region"] == "a"
    assert calm.healthy(())
    with psycopg.connect(calm.details["regions"]["b"]["conninfo"], autocommit=True) as standby:
        sql = "select count(*) from orders where id = %s"
        assert eventually(lambda: standby.execute(sql, [order.body["order"]]).fetchone() == (1,))
        assert standby.execute("select pg_is_in_recovery()").fetchone() == (True,)


def test_the_secrets_are_fictional_numbers_and_a_dsn_that_finds_the_writable_side(calm: Sandbox) -> None:
    secrets = calm.secrets

    assert {secrets[name] for name in ("LEAD_PHONE", "ONCALL_PHONE", "MANAGER_PHONE")} == {"13900000001", "13900000002", "13900000003"}
    with psycopg.connect(secrets["CANARY_DSN"]) as connection:
        assert connection.info.port == calm.details["regions"]["a"]["pg_port"]


def test_every_server_listens_on_loopback_only(calm: Sandbox) -> None:
    found = Footprint.of(calm)

    assert all(address.startswith("127.") for address, _ in found.ports)
    assert not os.stat(calm.layout.socket).st_mode & 0o077  # noqa: PTH116
    assert not os.stat(calm.layout.record).st_mode & 0o077  # noqa: PTH116


def test_up_twice_reuses_the_sandbox_and_renews_its_lease(sandbox: Sandbox, home: Path) -> None:
    again = Sandbox.up(home, services=(), lease_s=7200)

    assert again.details["pid"] == sandbox.details["pid"]
    assert again.status()["lease_left_s"] > 7000


def test_up_replaces_a_sandbox_that_is_not_as_fresh(sandbox: Sandbox, home: Path) -> None:
    before = Footprint.of(sandbox)
    sandbox.ask("freeze", region="a")

    after = Sandbox.up(home, services=())

    assert after.healthy(())
    assert after.layout.state != before.state
    assert not before.state.exists()


def test_two_ups_at_once_make_one_sandbox(home: Path) -> None:
    with ThreadPoolExecutor() as both:
        first, second = both.map(lambda _: Sandbox.up(home, services=()), range(2))

    assert first.details == second.details


def test_a_whole_sandbox_answers_names_and_takes_texts(home: Path) -> None:
    said: list[str] = []
    sandbox = Sandbox.up(home, mode="manual", on_progress=said.append)
    before = Footprint.of(sandbox)

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [sandbox.details["dns"]["address"]]
    resolver.port = sandbox.details["dns"]["port"]
    answer = resolver.resolve("shop.drill.test", "A")

    assert sorted(row.to_text() for row in answer) == sandbox.details["regions"]["a"]["addresses"]
    assert {"SMS_SIGN", "SMS_KEY_ID", "SMS_KEY_SECRET"} < sandbox.secrets.keys()
    assert sandbox.secrets["SMS_KEY_SECRET"] not in str(sandbox.details)
    assert len(said) >= 3
    Sandbox.up(home, mode="silent")
    assert (sandbox.layout.carrier / "phone-mode").read_text() == "silent\n"
    sandbox.down()
    assert before.remains() == []


def test_attach_finds_a_running_sandbox_and_nothing_else(home: Path) -> None:
    home.mkdir()
    assert Sandbox.attach(home) is None

    up = Sandbox.up(home, services=())

    found = Sandbox.attach(home)
    assert found is not None
    assert found.details == up.details
    up.down()
    assert Sandbox.attach(home) is None


def test_down_leaves_nothing_and_may_be_repeated(sandbox: Sandbox) -> None:
    before = Footprint.of(sandbox)
    assert len(before.pids) > 10

    sandbox.down()
    sandbox.down()

    assert before.remains() == []


def test_down_ends_what_an_engine_left_under_the_homes_mark_and_nothing_else(sandbox: Sandbox) -> None:
    ours = subprocess.Popen(["sleep", "60"], env={"DRILL_MARK": f"{sandbox.mark}:drill-7", "PATH": os.defpath})
    other = subprocess.Popen(["sleep", "60"], env={"DRILL_MARK": f"{sandbox.mark}9", "PATH": os.defpath})
    try:
        sandbox.down()

        assert ours.wait(20) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("frozen", [False, True])
def test_killing_the_supervisor_leaves_nothing(sandbox: Sandbox, frozen: bool) -> None:  # noqa: FBT001
    if frozen:
        sandbox.ask("freeze", region="a")
    before = Footprint.of(sandbox)

    os.kill(sandbox.details["pid"], signal.SIGKILL)

    assert eventually(lambda: before.remains() == [], within_s=10.0), before.remains()


def test_down_cleans_up_after_everything_that_watches_was_killed_and_a_region_stands_still(sandbox: Sandbox) -> None:
    sandbox.ask("freeze", region="a")
    before = Footprint.of(sandbox)
    supervisor = sandbox.details["pid"]
    warden = sandbox.details["warden"]

    os.kill(warden, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    take_down(sandbox.home)

    assert before.remains() == []


def test_down_ends_a_sandbox_whose_supervisor_stands_still(sandbox: Sandbox) -> None:
    before = Footprint.of(sandbox)
    os.kill(sandbox.details["pid"], signal.SIGSTOP)

    sandbox.down()

    assert before.remains() == []


def test_down_finds_a_sandbox_whose_pointer_was_lost(sandbox: Sandbox) -> None:
    before = Footprint.of(sandbox)
    (sandbox.home / "sandbox.json").unlink()

    take_down(sandbox.home)

    assert before.remains() == []


def test_the_sandbox_of_another_user_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, theirs = tmp_path / "home", tmp_path / "drill-sandbox-theirs" / "settings.json"
    for folder in (home, theirs.parent):
        folder.mkdir()
    theirs.touch()

    def closed(path: Path) -> dict[str, Any] | None:
        if path == theirs:
            raise PermissionError(13, "Permission denied", str(path))
        return read_json(path)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(world, "read_json", closed)

    take_down(home)

    assert theirs.exists()


def test_down_refuses_to_remove_a_directory_that_is_no_sandbox(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "sandbox.json").write_text(f'{{"state": "{precious}"}}')

    with pytest.raises(Exception, match="is no sandbox"):
        take_down(tmp_path)

    assert precious.is_dir()


def test_a_sandbox_whose_lease_is_not_renewed_ends_by_itself(home: Path) -> None:
    sandbox = Sandbox.up(home, services=(), lease_s=0.3)
    before = Footprint.of(sandbox)

    assert eventually(lambda: before.remains() == [])


def test_a_failed_start_says_why_and_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_PG_BIN", "/nowhere")

    with pytest.raises(PreflightFailed, match="DRILL_PG_BIN=/nowhere") as refused:
        Sandbox.up(home, services=())

    assert refused.value.code == "F030"
    assert read_json(home / "sandbox.json") is None
    assert Sandbox.attach(home) is None


_AS_SOMEBODY = """
import sys; from pathlib import Path; from drill.sandbox.world import Sandbox
sandbox = Sandbox.up(Path(sys.argv[1]), services=())
assert sandbox.details["postgres"]["user"] is None
sandbox.ask("freeze", region="a"); sandbox.ask("fence", region="a"); sandbox.ask("thaw", region="a")
state = sandbox.layout.state; sandbox.down(); assert not state.exists(); print("whole")
"""


def test_an_ordinary_user_runs_the_whole_sandbox_without_dropping_privileges() -> None:
    folder = open_folder()
    source = str(Path(__file__).parents[2])
    try:
        outcome = subprocess.run(
            [*as_somebody(), sys.executable, "-c", _AS_SOMEBODY, str(folder / "home")],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": source},
            capture_output=True,
            text=True,
            check=False,
        )
        assert outcome.stdout == "whole\n", outcome.stderr
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("call", [1, 2, 3], ids=["before its settings", "amid its settings", "with its supervisor started"])
def test_a_sandbox_that_is_interrupted_while_it_is_made_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    made: list[Path] = []
    calls: list[Path] = []

    def make(*arguments: Any) -> Path:
        made.append(make_state_directory(*arguments))
        return made[-1]

    def write(path: Path, value: dict[str, Any]) -> None:
        calls.append(path)
        if len(calls) == call:
            raise KeyboardInterrupt
        write_json(path, value)

    monkeypatch.setattr(world, "make_state_directory", make)
    monkeypatch.setattr(world, "write_json", write)

    with pytest.raises(KeyboardInterrupt):
        Sandbox.up(home, services=())

    assert len(made) == 1
    assert not made[0].exists()
    assert not (home / "sandbox.json").exists()
    assert left_of(home_mark(home)) == []
