"""The handle on a sandbox: bring it up, find it again, ask it, take it down."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drill.model.errors import Fatal, PreflightFailed
from drill.sandbox import services as service_processes
from drill.sandbox.control import Unreachable, ask
from drill.sandbox.layout import NAME, POINTER, REGIONS, ZONE, Layout, home_mark, read_json, write_json
from drill.sandbox.postgres import DATABASE, ROLE, PortTaken
from drill.sandbox.processes import Identity, identify, wait_until
from drill.sandbox.server_user import make_state_directory, server_user
from drill.sandbox.startup import Settings, child_environment
from drill.sandbox.sweep import end_all, remove_state, sandbox_mark

PREFIX = "drill-sandbox-"
START_TIMEOUT_S = 90.0
PHONES = {"LEAD_PHONE": "13900000001", "ONCALL_PHONE": "13900000002", "MANAGER_PHONE": "13900000003"}


def _silent(text: str) -> None:
    """Say nothing."""


class Sandbox:
    """A running sandbox of one DRILL_HOME. Make it with `up` or `attach`."""

    def __init__(self, home: Path, layout: Layout, process: subprocess.Popen[bytes] | None = None) -> None:
        self.home = home
        self.layout = layout
        self._process = process  # kept so that it is reaped when it ends before we do
        self._supervisor = identify(pid) if (pid := (read_json(layout.record) or {}).get("pid")) else None

    @classmethod
    def up(
        cls,
        home: Path,
        *,
        owner: str = "",
        mode: str = "auto",
        lease_s: float = 1800,
        on_progress: Callable[[str], None] = _silent,
        services: Sequence[str] = service_processes.ALL,
    ) -> Sandbox:
        """A healthy sandbox: the present one with its lease renewed, or a new one in place of whatever is left.

        `mode` is how the virtual phone answers: `auto`, `manual`, `silent` or `once`. Raises: PreflightFailed: it cannot start (F03x).
        """
        home.mkdir(parents=True, exist_ok=True)
        with _only_one(home):
            present = cls.attach(home)
            if present is not None and present.healthy(services):
                present.renew(lease_s)
                present.set_phone_mode(mode)
                return present
            _clear(home)
            settings = {"owner": owner, "mode": mode, "lease_s": lease_s, "services": tuple(services)}
            for _ in range(4):
                try:
                    return cls._launch(home, settings, on_progress)
                except PortTaken:
                    on_progress("a port was taken meanwhile; trying others")
            return cls._launch(home, settings, on_progress)

    @classmethod
    def attach(cls, home: Path) -> Sandbox | None:
        """The home's sandbox if its supervisor answers, in whatever state its regions are."""
        pointer = read_json(home / POINTER)
        if pointer is None:
            return None
        layout = Layout(Path(pointer["state"]))
        try:
            ask(layout.state, "status", timeout_s=10.0)
        except Unreachable:
            return None
        return cls(home, layout)

    @classmethod
    def _launch(cls, home: Path, wanted: dict[str, Any], on_progress: Callable[[str], None]) -> Sandbox:
        layout = Layout(make_state_directory(server_user()))
        process: subprocess.Popen[bytes] | None = None
        try:
            write_json(home / POINTER, {"state": str(layout.state)})
            settings = Settings(home=home.resolve(), mark=sandbox_mark(home, layout), **wanted)
            write_json(layout.settings, {**asdict(settings), "home": str(settings.home)})
            process, reading = _start(layout, settings.mark)
            started = identify(process.pid)
            write_json(home / POINTER, {"state": str(layout.state), "pid": process.pid, "started": started.started if started else 0.0})
            _follow_start(reading, on_progress)
        except BaseException:  # also Ctrl-C: a sandbox that nobody waits for must not come up, nor leave what there is of it
            _clear(home)
            remove_state(layout, home)
            if process is not None:
                process.wait()
            raise
        return cls(home, layout, process)

    @property
    def mark(self) -> str:
        """What DRILL_MARK must be (or start with, before a colon) for `down` to end a process."""
        return home_mark(self.home)

    @property
    def control(self) -> list[str]:
        """Argument vector that a verb is appended to; starts in a few milliseconds and needs no installed package."""
        return [sys.executable, "-I", "-S", str(Path(__file__).with_name("control.py")), "--state", str(self.layout.state)]

    @property
    def details(self) -> dict[str, Any]:
        """Where everything is: dns, api, carrier, postgres and per region pg_port, addresses, shop_port, data. No secret."""
        record = read_json(self.layout.record) or {}
        keys = service_processes.carrier_keys(self.layout.carrier)
        keys.pop("key_secret", None)
        carrier = {"carrier": {**keys, **record["carrier"]}} if "carrier" in record else {}
        return {**record, "zone": ZONE, "name": NAME, "control": self.control, **carrier}

    @property
    def secrets(self) -> dict[str, str]:
        """What `secret:NAME` stands for in this sandbox."""
        regions = self.details["regions"]
        ports = ",".join(str(regions[name]["pg_port"]) for name in REGIONS)
        hosts = ",".join("127.0.0.1" for _ in REGIONS)
        canary = f"host={hosts} port={ports} user={ROLE} dbname={DATABASE} target_session_attrs=read-write connect_timeout=2"
        keys = service_processes.carrier_keys(self.layout.carrier)
        named = {"SMS_SIGN": "sign", "SMS_KEY_ID": "key_id", "SMS_KEY_SECRET": "key_secret"}
        return {**PHONES, "CANARY_DSN": canary, **{name: str(keys[key]) for name, key in named.items() if key in keys}}

    def ask(self, verb: str, *, timeout_s: float = 60.0, **fields: Any) -> dict[str, Any]:
        """Put a verb to the supervisor. Raises: Fatal: it refuses, with its code, or does not answer (A267)."""
        try:
            answer = ask(self.layout.state, verb, timeout_s=timeout_s, **fields)
        except Unreachable as error:
            raise Fatal(f"{error}.", code="A267", fix="Run: drill sandbox up") from error
        if not answer.pop("ok"):
            raise Fatal(answer["error"], code=answer["code"], fix=answer.get("fix", ""))
        return answer

    def status(self) -> dict[str, Any]:
        """Live state of regions, services and lease. Raises: Fatal: the supervisor does not answer (A267)."""
        return self.ask("status", timeout_s=10.0)

    def alive(self) -> bool:
        """Whether its supervisor is there, standing still or not; without one nothing of the sandbox is left soon."""
        return self._supervisor is not None and self._supervisor.alive()

    def healthy(self, services: Sequence[str] = service_processes.ALL) -> bool:
        """As fresh as after `up`: region a serves and replicates to b, nothing is cut, fenced, missing or left in b."""
        found = self.status()
        a, b = found["regions"]["a"], found["regions"]["b"]
        whole = not any(region["cut"] or region["fenced"] for region in (a, b))
        roles = a["role"] == "primary" and b["role"] == "standby" and "region_b" in a.get("streaming", ())
        serving = sorted(one["address"] for one in a["instances"] if one["running"]) == list(REGIONS["a"]) and not b["instances"]
        running = {name for name, one in found["services"].items() if one["running"]}
        return whole and roles and serving and running == set(services)

    def renew(self, lease_s: float | None = None) -> None:
        """Start the lease anew; without it the sandbox ends by itself."""
        self.ask("renew", lease_s=lease_s)

    def set_phone_mode(self, mode: str) -> None:
        """Change how the virtual phone answers from now on."""
        if self.layout.carrier.is_dir():
            (self.layout.carrier / "phone-mode").write_text(f"{mode}\n", encoding="utf-8")

    def down(self) -> None:
        """End and remove everything of the home's sandbox; harmless when nothing is left. Raises: Fatal: something stays (A262)."""
        take_down(self.home)


