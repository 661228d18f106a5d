"""Runs one Terraform command to its end: argument vectors by python-terraform, everything else ours.

python-terraform builds the words of a command well; its process handling (no time-out, inherited environment and standard input, dead
locks, a `destroy` that newer releases refuse) is replaced here.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import psutil

from drill.adapters.ansible_leftovers import MARK
from drill.adapters.terraform_orphans import PAPER, VARIABLES, RunRecord
from drill.adapters.terraform_papers import Handed

_FORCE_S: Final = 5.0
_STOP_POLL_S: Final = 0.1
_REST_S: Final = (0.002, 0.02)
_PR_SET_PDEATHSIG: Final = 1
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
_SHORTEST_SECRET: Final = 6
_WHY_LIMIT: Final = 600


@dataclass(frozen=True)
class Ended:
    """How a command ended. `events` are its lines of JSON; `stopped` says that we made it end."""

    code: int
    stopped: bool
    events: tuple[Mapping[str, Any], ...] = field(repr=False)
    stderr: str = field(repr=False)

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """Terraform's own diagnostics, without those that only say it stopped."""
        told = [event["diagnostic"] for event in self.events if event.get("type") == "diagnostic" and event.get("@level") == "error"]
        return [each for each in told if each.get("summary") != "execution halted"]

    @property
    def why(self) -> str:
        """What Terraform says went wrong, in one line."""
        lines = [
            ": ".join(filter(None, (str(each.get("address", "")), str(each.get("summary", "")), _one_line(each.get("detail", "")))))
            for each in self.errors
        ]
        return "; ".join(dict.fromkeys(lines))[:_WHY_LIMIT] or _one_line(self.stderr)[-_WHY_LIMIT:] or f"exit code {self.code}"


class Command:
    """Terraform in one directory, with what it is given besides a small environment of its own.

    The `papers` of what is given must not stand in an environment, which every process of this user can read: each becomes a private file
    for as long as a command runs, and the variable of its name says where. Its `variables` become one too, found by its name.
    """

    def __init__(self, argv: Sequence[str], directory: Path, *, mark: str, given: Handed, grace_s: float) -> None:
        self._argv = tuple(argv)
        self._directory = directory
        self._grace_s = grace_s
        self._given = given
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        ours = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(directory / "cli.tfrc")}
        self._environment = {**kept, **ours, MARK: mark, **given.environment}
        self._secrets = [value for value in given.secrets if len(value) >= _SHORTEST_SECRET]

    def run(
        self,
        command: str,
        *words: str,
        stopping: Callable[[], bool],
        on_event: Callable[[Mapping[str, Any]], None] = lambda _event: None,
        log: str = "",
        **options: Any,
    ) -> Ended:
        """Run it, line by line. On `stopping`: one SIGINT and a grace, in which Terraform saves its state; then force.

        Its output goes to a file there, named after the command or `log`, and is read from it: a pipe would end Terraform by SIGPIPE when
        we die, before it saves its state.
        """
        told, complaints = self._directory / f"{log or command}.jsonl", self._directory / f"{log or command}.err"
        with self._handed(log or command) as named:
            with _private(told) as stdout, _private(complaints) as stderr:
                process = self._spawn(_words(command, *words, **options), stdout, stderr, named)
            ending = _Ending(process, stopping, self._grace_s)
            with ending, RunRecord(self._directory).of(process.pid):
                events: list[Mapping[str, Any]] = []
                for line in _lines(told, ending):
                    events.append(_event(self._redacted(line)))
                    on_event(events[-1])
        text = self._redacted(complaints.read_bytes())
        return Ended(process.returncode, ending.stopped, tuple(events), text)

    @contextlib.contextmanager
    def _handed(self, name: str) -> Iterator[dict[str, str]]:
        """The papers on disk while the block runs, and the variables that name them."""
        found = {variable: self._directory / f"{name}-{variable.lower()}{PAPER}" for variable in self._given.papers}
        sheets = {path: self._given.papers[variable] for variable, path in found.items()}
        if self._given.variables:
            sheets[self._directory / VARIABLES] = self._given.variables
        try:
            for path, text in sheets.items():
                path.unlink(missing_ok=True)
                with _private(path) as sheet:
                    sheet.write(text.encode("utf-8", "surrogateescape"))
            yield {variable: str(path) for variable, path in found.items()}
        finally:
            for path in sheets:
                path.unlink(missing_ok=True)

    def _spawn(self, words: Sequence[str], stdout: IO[bytes], stderr: IO[bytes], named: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._argv, *words],
            cwd=self._directory,
            env={**self._environment, **named},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=_interrupt_with(os.getpid()),  # noqa: PLW1509  two system calls, resolved before the fork; takes no lock
        )

    def _redacted(self, text: bytes) -> str:
        found = text.decode("utf-8", "replace")
        for secret in self._secrets:
            found = found.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
        return found


