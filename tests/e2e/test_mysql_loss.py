"""The loss of a MySQL primary, for real: two MariaDB servers, fenced, promoted and home again, measured, no password anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.database_sessions import open_session
from drill.model.ports import DatabaseAccess
from tests.adapters import my_control
from tests.adapters.little_http import answering
from tests.adapters.my_pair import MyPair, MyServer, make_template, start_pair, wait_applied
from tests.e2e.place import Engine, Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]

_PASSWORDS = {"drill": "needle-41c7-site", "canary": "needle-9d02-canary"}
_SCENARIO = """
scenario: mysql-loss
title: The database server is lost
objectives: {rto: 2m, rpo: 30s}
steady_state: [checkout]
probes: {checkout: {http: "%(health)s", every: 100ms, timeout: 1s, user_view: true}}
canary: {mysql: secret:CANARY, every: 100ms}
limits: {max_changes: 20, allow: ["primary/*", "standby/*"]}
phases:
  before:
    acknowledge: none
    steps:
      replication: {verify.replication: {site: standby, from: primary}}
      rows: {verify.rows: {site: primary, tables: [orders]}, after: [replication]}
  outage:
    after: [before]
    acknowledge: none
    steps:
      freeze:
        outage.command:
          site: primary
          run: [kill, -STOP, "%(pid)d"]
          undo: [sh, -c, "kill -CONT %(pid)d 2>/dev/null; true"]
          changes: [{target: primary/database, verb: stop, count: 1}]
  detect: {after: [outage], acknowledge: none, steps: {heartbeat: {detect.heartbeat: {probe: checkout, every: 500ms, misses: 2}}}}
  data:
    after: [detect]
    acknowledge: none
    steps:
      fence: {fence: {site: primary}}
      promote: {database.promote: {site: standby, playbook: promote_mysql.yml, max_lag_transactions: 1000}, after: [fence]}
      writable: {verify.sql: {site: standby, sql: select @@global.read_only, equals: 0, until: 10s}, after: [promote]}
      rows: {verify.rows: {site: standby, tables: [orders], equal: "{{ steps.before.rows.outputs.tables }}"}, after: [promote]}
      proof: {probe.until: {probe: checkout, ok_in_a_row: 10}, after: [writable]}
failback:
  phases:
    home:
      acknowledge: none
      steps:
        end: {outage.end: {of: outage.freeze, site: primary}}
        rejoin: {ansible.play: {playbook: rejoin_mysql.yml, site: primary}, after: [end]}
        roles: {ansible.play: {playbook: switchover_mysql.yml, site: primary}, after: [rejoin]}
        streams: {verify.replication: {site: standby, from: primary, until: 30s}, after: [roles]}
"""


@pytest.fixture
def pair() -> Iterator[MyPair]:
    template = make_template()
    made = start_pair(template)
    shutil.rmtree(template)
    users = "".join(f"create user {name}@'127.0.0.1' identified by '{word}';" for name, word in _PASSWORDS.items())
    made.a.sql(users + "grant select on shop.* to drill@'127.0.0.1'; grant slave monitor on *.* to drill@'127.0.0.1'")
    made.a.sql("grant all on shop.* to canary@'127.0.0.1'; drop table shop.canary; create table shop.orders (id int primary key)")
    made.a.sql("insert into shop.orders select seq from shop.seq_1_to_500")
    assert wait_applied(made.a, made.b)
    yield made
    made.end()


@pytest.fixture
def health(pair: MyPair) -> Iterator[str]:
    """The address of a shop that is well while one of the two takes writes."""

    def well(server: MyServer) -> bool:
        access = DatabaseAccess("127.0.0.1", server.port, "root", "", Path(), engine="mysql")
        try:
            session = open_session(access, within_s=0.3)
            found = session.takes_writes()
            session.close()
        except ConnectionBroken:
            return False
        return found

    with answering(lambda _asked: (200, "well") if well(pair.a) or well(pair.b) else (503, "no database")) as server:
        yield f"{server.url}/health"


def site(place: Place, name: str, server: MyServer) -> dict[str, Any]:
    """What the scenario says of it; its password lies in a file of the team's."""
    everyone = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = place.base / f"{name}.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": everyone, "hosts": {f"db-{name}": server.variables([])}}}))
    file = place.base / "my.cnf"
    file.write_text(f"[client]\npassword = {_PASSWORDS['drill']}\n")
    file.chmod(0o600)
    database = {"engine": "mysql", "host": "127.0.0.1", "port": server.port, "user": "drill", "dbname": "shop", "passfile": "secret:MYCNF"}
    return {"provider": "hosts", "region": f"dc-{name}", "database": database, "inventory": str(inventory)}


def start(place: Place, pair: MyPair, health: str) -> Engine:
    frozen = my_control.server(pair.a.data)
    assert frozen is not None
    written = yaml.safe_load(_SCENARIO % {"health": health, "pid": frozen.pid})
    written["sites"] = {"primary": site(place, "primary", pair.a), "standby": site(place, "standby", pair.b)}
    scenario = place.base / "mysql-loss.yaml"
    scenario.write_text(yaml.safe_dump(written, sort_keys=False))
    hosts = f"127.0.0.1:{pair.a.port},127.0.0.1:{pair.b.port}"
    place.secrets |= {
        "DRILL_SECRET_MYCNF": str(place.base / "my.cnf"),
        "DRILL_SECRET_CANARY": f"mysql://canary:{_PASSWORDS['canary']}@{hosts}/shop",
    }
    return place.start("run", str(scenario), "--id", "lost", "--live", "--confirm", "mysql-loss")


def test_a_lost_mysql_primary_is_fenced_replaced_and_brought_home(place: Place, pair: MyPair, health: str) -> None:
    engine = start(place, pair, health)

    assert engine.ended(within_s=240) == 0, (engine.refusal, engine.errors.read_text()[-3000:], engine.facts[-3:])
    done = {fact["data"]["step"]: fact["data"]["outputs"] for fact in engine.told("StepSucceeded")}
    assert "refused" in done["data.fence"]["proof"]["write"]
    assert (done["data.promote"]["engine"], done["data.promote"]["lag_known"]) == ("mariadb", True)
    assert done["data.rows"]["tables"]["orders"]["rows"] == 500
    assert done["home.streams"]["lag_transactions"] is not None
    assert (pair.a.sql("select @@read_only"), pair.b.sql("select @@read_only")) == ("0", "1")
    loss = place.report("lost")["rpo"]
    assert loss["acknowledged_rows"] > 10
    assert loss["lost_rows"] is not None
    kept = [path for path in place.base.rglob("*") if path.is_file() and path.name != "my.cnf"]
    assert not [path for path in kept if any(word.encode() in path.read_bytes() for word in _PASSWORDS.values())]
