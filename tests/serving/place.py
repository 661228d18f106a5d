"""Servers that share one Postgres: the database, and `drill serve` processes that can be killed, frozen or cut off."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from drill.sandbox.postgres_binaries import find_toolset
from tests.adapters import pg_control
from tests.adapters.pg_pair import Server, free_port
from tests.e2e.place import DRILL, PROJECT, SCENARIO, Engine, Place


@dataclass
class Database:
    """A Postgres of the tests' own, apart from every region that is drilled."""

    root: Path
    server: Server

    @property
    def url(self) -> str:
        return self.url_at(self.server.port)

    def url_at(self, port: int) -> str:
        """The same database behind another port."""
        return f"postgresql://drill@127.0.0.1:{port}/postgres?sslmode=disable"

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """The answer to one query."""
        with psycopg.connect(self.server.conninfo, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """Remove every table."""
        self.sql("drop schema if exists dbos cascade; drop schema public cascade; create schema public")

    def stop(self) -> None:
        """Shut it down at once, as a restart does."""
        self.server.do("stop")

    def start(self) -> None:
        """Start it again."""
        self.server.do("start")


@contextmanager
def database() -> Iterator[Database]:
    """A running Postgres; nothing of it is left afterwards."""
    root = Path(tempfile.mkdtemp(prefix="drill-test-shared-"))
    root.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(root, 65534, 65534)
    bin_dir = find_toolset().bin_dir
    server = Server(bin_dir, root / "shared", free_port())
    try:
        pg_control.tool(bin_dir, "initdb", "-D", str(server.data), "-U", "drill", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write("\ninclude_if_exists = 'drill.conf'\n")
        with (server.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("max_connections = 200\n")
        server.do("start")
        yield Database(root, server)
    finally:
        pg_control.kill(server.data)
        shutil.rmtree(root, ignore_errors=True)


@dataclass
class Servant:
    """One `drill serve` process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, number: int) -> None:
        """Send a signal to the server alone, as a fault strikes one process."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL it and reap it."""
        self.process.kill()
        self.process.wait()

    def said(self) -> list[str]:
        """What it told its terminal."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []

    def end(self) -> None:
        """Drain it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.drain()

    def drain(self, *, within_s: float = 15.0) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)


@dataclass
class Fleet:
    """Servers of one home and one database."""

    place: Place
    database: Database
    ttl: str = "24s"
    servants: list[Servant] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    """Further settings of the commands that are started from now on."""

    def environment(self, *, url: str | None = None) -> dict[str, str]:
        """What a command of this fleet runs with."""
        return {**self.place.environment, "DRILL_DATABASE_URL": url or self.database.url, "DRILL_TTL": self.ttl, **self.more}

    def serve(self, name: str, *words: str, url: str | None = None) -> Servant:
        """Start a server and wait until it is ready."""
        log = self.place.base / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*DRILL, "serve", "--id", name, *words],
                cwd=PROJECT,
                env=self.environment(url=url),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        servant = Servant(name, process, log)
        self.servants.append(servant)
        until_s = time.monotonic() + 60
        while not any("is ready" in line for line in servant.said()):
            assert process.poll() is None, servant.said()
            assert time.monotonic() < until_s, servant.said()
            time.sleep(0.05)
        return servant

    def run(self, drill: str, *words: str) -> Engine:
        """Have the servers play a drill of the sandbox scenario, followed by a `drill run`."""
        engine = Engine(["run", SCENARIO, "--id", drill, *words], environment=self.environment(), errors=self.place.base / "errors.txt")
        self.place.engines.append(engine)
        return engine

    def drill(self, *words: str, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*DRILL, *words], cwd=PROJECT, env=self.environment(), capture_output=True, text=True, check=False, timeout=timeout_s
        )

    def clear(self) -> None:
        """End every server, whatever state it is in."""
        for servant in self.servants:
            servant.kill()
