"""The scripted world: sites, databases, names and resources in one SQLite file, which outlives the engine and counts every effect."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "shop.drill.test"
ADDRESSES: Mapping[str, tuple[str, ...]] = {"primary": ("127.0.1.1", "127.0.1.2"), "standby": ("127.0.2.1", "127.0.2.2")}
START: Mapping[str, Any] = {
    "cut": {"primary": False, "standby": False},
    "databases": {"primary": {"role": "primary", "fenced": False}, "standby": {"role": "standby", "fenced": False}},
    "dns": {NAME: {"ttl_s": 1, "values": list(ADDRESSES["primary"])}},
    "resources": {},
    "split_brain": 0,
}
"""How every drill finds the world, and how it has to leave it."""

working_for: ContextVar[str] = ContextVar("working_for", default="engine")
"""The step on whose behalf the present thread touches the world; `undo:` stands before it on the way back."""

Change = Callable[[dict[str, Any]], bool]
"""Changes the state in place and says whether there was anything to change."""


@dataclass(frozen=True)
class Effects:
    """What was done to the world. Keys are (step, what); `calls` counts requests, `changes` those that changed something."""

    calls: Counter[tuple[str, str]]
    changes: Counter[tuple[str, str]]


class ScriptedWorld:
    """One world file. Safe for threads and processes: each look and each effect is one transaction.

    `kill_after` kills this process with SIGKILL once it has made so many effects: after the act, before any fact about it.
    """

    def __init__(self, path: Path, *, kill_after: int | None = None) -> None:
        self._path = path
        self._kill_after = kill_after
        self._made = 0

    @classmethod
    def create(cls, path: Path) -> ScriptedWorld:
        """A fresh world in a new file."""
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                "PRAGMA journal_mode=WAL; CREATE TABLE state (body TEXT); CREATE TABLE note (name TEXT PRIMARY KEY, body TEXT);"
                "CREATE TABLE effect (id INTEGER PRIMARY KEY, step TEXT, what TEXT, changed INTEGER, pid INTEGER);"
            )
            connection.execute("INSERT INTO state VALUES (?)", [json.dumps(START)])
            connection.commit()
        return cls(path)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # the process dies here, never the machine
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def state(self) -> dict[str, Any]:
        """The world as it is now."""
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            found: dict[str, Any] = json.loads(connection.execute("SELECT body FROM state").fetchone()[0])
            return found

    def act(self, what: str, change: Change, *, step: str = "", note: tuple[str, Any] | None = None) -> bool:
        """Have an effect, count it, say whether it changed anything. `step` names what no step does; a `note` is kept with it or not."""
        with self._transaction() as connection:
            state = json.loads(connection.execute("SELECT body FROM state").fetchone()[0])
            changed = change(state)
            state["split_brain"] += changed and _two_could_write(state)
            connection.execute("UPDATE state SET body = ?", [json.dumps(state)])
            row = (step or working_for.get(), what, int(changed), os.getpid())
            connection.execute("INSERT INTO effect (step, what, changed, pid) VALUES (?, ?, ?, ?)", row)
            if note is not None:
                connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [note[0], json.dumps(note[1])])
        self._made += 1
        if self._made == self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return changed

    def effects(self) -> Effects:
        """Everything that was done so far."""
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            rows = connection.execute("SELECT step, what, changed FROM effect").fetchall()
        changes = Counter((step, what) for step, what, changed in rows if changed)
        return Effects(Counter((step, what) for step, what, _ in rows), changes)

    def note(self, name: str, body: Any) -> None:
        """Keep something beside the state, such as a sent text."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [name, json.dumps(body)])

    def notes(self, prefix: str) -> dict[str, Any]:
        """What is kept under names that begin so, oldest first."""
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            rows = connection.execute("SELECT name, body FROM note WHERE substr(name, 1, ?) = ? ORDER BY rowid", [len(prefix), prefix])
            return {name: json.loads(body) for name, body in rows}


def start() -> dict[str, Any]:
    """A copy of how every drill finds the world."""
    return deepcopy(dict(START))


def serving_site(state: Mapping[str, Any]) -> str:
    """The site whose shop answers a user well now; empty when none does: what a checkout through the name would find."""
    values = set(state["dns"][NAME]["values"])
    site = next((name for name, addresses in ADDRESSES.items() if values & set(addresses)), "")
    built = site == "primary" or any(state["resources"].values())
    well = built and not state["cut"].get(site) and bool(writable(state))
    return site if well else ""


def writable(state: Mapping[str, Any]) -> list[str]:
    """The sites whose database takes a write from outside."""
    rows = state["databases"].items()
    return [site for site, row in rows if row["role"] == "primary" and not row["fenced"] and not state["cut"][site]]


def _two_could_write(state: Mapping[str, Any]) -> bool:
    """Whether two databases would take writes if every outage ended now."""
    could = [row for row in state["databases"].values() if row["role"] == "primary" and not row["fenced"]]
    return len(could) > 1
