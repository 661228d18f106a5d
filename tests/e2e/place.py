"""A DRILL_HOME with a temp folder of its own, the `drill` commands run in it, and the proof that nothing of them is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from drill.sandbox.layout import home_mark, read_json
from drill.sandbox.sweep import left_of
from drill.sandbox.world import Sandbox, take_down

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = "scenarios/sandbox-region-outage.yaml"
PATIENCE_S = 90.0
DRILL = [sys.executable, "-m", "drill.cli.main"]

Fact = dict[str, Any]


def eventually(holds: Callable[[], bool], *, within_s: float = 30.0) -> bool:
    """Whether something becomes true in time."""
    until_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


def passed(moment: str) -> bool:
    """Whether a moment that a fact names is over, by the wall clock."""
    return datetime.now(UTC) > datetime.fromisoformat(moment)


class Engine:
    """A `drill` that runs in the foreground of a terminal of its own, and the facts it prints."""

    def __init__(self, words: list[str], *, environment: dict[str, str], errors: Path) -> None:
        self.facts: list[Fact] = []
        self.refusal: dict[str, Any] = {}
        self.errors = errors
        self._heard = threading.Condition()
        self._over = False
        with errors.open("ab") as sink:
            self.process = subprocess.Popen(
                [*DRILL, *words, "--json"],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            row = json.loads(line)
            with self._heard:
                self.refusal = row.get("error", self.refusal)
                self.facts += [row] if "kind" in row else []
                self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    def fact(self, kind: str, *, within_s: float = PATIENCE_S, **data: Any) -> Fact:
        """The first fact of a kind with such data, waited for."""
        until_s = time.monotonic() + within_s
        with self._heard:
            while True:
                found = self.told(kind, **data)
                if found:
                    return found[0]
                if self._over or not self._heard.wait(max(0.0, until_s - time.monotonic())):
                    why = "the engine ended" if self._over else f"not within {within_s:g} s"
                    raise AssertionError(
                        f"no {kind} {data}: {why}; last: {self.facts[-1:]}; {self.refusal}; errors: {self.errors.read_text()[-2000:]}"
                    )

    def told(self, kind: str, **data: Any) -> list[Fact]:
        """The facts of a kind with such data so far."""
        return [fact for fact in self.facts if fact["kind"] == kind and data.items() <= fact["data"].items()]

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals everything in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self, *, within_s: float = PATIENCE_S) -> int:
        """The exit code, once everything printed is heard."""
        code = self.process.wait(within_s)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        """SIGKILL the engine alone, and reap it."""
        self.process.kill()
        self.process.wait()


@dataclass
class Place:
    """Where one test runs its drills."""

    base: Path
    engines: list[Engine] = field(default_factory=list)
    ports: set[tuple[str, int]] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    """Further variables of the environment of every command."""

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def scratch(self) -> Path:
        """Every temporary directory of these drills lies here."""
        return self.base / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        ours = {"DRILL_HOME": str(self.home), "DRILL_REPORTS": str(self.base / "reports"), "TMPDIR": str(self.scratch)}
        return {**os.environ, **ours, **self.secrets}

    def report_dir(self, drill: str) -> Path:
        return self.base / "reports" / drill

    def report(self, drill: str) -> dict[str, Any]:
        """report.json of a drill."""
        found: dict[str, Any] = json.loads((self.report_dir(drill) / "report.json").read_text(encoding="utf-8"))
        return found

    def facts(self, drill: str) -> list[Fact]:
        """facts.jsonl of a drill, measurements included."""
        lines = (self.report_dir(drill) / "facts.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def drill(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*DRILL, *words],
            cwd=PROJECT,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def start(self, *words: str) -> Engine:
        """Run a command in the background."""
        engine = Engine(list(words), environment=self.environment, errors=self.base / "errors.txt")
        self.engines.append(engine)
        return engine

    def run(self, drill: str, *words: str, sets: tuple[str, ...] = ()) -> Engine:
        """Start a drill of the sandbox scenario."""
        overrides = [word for value in sets for word in ("--set", value)]
        return self.start("run", SCENARIO, "--id", drill, *words, *overrides)

    def sandbox(self) -> Sandbox:
        """The running sandbox; remembers the ports that are open now."""
        found: list[Sandbox] = []

        def up() -> bool:
            pointer = read_json(self.home / "sandbox.json") or {}
            record = read_json(Path(pointer.get("state", "/nonexistent")) / "state.json") or {"starting": True}
            attached = None if record.get("starting") else Sandbox.attach(self.home)
            found.extend([attached] if attached else [])
            return bool(found)

        assert eventually(up), "no sandbox came up"
        self.tokens.add(found[0].layout.token)
        self.ports |= set(self._listening())
        return found[0]

    # ------------------------------------------------------------ what is left

    def processes(self) -> list[psutil.Process]:
        """Every process that carries the home's mark or names this place in its words or environment."""
        found = {one.pid for token in (str(self.base), *self.tokens) for one in left_of(home_mark(self.home), token)}
        for process in psutil.process_iter():
            try:
                texts = [*process.cmdline(), *process.environ().values()]
            except (psutil.Error, OSError):
                continue  # gone, or a zombie
            if process.pid != os.getpid() and any(str(self.base) in text for text in texts):
                found.add(process.pid)
        return [psutil.Process(pid) for pid in found if psutil.pid_exists(pid)]

    def _listening(self) -> Iterator[tuple[str, int]]:
        for process in self.processes():
            try:
                sockets = process.net_connections("inet")
            except psutil.Error:
                continue
            yield from ((one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN)

    def remains(self) -> list[str]:
        """What is still there of every process, port and temporary file."""
        running = [f"process {one.pid} {words}" for one in self.processes() if (words := _words(one))]
        taken = [f"port {address}:{port}" for address, port in self.ports if _in_use(address, port)]
        files = [str(path) for path in (*self.scratch.iterdir(), self.home / "sandbox.json") if path.exists()]
        return [*running, *taken, *files]

    def clear(self) -> None:
        """End and remove everything, whatever a failed test left."""
        for engine in self.engines:
            engine.kill()
        take_down(self.home)
        for process in self.processes():
            process.kill()
        shutil.rmtree(self.base, ignore_errors=True)


def _words(process: psutil.Process) -> str:
    """How a process was started; nothing once it has ended, reaped or not."""
    try:
        return " ".join(process.cmdline())[:120]
    except psutil.Error:
        return ""


def new_place() -> Place:
    """A place that the databases' own user can reach."""
    base = Path(tempfile.mkdtemp(prefix="drill-e2e-"))
    place = Place(base)
    place.scratch.mkdir()
    for folder in (base, place.scratch):
        folder.chmod(0o755)
    return place


def _in_use(address: str, port: int) -> bool:
    return any(one.laddr == (address, port) and one.status == psutil.CONN_LISTEN for one in psutil.net_connections("inet"))
