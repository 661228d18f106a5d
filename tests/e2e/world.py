"""Looks at the sandbox's world from outside the engine: SQL, names, HTTP, the phone, Terraform's state, processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
from typing import Any

import dns.resolver
import psutil
import psycopg

from drill.sandbox.layout import NAME
from drill.sandbox.world import PHONES, Sandbox
from tests.e2e.place import Engine, Place, eventually

LEAD, ONCALL = PHONES["LEAD_PHONE"], PHONES["ONCALL_PHONE"]


def query(sandbox: Sandbox, region: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask a region's database."""
    with psycopg.connect(sandbox.details["regions"][region]["conninfo"], connect_timeout=3, autocommit=True) as connection:
        cursor = connection.execute(sql.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def timeline(sandbox: Sandbox, region: str) -> int:
    """The timeline a region's database writes on or follows."""
    return int(query(sandbox, region, "select timeline_id from pg_control_checkpoint()")[0][0])


def takes_writes(sandbox: Sandbox, region: str) -> bool:
    """Whether a region's database commits a row now."""
    try:
        query(sandbox, region, "create table if not exists looked (at timestamptz)")
        query(sandbox, region, "insert into looked values (now())")
    except psycopg.Error:
        return False
    return True


def canary_rows(sandbox: Sandbox, region: str, drill: str) -> set[int]:
    """The numbers of a drill's canary rows that a region's database holds."""
    return {row for (row,) in query(sandbox, region, 'select "row" from canary where drill = %s', drill)}


def resolved(sandbox: Sandbox) -> list[str]:
    """What the sandbox's DNS answers for the shop's name."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [sandbox.details["dns"]["address"]], sandbox.details["dns"]["port"]
    return sorted(row.to_text() for row in resolver.resolve(NAME, "A"))


def checkout(sandbox: Sandbox, address: str) -> int:
    """The HTTP status of one order placed at an app server; 0 when there was no answer."""
    port = next(iter(sandbox.details["regions"].values()))["shop_port"]
    connection = http.client.HTTPConnection(address, port, timeout=3)
    try:
        connection.request("POST", "/checkout")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def built(place: Place, drill: str) -> list[str]:
    """The app servers in the state file of Terraform, by name."""
    state = json.loads((place.home / "drills" / drill / "terraform" / "rebuild.capacity" / "terraform.tfstate").read_text())
    return sorted(one["index_key"] for resource in state["resources"] for one in resource["instances"])


def awake(place: Place) -> int:
    """SIGCONT every process that stands still, as an operator would who 'repairs' the region; returns how many there were."""
    frozen = [one for one in place.processes() if one.status() == psutil.STATUS_STOPPED]
    for process in frozen:
        os.kill(process.pid, signal.SIGCONT)
    assert eventually(lambda: all(not one.is_running() or one.status() != psutil.STATUS_STOPPED for one in frozen), within_s=15)
    return len(frozen)


# ---------------------------------------------------------------- the phone


def phone_log(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every text that reached a phone, as the carrier wrote it down."""
    return [json.loads(line) for line in (sandbox.layout.carrier / "phone.jsonl").read_text(encoding="utf-8").splitlines()]


def reasons(sandbox: Sandbox) -> list[str]:
    """Why each text was sent, in order: `gate/go:lead`."""
    return [":".join(str(row["out_id"]).split(":")[1:3]) for row in phone_log(sandbox)]


def question(place: Place, gate: str) -> dict[str, Any]:
    """The newest text that asks for an answer to a gate, as `drill sandbox phone --json` shows it."""
    found: list[dict[str, Any]] = []

    def arrived() -> bool:
        rows = [json.loads(line) for line in place.drill("sandbox", "phone", "--json").stdout.splitlines()]
        found[:] = [row for row in rows if f":gate/{gate}:" in row["out_id"]]
        return bool(found)

    assert eventually(arrived), f"no text about {gate}"
    return found[-1]


def answer(place: Place, engine: Engine, gate: str, word: str = "1") -> None:
    """Answer a gate as a person does: read the text, type the digit and the code."""
    engine.fact("AcknowledgementRequested", gate=gate)
    code = question(place, gate)["code"]
    sent = place.drill("sandbox", "phone", "--reply", "-", typed=f"{word} {code}\n")
    assert sent.returncode == 0, sent.stderr
    engine.fact("Acknowledged" if word == "1" else "Declined", gate=gate)