def take_down(home: Path) -> None:
    """As `Sandbox.down`, also when the supervisor is dead and no handle can be had. Raises: Fatal: something stays (A262)."""
    if home.is_dir():
        with _only_one(home):
            _clear(home)


def _clear(home: Path) -> None:
    pointer = read_json(home / POINTER) or {}
    layouts = {Path(pointer["state"])} if "state" in pointer else set()
    for layout in map(Layout, layouts | set(_lost(home))):
        if not layout.token.startswith(PREFIX):
            raise Fatal(
                f"{home / POINTER} points to {layout.state}, which is no sandbox.", code="A262", fix="Look at it and remove it yourself."
            )
        with contextlib.suppress(Unreachable):  # dead or stopped: the sweep below does it
            ask(layout.state, "down", timeout_s=2.0)
            _wait_for(pointer, timeout_s=5.0)
        end_all(home_mark(home), layout.token)
        remove_state(layout, home)
    end_all(home_mark(home))
    (home / POINTER).unlink(missing_ok=True)
    if "pid" in pointer:
        with contextlib.suppress(ChildProcessError):  # not our child: its own parent reaps it
            os.waitpid(pointer["pid"], os.WNOHANG)


def _lost(home: Path) -> Iterator[Path]:
    """State directories of this home that no pointer leads to any more."""
    for folder in {tempfile.gettempdir(), "/tmp", "/var/tmp"}:  # noqa: S108  where make_state_directory puts them
        for settings in Path(folder).glob(f"{PREFIX}*/settings.json"):
            with contextlib.suppress(PermissionError):  # another user's sandbox, so not this home's
                if (read_json(settings) or {}).get("home") == str(home.resolve()):
                    yield settings.parent


def _wait_for(pointer: dict[str, Any], *, timeout_s: float) -> None:
    if "pid" in pointer:
        supervisor = Identity(pointer["pid"], pointer["started"])
        wait_until(lambda: not supervisor.alive(), timeout_s)


def _start(layout: Layout, mark: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a supervisor; returns it, and the pipe on which it reports."""
    reading, writing = os.pipe()
    with layout.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "drill.sandbox.supervisor", "--state", str(layout.state), "--report", str(writing)],
            cwd=layout.state,
            env=child_environment(mark),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(writing,),
        )
    os.close(writing)
    return process, reading


def _follow_start(reading: int, on_progress: Callable[[str], None]) -> None:
    """Read the supervisor's report until it is ready. Raises: PreflightFailed: it failed, ended or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    rest = b""
    try:
        while True:
            if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise PreflightFailed(
                    f"the sandbox is not up after {START_TIMEOUT_S:g} s.", code="F036", fix="Is the machine overloaded? Try again."
                )
            chunk = os.read(reading, 65536)
            if not chunk:
                raise PreflightFailed(
                    "the sandbox's supervisor ended at once.", code="F038", fix="Check that this Python can run drill.sandbox."
                )
            *lines, rest = (rest + chunk).split(b"\n")
            for line in map(json.loads, lines):
                if "ready" in line:
                    return
                if "failed" in line:
                    kind = PortTaken if line["code"] == PortTaken.default_code else PreflightFailed
                    raise kind(line["failed"], code=line["code"], fix=line["fix"])
                on_progress(line["progress"])
    finally:
        os.close(reading)


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One `up` or `down` of a home at a time."""
    with (home / "sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