class _Ending:
    """Watches one process for a reason to stop; when its block is left, nothing of the process group is left."""

    def __init__(self, process: subprocess.Popen[bytes], stopping: Callable[[], bool], grace_s: float) -> None:
        self._process = process
        self._stopping = stopping
        self._waits_s = [grace_s, min(grace_s, _FORCE_S)]
        self._look_at_s = 0.0
        self.stopped = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, failure: object, *_: object) -> None:
        try:
            if failure is not None:  # such as a journal that takes no fact: Terraform must still save its state
                self._stopping = lambda: True
                while not self.over():
                    self.look()
                    time.sleep(_REST_S[1])
        finally:
            self._signal_group(signal.SIGKILL)  # what a provisioner or a provider left running
            self._process.wait()

    def over(self) -> bool:
        """Whether it has ended. It stays a zombie until the block is left, so that its group's number stays its own."""
        try:
            return self._process.returncode is not None or psutil.Process(self._process.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def look(self) -> None:
        """Ask whether to stop, and go one step further when the last one had its time: SIGINT, SIGINT, SIGKILL."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _STOP_POLL_S
        if not self.stopped and not self._stopping():
            return
        self.stopped = True
        if self._waits_s:
            self._look_at_s = now_s + self._waits_s.pop(0)
            self._process.send_signal(signal.SIGINT)  # Terraform alone: it ends its own children
        else:
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _lines(path: Path, ending: _Ending) -> Iterator[bytes]:
    """Every line as it is written, until the process has ended."""
    rest_s, pending = _REST_S[0], b""
    with path.open("rb") as source:
        while True:
            over = ending.over()  # before the read, so that its last words are read
            chunk = source.read()
            *whole, pending = (pending + chunk).split(b"\n")
            yield from whole
            if over:
                break
            ending.look()
            rest_s = _REST_S[0] if chunk else min(rest_s * 1.5, _REST_S[1])
            time.sleep(rest_s)
    if pending:
        yield pending


def _event(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"type": "raw", "@level": "info", "@message": line}


def _words(command: str, *words: str, **options: Any) -> list[str]:
    """The command's words; an option that is True becomes a bare flag."""
    from python_terraform import IsFlagged

    flags = {name: IsFlagged if value is True else value for name, value in options.items()}
    built: list[str] = _builder().generate_cmd_string(command, *words, **flags)
    return built[1:]


@functools.cache
def _builder() -> Any:
    from python_terraform import Terraform

    class _ArgvBuilder(Terraform):  # type: ignore[misc]
        """Upstream reads the state when it is made, and runs `terraform <typo>` for every unknown attribute."""

        def read_state_file(self, *_arguments: object) -> None:
            """Nothing: the state is read where it is needed."""

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    return _ArgvBuilder(terraform_bin_path="terraform")


def _private(path: Path) -> IO[bytes]:
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _interrupt_with(parent: int) -> Callable[[], None] | None:
    """Before exec: SIGINT when the engine dies, so that Terraform saves what it has and ends. Other systems have no such call."""
    prctl = _prctl()
    if prctl is None:
        return None

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return in_child


@functools.cache
def _prctl() -> Callable[[int, int], int] | None:
    if sys.platform != "linux":
        return None
    function: Callable[[int, int], int] = ctypes.CDLL(None).prctl
    return function


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
