"""Runs one Terraform command to its end: argument vectors by python-terraform, everything else ours.

python-terraform builds the words of a command well; its process handling (no time-out, inherited environment and standard input, dead
locks, a `destroy` that newer releases refuse) is replaced here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from drill.adapters.ansible_leftovers import MARK, OWNER, owner

_GRACE_S: Final = 30.0
_FORCE_S: Final = 5.0
_STOP_POLL_S: Final = 0.1
_PR_SET_PDEATHSIG: Final = 1
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Ended:
    """How a command ended. `errors` are Terraform's own diagnostics; `stopped` says that we made it end."""

    code: int
    stopped: bool
    errors: tuple[Mapping[str, Any], ...]
    stderr: str
    output: tuple[Mapping[str, Any], ...]

    @property
    def why(self) -> str:
        """What Terraform says went wrong, in one line."""
        lines = [": ".join(filter(None, (str(each.get("summary", "")), _first_line(each.get("detail", ""))))) for each in self.errors]
        return "; ".join(dict.fromkeys(lines)) or self.stderr.strip()[-500:] or f"exit code {self.code}"


class Command:
    """Terraform in one directory."""

    def __init__(self, argv: Sequence[str], directory: Path, *, mark: str, environment: Mapping[str, str]) -> None:
        self._argv = tuple(argv)
        self._directory = directory
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        ours = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(directory / "cli.tfrc")}
        self._environment = {**kept, **ours, MARK: mark, OWNER: owner(), **environment}

    def run(
        self,
        command: str,
        *words: str,
        stopping: Callable[[], bool] = lambda: False,
        on_event: Callable[[Mapping[str, Any]], None] = lambda _event: None,
        **options: Any,
    ) -> Ended:
        """Run it, line by line. On `stopping`: one SIGINT and a grace of 30 s, in which Terraform saves its state; then force."""
        with tempfile.TemporaryFile() as stderr:
            process = subprocess.Popen(
                [*self._argv, *_words(command, *words, **options)],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one async-signal-safe call, bound before the fork
                encoding="utf-8",
                errors="replace",
            )
            with _ended_on(process, stopping) as stopped:
                events = [event for event in _events(process) if _heard(event, on_event)]
            stderr.seek(0)
            errors = [event["diagnostic"] for event in events if event.get("type") == "diagnostic" and event.get("@level") == "error"]
            return Ended(process.returncode, stopped.is_set(), tuple(errors), stderr.read().decode("utf-8", "replace"), tuple(events))

    def read(self, command: str, *words: str) -> Any:
        """The JSON a read-only command prints, or nothing when it fails."""
        done = subprocess.run(
            [*self._argv, *_words(command, *words, json=True)],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            start_new_session=True,
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None


def _words(command: str, *words: str, **options: Any) -> list[str]:
    """The command's words; an option that is True becomes a bare flag."""
    from python_terraform import IsFlagged, Terraform

    class _Builder(Terraform):  # type: ignore[misc]
        def read_state_file(self, *_arguments: object) -> None:
            """Upstream parses the state after every command; we never want that."""

    flags = {name: IsFlagged if value is True else value for name, value in options.items()}
    built: list[str] = _Builder(terraform_bin_path="terraform").generate_cmd_string(command, *words, **flags)
    return built[1:]


def _die_with_parent() -> None:
    """Before exec: SIGINT when the engine dies, so that Terraform saves what it has and ends."""
    with contextlib.suppress(OSError, AttributeError):  # other systems have no such call; leftovers are ended on resume
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@contextlib.contextmanager
def _ended_on(process: subprocess.Popen[str], stopping: Callable[[], bool]) -> Iterator[threading.Event]:
    """Watch for a reason to stop while the block reads; when it leaves, nothing of the process group is left."""
    over, stopped = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(_STOP_POLL_S):
            if stopping():
                stopped.set()
                _interrupt(process, over)
                return

    watcher = threading.Thread(target=watch, name="terraform-stop", daemon=True)
    watcher.start()
    try:
        yield stopped
        process.wait()
    finally:
        over.set()
        watcher.join()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _interrupt(process: subprocess.Popen[str], over: threading.Event) -> None:
    for wait_s in (_GRACE_S, _FORCE_S):
        process.send_signal(signal.SIGINT)
        until_s = time.monotonic() + wait_s
        while time.monotonic() < until_s:
            if over.wait(_STOP_POLL_S) or process.poll() is not None:
                return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    for line in process.stdout or ():
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        yield event if isinstance(event, dict) else {"type": "raw", "@level": "info", "@message": line.rstrip("\n")}


def _heard(event: Mapping[str, Any], on_event: Callable[[Mapping[str, Any]], None]) -> bool:
    on_event(event)
    return True


def _first_line(text: object) -> str:
    return str(text).strip().split("\n")[0]
