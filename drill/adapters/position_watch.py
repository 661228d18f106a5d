"""Remembers the newest position of the primary database, because a lost primary cannot be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.database_sessions import Session, open_session
from drill.model.errors import StepError
from drill.model.ports import DatabaseAccess

EVERY_S: Final = 0.5
_PATIENCE_S: Final = 2.0


class PositionWatch:
    """Asks the databases twice a second, until `close`, and keeps the newest position of the one that takes writes in `file`.

    `databases` says where each site's database is; a position is an LSN or a GTID, as its engine has it. Before `start` they are asked
    when somebody wants to know, and nothing is written; a process that finds none that takes writes goes by what was kept.
    """

    def __init__(self, databases: Callable[[], Mapping[str, DatabaseAccess]], file: Path) -> None:
        self._databases = databases
        self._file = file
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._open: dict[str, Session] = {}
        self._seen = ""
        self._trouble: StepError | None = None

    def start(self) -> None:
        """Watch from now on, in a thread of its own; the first look is over when this returns."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="position-watch", daemon=True)
            self._look()
            self._thread.start()

    def close(self) -> None:
        """Watch no more; what was seen stays."""
        self._ended.set()

    def last_lsn(self) -> str:
        """The newest position seen on a primary; empty when none was.

        Raises: StepError: the last look could not be had at all, so what was seen before may be old.
        """
        if self._trouble is not None:
            raise self._trouble
        if self._thread is None:
            self._look()
            self._close_all()
        if self._seen:
            return self._seen
        try:
            found: str = json.loads(self._file.read_text(encoding="utf-8"))["lsn"]
        except (FileNotFoundError, ValueError, KeyError):
            return ""
        return found

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._look()
            except StepError as error:  # for whoever wants to know the position
                self._trouble = error
            else:
                self._trouble = None
        self._close_all()

    def _close_all(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _look(self) -> None:
        for site, access in self._databases().items():
            lsn = self._ask(site, access)
            if lsn:
                self._keep(site, lsn)

    def _ask(self, site: str, access: DatabaseAccess) -> str:
        """The position of a database that takes writes; empty for a standby, and for one that says nothing: that is what an outage is."""
        try:
            if site not in self._open:
                self._open[site] = open_session(access, within_s=_PATIENCE_S)
            return self._open[site].position()
        except ConnectionBroken:
            if site in self._open:
                self._open.pop(site).close()
            return ""

    def _keep(self, site: str, lsn: str) -> None:
        self._seen = lsn
        if self._thread is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps({"site": site, "lsn": lsn}), encoding="utf-8")
        draft.replace(self._file)
