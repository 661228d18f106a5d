"""Terraform on a shared Postgres: the password reaches it without showing in any environment or command line, and stays on no disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from drill.model.ports import Terraform, Workspace
from drill.settings import Settings
from drill.wiring.stores import open_terraform
from tests.adapters.terraform_watch import Watch
from tests.serving.place import Database, database

PASSWORD = "sixty\\ways:to%say@it"
MODULE = """
variable "names" { type = set(string) }
resource "terraform_data" "app" {
  for_each = var.names
  provisioner "local-exec" { command = "sleep 0.5" }
}
"""
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def guarded() -> Iterator[Database]:
    """A Postgres that lets `keeper` in with the password alone."""
    with database() as made:
        escaped = PASSWORD.replace("'", "''")
        made.sql(f"create role keeper superuser login password '{escaped}'")
        rules = made.server.data / "pg_hba.conf"
        rules.write_text("host all keeper 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        made.sql("select pg_reload_conf()")
        yield made


def opened(made: Database, home: Path) -> Terraform:
    url = URL.create("postgresql", "keeper", PASSWORD, "127.0.0.1", made.server.port, "postgres", {"sslmode": "disable"})
    return open_terraform(Settings(home, home / "reports", home, url.render_as_string(hide_password=False), None))


def workspace(folder: Path) -> Workspace:
    folder.mkdir()
    (folder / "main.tf").write_text(MODULE)
    return Workspace("d1", "rebuild.capacity", str(folder), {"names": ["b1", "b2"]})


def held(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and b"ways" in path.read_bytes()]


def test_the_password_shows_in_no_process_and_stays_on_no_disk(guarded: Database, tmp_path: Path) -> None:
    terraform, where = opened(guarded, tmp_path), workspace(tmp_path / "module")

    with Watch(tmp_path, ["ways"]) as watch:
        terraform.plan(where)
        terraform.apply(where, stopping=lambda: False, on_event=lambda _event: None)
        built = terraform.resources(where)

    assert built == ['terraform_data.app["b1"]', 'terraform_data.app["b2"]']
    assert "terraform" in watch.programs
    assert watch.found == set()
    assert set(watch.papers.values()) == {0o600}
    assert held(tmp_path) == []


def test_a_paper_that_a_killed_engine_left_is_removed_by_the_next(guarded: Database, tmp_path: Path) -> None:
    terraform, where = opened(guarded, tmp_path), workspace(tmp_path / "module")
    terraform.plan(where)
    left = next(tmp_path.rglob("drill.tfplan")).with_name("apply-pgpassfile.paper")
    left.write_text(f"*:*:*:*:{PASSWORD}\n")

    terraform.resources(where)

    assert held(tmp_path) == []


def test_the_sandboxes_terraform_gets_no_key_of_a_cloud(guarded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "many-ways-in")
    settings = Settings(tmp_path, tmp_path / "reports", tmp_path, guarded.url, None)
    where = workspace(tmp_path / "module")

    with Watch(tmp_path, ["ways"]) as watch:
        open_terraform(settings, clouds=False).plan(where)

    assert "terraform" in watch.programs
    assert watch.found == set()
