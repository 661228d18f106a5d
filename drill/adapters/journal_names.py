"""Names out of the journal's SQLite file, read without anything heavy: shell completion asks for them at every key."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

_PATIENCE_S = 0.2
"""Somebody is waiting for the Tab key: a database that is busy for longer has no names to offer."""


class JournalNames:
    """What a journal file holds, as far as it can be read at once; nothing when it is missing, busy or not a journal."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def drills(self) -> list[str]:
        """Every drill, newest first."""
        return [str(name) for (name,) in self._rows("SELECT drill FROM drill_head ORDER BY ordinal DESC")]

    def plan(self, drill: str) -> dict[str, Any]:
        """The plan of a drill as plain data; empty when there is none."""
        rows = self._rows("SELECT data FROM fact WHERE drill = ? AND kind = 'DrillPlanned' ORDER BY seq LIMIT 1", drill)
        plan = json.loads(rows[0][0]).get("plan") if rows else None
        return plan if isinstance(plan, dict) else {}

    def asked_steps(self, drill: str) -> list[str]:
        """Steps about which a person was asked, whether or not that is settled, in the order of asking."""
        rows = self._rows("SELECT data FROM fact WHERE drill = ? AND kind = 'StepAsked' ORDER BY seq", drill)
        return list(dict.fromkeys(str(json.loads(data)["step"]) for (data,) in rows))

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self._file))}?mode=ro", uri=True, timeout=_PATIENCE_S)) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.Error:  # a shell that completes has nowhere to show it; the command itself will say what is wrong
            return []
