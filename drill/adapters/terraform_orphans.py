"""Ends what a dead engine left running on a Terraform workspace: gently first, because Terraform saves its state on an interrupt."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from drill.adapters.ansible_leftovers import MARK, alive, owner
from drill.adapters.process_endings import end_every
from drill.adapters.terraform_module import find_laid
from drill.model.errors import Retryable

PAPER: Final = ".paper"
"""Ends the names of the private files that hand Terraform a secret while it runs."""
VARIABLES: Final = "drill-private.auto.tfvars"
"""The private file that hands it the secret variables of its module."""
_NAME: Final = "running.json"
_FORCE_S: Final = 5.0
_POLL_S: Final = 0.01
INTERRUPTED_BY_DEATH: Final = sys.platform == "linux"
"""Whether the death of an engine has interrupted its Terraform already, as terraform_process arranges it."""


class RunRecord:
    """The file in a workspace that names the Terraform at work on it and the engine that started it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME

    @contextlib.contextmanager
    def of(self, pid: int) -> Iterator[None]:
        """Keep the record while the block runs."""
        self._path.write_text(json.dumps({"terraform": owner(pid), "engine": owner()}), encoding="utf-8")
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)

    def end(self, mark: str, *, grace_s: float) -> int:
        """End what a dead engine left here: one SIGINT and a grace for Terraform, then SIGKILL for its session. Returns how many it killed.

        Raises: Retryable: a living engine works here (A140). InDoubt: a process does not end (A340).
        """
        terraform, engine = self._read()
        if alive(engine):
            raise Retryable(f"another engine works on {self._path.parent}.", code="A140", fix="Wait for it, or end it.")
        ended = 0
        if terraform:
            _interrupt(terraform, grace_s)
            ended = _end_session(int(terraform.partition(":")[0]), mark)
        for left in (*self._path.parent.glob(f"*{PAPER}"), self._path.with_name(VARIABLES), self._path):
            left.unlink(missing_ok=True)
        return ended

    def at_work(self) -> bool:
        """Whether a living engine works here."""
        return alive(self._read()[1])

    def _read(self) -> tuple[str, str]:
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            return str(record["terraform"]), str(record["engine"])
        except (FileNotFoundError, ValueError, KeyError):  # none, or the engine died while it wrote: Terraform was interrupted with it
            return "", ""


def end_orphans(home: Path, mark: str, *, grace_s: float = 30.0) -> int:
    """End what dead engines left running on any workspace of a home, and return how many had to be killed.

    Runs of living engines are not touched. Raises: InDoubt: a process does not end (A340).
    """
    laid = filter(None, map(find_laid, sorted((home / "drills").glob("*/terraform/*"))))
    records = [RunRecord(each.directory) for each in laid]
    return sum(record.end(mark, grace_s=grace_s) for record in records if not record.at_work())


def forget_runs(home: Path) -> None:
    """Forget which Terraforms this process had at work below a home: it has ended them, and lives on under the same pid."""
    for record in home.glob(f"drills/*/terraform/*/**/{_NAME}"):
        record.unlink(missing_ok=True)


def _interrupt(terraform: str, grace_s: float) -> None:
    """See that it has had its one interrupt, then wait. A second one would make it leave at once and lose what it is making."""
    until_s = time.monotonic() + grace_s
    if alive(terraform) and not INTERRUPTED_BY_DEATH:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(terraform.partition(":")[0]), signal.SIGINT)
    while alive(terraform) and time.monotonic() < until_s:
        time.sleep(_POLL_S)


def _end_session(session: int, mark: str) -> int:
    """Long-lived things that a provisioner started have a session of their own and stay."""

    def of_the_session(process: psutil.Process) -> bool:
        return os.getsid(process.pid) == session and process.environ().get(MARK) == mark  # a reused number would not carry it

    return end_every(of_the_session, within_s=_FORCE_S, whose="Terraform", code="A340")
