"""One PostgreSQL server of the sandbox: made from a template, started as a direct child, stopped or killed whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from drill.model.errors import Fatal, PreflightFailed
from drill.sandbox.postgres_binaries import Toolset
from drill.sandbox.processes import Identity, end, family, spawn, wait_until
from drill.sandbox.server_user import ServerUser, copy_tree, give

ROLE = "drill"
DATABASE = "postgres"
MARK = "DRILL_MARK"
_SETTINGS = """\
# Written by drill at every start; a copy from the other server never survives it.
listen_addresses = '127.0.0.1'
port = {port}
cluster_name = '{cluster}'
unix_socket_directories = ''
shared_buffers = '32MB'
dynamic_shared_memory_type = mmap
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
hot_standby = on
wal_log_hints = on
full_page_writes = on
max_wal_size = '256MB'
wal_keep_size = '64MB'
max_slot_wal_keep_size = '1GB'
wal_sender_timeout = '5s'
wal_receiver_timeout = '5s'
wal_retrieve_retry_interval = '500ms'
restart_after_crash = off
jit = off
fsync = {fsync}
log_min_messages = warning
"""


class PortTaken(PreflightFailed):
    """Somebody took the port between our choosing it and the server's start."""

    default_code = "F034"


@dataclass(eq=False)
class PostgresServer:
    """One server. `directory` belongs to the server's user and holds `data`, the log and nothing else of PostgreSQL's.

    `cluster` shows in `ps` on every process of the server; make it unique on the machine.
    """

    name: str
    cluster: str
    directory: Path
    port: int
    tools: Toolset
    user: ServerUser | None
    mark: str
    fsync: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def application_name(self) -> str:
        """How it names itself to its primary; also its slot there."""
        return f"region_{self.name}"

    def conninfo(self, **more: str | int) -> str:
        """A libpq connection string without secrets."""
        pairs = {"host": "127.0.0.1", "port": self.port, "user": ROLE, "dbname": DATABASE, **more}
        return " ".join(f"{key}={value}" for key, value in pairs.items())

    def replication_conninfo(self) -> str:
        """How another server replicates from this one; the other adds its application_name."""
        return f"host=127.0.0.1 port={self.port} user={ROLE}"

    def create(self, template: Path) -> None:
        """Lay down the data directory from a template."""
        self.directory.mkdir(mode=0o755, exist_ok=True)
        give(self.directory, self.user)
        copy_tree(template, self.data)

    def follow(self, primary: PostgresServer) -> None:
        """Make it a streaming replica of another server from its next start on."""
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{primary.replication_conninfo()} application_name={self.application_name}'\n")
            settings.write(f"primary_slot_name = '{self.application_name}'\n")
        self._write("standby.signal", "")

    def is_standby(self) -> bool:
        """Whether its next start makes it a replica."""
        return (self.data / "standby.signal").exists()

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Start it and wait until it takes connections. Nothing happens when it runs. From the main thread only."""
        if not self.running():
            self.launch()
        self.wait_ready(timeout_s=timeout_s)

    def launch(self) -> None:
        """Write its settings and start it, without waiting. From the main thread only."""
        text = _SETTINGS.format(port=self.port, cluster=self.cluster, fsync="on" if self.fsync else "off")
        self._write("drill.conf", text)
        argv = [self.tools.tool("postgres"), "-D", str(self.data)]
        self.process = spawn(argv, cwd=self.directory, environment=environment(self.mark), log=self.log, user=self.user)

    def wait_ready(self, *, timeout_s: float = 60.0) -> None:
        """Wait until it takes connections, as primary or as standby.

        Raises: PortTaken: the port is in use. Fatal: it ended, or is not ready in time (A251).
        """
        import psycopg

        deadline = time.monotonic() + timeout_s
        while True:
            try:
                psycopg.connect(self.conninfo(connect_timeout=2)).close()
            except psycopg.OperationalError as error:
                if not self.running():
                    raise self._dead() from error
                if time.monotonic() > deadline:
                    raise Fatal(
                        f"PostgreSQL {self.name} takes no connection after {timeout_s:g} s: {error}", code="A251", fix=f"Read {self.log}."
                    ) from error
                time.sleep(0.01)
            else:
                return

    def running(self) -> bool:
        """Whether its postmaster runs, stopped included."""
        return self.process is not None and self.process.poll() is None

    def family(self) -> list[Identity]:
        """Every process of the server, the postmaster first; those whose postmaster is gone are found by their title."""
        below = family(self.process.pid) if self.process is not None and self.running() else []
        return list(dict.fromkeys([*below, *titled(self.cluster)]))

    def shut_down(self, *, timeout_s: float = 20.0) -> None:
        """Stop it fast and clean, having sent everything to its standby. Nothing happens when it does not run.

        Raises: Fatal: it did not end in time (A252).
        """
        if self.process is None or not self.running():
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise Fatal(
                f"PostgreSQL {self.name} did not shut down within {timeout_s:g} s.", code="A252", fix="Fence it, or look at its log."
            ) from error

    def kill(self) -> list[Identity]:
        """SIGKILL the whole family, stopped or not, and return what it was.

        Raises: Fatal: a process of it is still there (A210).
        """
        members = self.family()
        left = end(members)
        if self.process is not None:
            self.process.wait()
        if left or titled(self.cluster):
            raise Fatal(
                f"{len(left)} process(es) of PostgreSQL {self.name} survived SIGKILL.", code="A210", fix="End them before you go on."
            )
        return members

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        path.chmod(0o600)
        give(path, self.user)

    def _dead(self) -> Exception:
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        if "could not bind" in tail:
            return PortTaken(f"port {self.port} of PostgreSQL {self.name} was taken meanwhile.", fix="Try again.")
        return Fatal(f"PostgreSQL {self.name} ended at its start: {tail.strip()[-600:]}", code="A251", fix=f"Read {self.log}.")


def environment(mark: str) -> dict[str, str]:
    """What a PostgreSQL program may know of us: next to nothing."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent", MARK: mark}


def titled(cluster: str) -> list[Identity]:
    """Processes whose title names a cluster. PostgreSQL overwrites its children's environment, so a marker cannot find them."""
    import psutil

    from drill.sandbox.processes import identify

    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        title = " ".join(process.info["cmdline"] or ())
        if (process.info["name"] or "").startswith("postgres") and f"{cluster}:" in f"{title}:" and process.pid != os.getpid():
            found.append(identify(process.pid))
    return [one for one in found if one is not None and one.alive()]


def wait_streaming(primary: PostgresServer, standby: PostgresServer, *, timeout_s: float = 30.0) -> None:
    """Wait until a standby streams from a primary. Raises: Fatal: it does not in time (A253)."""
    import psycopg

    sql = "select 1 from pg_stat_replication where application_name = %s and state = 'streaming'"
    with psycopg.connect(primary.conninfo(connect_timeout=2), autocommit=True) as connection:
        if not wait_until(lambda: connection.execute(sql, [standby.application_name]).fetchone() is not None, timeout_s, every_s=0.01):
            raise Fatal(f"{standby.name} does not stream from {primary.name}.", code="A253", fix=f"Read {standby.log}.")
