"""Runs a team's own programs on this machine, each in a process group of its own, and leaves nothing of one behind that was stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Literal
from uuid import uuid4

from drill.adapters import ansible_leftovers as leftovers
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Command, Ended

_ALWAYS: Final = ("PATH", "HOME", "LANG", "TZ")
_SHELL: Final = "/bin/sh"
_POLL_S: Final = 0.05
_GRACE_S: Final = 5.0
_KEPT: Final = 1_048_576
"""Characters of each stream that are kept."""
_LONGEST_SECRET: Final = 16_384
_FLOOD: Final = 64 * 1_048_576
"""Bytes after which a program is ended: our disk is no place for more."""


class LocalCommands:
    """Programs of this machine (port Commands). `mark` names this home, so that what a dead engine left is found and ended.

    A program that is stopped has `grace_s` to end by itself.
    """

    def __init__(self, values: SecretValues, mark: str, *, environ: Mapping[str, str] | None = None, grace_s: float = _GRACE_S) -> None:
        self._grace_s = grace_s
        self._values = values
        self._mark = mark
        self._environ = os.environ if environ is None else environ

    def trouble(self, command: Command) -> list[str]:
        found = self._values.missing(*command.env.values(), command.stdin)
        if command.cwd and not Path(command.cwd).is_dir():
            found.append(f"there is no directory {command.cwd}")
        if not command.shell and shutil.which(_at(command), path=self._environ.get("PATH", os.defpath)) is None:
            found.append(f"there is no program {command.argv[0]} that can be run here")
        unset = [name for name in command.inherit if name not in self._environ]
        return [*found, *(f"the variable {name} is not set here" for name in unset)]

    def look(self, command: Command, *, timeout_s: float) -> Ended | None:
        return self.run(command, timeout_s=timeout_s, stopping=lambda: False)

    def run(self, command: Command, *, timeout_s: float, stopping: Callable[[], bool]) -> Ended:
        run, begun_s = uuid4().hex, time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            given.write(self._values.filled(command.stdin).encode())
            given.seek(0)
            process = self._start(command, run, streams=(given, out, err))
            try:
                state = self._follow(process, (out, err), until_s=begun_s + timeout_s, stopping=stopping)
            except BaseException:
                self._end(process, run)
                raise
            if state != "ended":
                self._end(process, run)
            took_s = time.monotonic() - begun_s
            code = process.returncode if state == "ended" else None
            return Ended(state, code, self._read(out), self._read(err), round(took_s, 3))

    def _start(self, command: Command, run: str, *, streams: tuple[IO[bytes], IO[bytes], IO[bytes]]) -> subprocess.Popen[bytes]:
        argv = [_SHELL, "-c", *command.argv] if command.shell else list(command.argv)
        wanted = {name: self._environ[name] for name in (*_ALWAYS, *command.inherit) if name in self._environ}
        wanted |= self._values.filled_all(command.env)
        wanted |= {leftovers.MARK: self._mark, leftovers.RUN: run, leftovers.OWNER: leftovers.owner()}
        given, out, err = streams
        try:
            return subprocess.Popen(
                argv, env=wanted, cwd=command.cwd or None, stdin=given, stdout=out, stderr=err, start_new_session=True, close_fds=True
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            failed = Fatal(f"{argv[0]} cannot be started: {why}.", code="A280", fix="See that the program is there and may be run.")
            failed.untouched = True
            raise failed from error

    def _follow(
        self, process: subprocess.Popen[bytes], streams: tuple[IO[bytes], IO[bytes]], *, until_s: float, stopping: Callable[[], bool]
    ) -> Literal["ended", "stopped", "timeout"]:
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                return "ended"
            if time.monotonic() >= until_s:
                return "timeout"
            if stopping():
                return "stopped"
            if any(os.fstat(stream.fileno()).st_size > _FLOOD for stream in streams):
                raise Fatal("the program wrote more than 64 MiB and was ended.", code="A281", fix="Let it write to a file of its own.")

    def _end(self, process: subprocess.Popen[bytes], run: str) -> None:
        """End the whole group: gently, then at once; and what has left the group. Raises: InDoubt: something does not end (A330)."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(self._grace_s)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        leftovers.end_run(run)

    def _read(self, stream: IO[bytes]) -> str:
        stream.seek(0)
        read = stream.read(_KEPT + _LONGEST_SECRET).decode(errors="replace")
        text = self._values.hidden(read)  # before it is cut, or half a secret would stay
        return f"{text[:_KEPT]}\n… cut" if len(text) > _KEPT else text


def _at(command: Command) -> str:
    """The program's name; one with a slash is meant from where it will run."""
    name = command.argv[0]
    return str(Path(command.cwd or ".") / name) if "/" in name else name
