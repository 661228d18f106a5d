"""The ground of a live drill is what the scenario says of it, and every gap is told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ground_described import DescribedGround
from drill.model.errors import Fatal, PreflightFailed
from drill.model.plan import Site
from drill.model.ports import Ground
from tests.fakes import FakeSecrets

DATABASE = {
    "host": "db-a.example.com",
    "port": 5433,
    "user": "drill",
    "dbname": "shop",
    "passfile": "secret:PGPASSFILE",
    "sslmode": "require",
}


def ground(tmp_path: Path, standby: dict[str, Any] | None = None, **primary: Any) -> Ground:
    sites = [
        Site(id="primary", provider="aliyun", region="cn-hangzhou", options={"select": {"tag": {"drill": "allowed"}}, **primary}),
        Site(id="standby", provider="aws", region="ap-southeast-1", options=standby or {}),
    ]
    secrets = FakeSecrets({"PGPASSFILE": "/etc/drill/pgpass"})
    return DescribedGround(sites, project=tmp_path, secrets=secrets, last_lsn=lambda: "0/16B3748")


def test_expressions_see_what_the_site_says_but_neither_secrets_nor_tags(tmp_path: Path) -> None:
    seen = ground(tmp_path, addresses=["192.0.2.1"], database=DATABASE, vpc="vpc-1").attributes("primary")

    assert seen["addresses"] == ["192.0.2.1"]
    assert (seen["provider"], seen["region"], seen["vpc"], seen["pg_port"]) == ("aliyun", "cn-hangzhou", "vpc-1", 5433)
    assert (seen["tags"], "tags" in ground(tmp_path).attributes("standby")) == ({"drill": "allowed"}, False)
    assert "passfile" not in seen["database"]
    assert "select" not in seen


def test_a_database_is_reached_by_its_password_file_only(tmp_path: Path) -> None:
    access = ground(tmp_path, database=DATABASE).database("primary")

    told = "host=db-a.example.com port=5433 user=drill dbname=shop passfile=/etc/drill/pgpass sslmode=require"
    assert access.conninfo() == told


def test_a_database_of_mysql_is_reached_by_its_own_client_and_option_file(tmp_path: Path) -> None:
    database = {key: value for key, value in DATABASE.items() if key != "port"}
    seen = ground(tmp_path, database={**database, "engine": "mysql"})

    access = seen.database("primary")
    host = seen.inventory("primary")["all"]["children"]["pg_target"]["hosts"]["primary"]

    assert (access.engine, access.port, access.passfile, access.sslmode) == ("mysql", 3306, Path("/etc/drill/pgpass"), "require")
    assert host["my_client_argv"][1:] == ["--defaults-extra-file=/etc/drill/pgpass", "-h", "db-a.example.com", "-P", "3306", "-u", "drill"]
    assert not [name for name in host if name.startswith("pg_")]
    assert (seen.attributes("primary")["my_port"], "pg_port" in seen.attributes("primary")) == (3306, False)
    with pytest.raises(Fatal, match="no PostgreSQL one") as refused:
        access.conninfo()
    assert refused.value.code == "A290"


def test_a_site_without_a_database_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="names no database") as refused:
        ground(tmp_path).database("primary")

    assert (refused.value.code, "sites.primary.database" in refused.value.fix) == ("A250", True)


def test_an_inventory_puts_the_sites_hosts_against_all_others(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "all:\n  vars: {ansible_user: ops, pg_data: /all}\n  hosts: {db-a1: {}}\n"
        "  children: {replicas: {vars: {pg_data: /inner}, hosts: {db-a2: {pg_slot: a2}}}}\n"
    )

    made = ground(tmp_path, {"database": {**DATABASE, "host": "db-b.example.com"}}, inventory="a.yml").inventory("primary")
    groups = made["all"]["children"]

    assert groups["pg_target"]["hosts"] == {
        "db-a1": {"ansible_user": "ops", "pg_data": "/all"},
        "db-a2": {"ansible_user": "ops", "pg_data": "/inner", "pg_slot": "a2"},
    }
    assert list(groups["pg_peer"]["hosts"]) == ["standby"]
    assert "db-b.example.com" in groups["pg_peer"]["hosts"]["standby"]["pg_conninfo"]
    assert groups["pg_peer"]["hosts"]["standby"]["ansible_connection"] == "local"


@pytest.mark.parametrize(("text", "said"), [(None, "No such file"), ("all: [", "while parsing"), ("all: {hosts: {}}", "names no host")])
def test_an_inventory_that_cannot_be_used_stops_a_drill_before_it_starts(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "a.yml").write_text(text)

    with pytest.raises(PreflightFailed, match=said) as refused:
        ground(tmp_path, inventory="a.yml").inventory("primary")

    assert (refused.value.code, "'primary'" in refused.value.what) == ("F047", True)


def test_a_site_nobody_wrote_down_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="no site 'third'"):
        ground(tmp_path).attributes("third")
