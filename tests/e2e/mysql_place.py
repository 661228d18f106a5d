"""Two real MariaDB servers, what a scenario says of them, and a shop that is well while one of them takes writes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.database_sessions import open_session
from drill.model.ports import DatabaseAccess
from tests.adapters.little_http import answering
from tests.adapters.my_pair import MyPair, MyServer, make_template, start_pair, wait_applied
from tests.e2e.place import Engine, Place

PASSWORDS = {"drill": "needle-41c7-site", "canary": "needle-9d02-canary"}


@contextmanager
def shop_pair() -> Iterator[MyPair]:
    """A pair with 500 orders and the users of a drill; `a` is the primary."""
    template = make_template()
    made = start_pair(template)
    shutil.rmtree(template)
    users = "".join(f"create user {name}@'127.0.0.1' identified by '{word}';" for name, word in PASSWORDS.items())
    made.a.sql(users + "grant select on shop.* to drill@'127.0.0.1'; grant slave monitor on *.* to drill@'127.0.0.1'")
    made.a.sql("grant all on shop.* to canary@'127.0.0.1'; drop table shop.canary; create table shop.orders (id int primary key)")
    made.a.sql("insert into shop.orders select seq from shop.seq_1_to_500")
    assert wait_applied(made.a, made.b)
    try:
        yield made
    finally:
        made.end()


@contextmanager
def shop(pair: MyPair) -> Iterator[str]:
    """The address of a shop that is well while one of the two takes writes; it looks five times a second."""
    state, over = {"well": False}, threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            state["well"] = any(_takes_writes(server) for server in (pair.a, pair.b))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with answering(lambda _asked: (200, "well") if state["well"] else (503, "no database")) as server:
            yield f"{server.url}/health"
    finally:
        over.set()
        looking.join()


def _takes_writes(server: MyServer) -> bool:
    access = DatabaseAccess("127.0.0.1", server.port, "root", "", Path(), sslmode="disable", engine="mysql")
    try:
        session = open_session(access, within_s=0.5)
        found = session.takes_writes()
        session.close()
    except ConnectionBroken:
        return False
    return found


def _site(place: Place, name: str, server: MyServer) -> dict[str, Any]:
    """What the scenario says of it; its password lies in a file of the team's."""
    everyone = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = place.base / f"{name}.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": everyone, "hosts": {f"db-{name}": server.variables([])}}}))
    file = place.base / "my.cnf"
    file.write_text(f"[client]\npassword = {PASSWORDS['drill']}\n")
    file.chmod(0o600)
    database = {"engine": "mysql", "host": "127.0.0.1", "port": server.port, "user": "drill", "dbname": "shop", "passfile": "secret:MYCNF"}
    return {"provider": "hosts", "region": f"dc-{name}", "database": database, "inventory": str(inventory)}


def start(place: Place, pair: MyPair, scenario: dict[str, Any], drill: str) -> Engine:
    """Run a scenario, live, on the pair."""
    scenario["sites"] = {"primary": _site(place, "primary", pair.a), "standby": _site(place, "standby", pair.b)}
    path = place.base / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False, allow_unicode=True))
    hosts = f"127.0.0.1:{pair.a.port},127.0.0.1:{pair.b.port}"
    canary = f"mysql://canary:{PASSWORDS['canary']}@{hosts}/shop"
    place.secrets |= {"DRILL_SECRET_MYCNF": str(place.base / "my.cnf"), f"DRILL_SECRET_{scenario['canary']['mysql'].split(':')[1]}": canary}
    return place.start("run", str(path), "--id", drill, "--live", "--confirm", scenario["scenario"])


def told_passwords(place: Place) -> list[Path]:
    """Files that are kept of its drills and hold a password, but the team's own."""
    kept = [path for path in place.base.rglob("*") if path.is_file() and path.name != "my.cnf"]
    return [path for path in kept if any(word.encode() in path.read_bytes() for word in PASSWORDS.values())]


def trouble(engine: Engine) -> list[Any]:
    """What a drill said that went wrong, for the message of a failed test."""
    kinds = {"StepFailed", "StepInterrupted", "FindingRaised", "UndoFailed", "DrillFinished", "GuardBroken"}
    told = [(fact["kind"], fact["data"]) for fact in engine.facts if fact["kind"] in kinds]
    return [engine.refusal, engine.errors.read_text()[-2000:], *told]
