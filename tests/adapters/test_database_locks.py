"""A second engine on a database leaves the locks of the first one alone: else another process removes its log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from drill.adapters.database import sqlite_engine

IN_USE = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000000 + 2)
    except BlockingIOError:
        print("in use")
"""
"""Asks as another process would, at the bytes where SQLite's readers hold their shared lock."""


def in_use(path: Path) -> bool:
    asked = subprocess.run([sys.executable, "-c", IN_USE, str(path)], capture_output=True, text=True, check=True, timeout=30)
    return asked.stdout.strip() == "in use"


def test_a_second_engine_in_a_process_does_not_give_up_the_locks_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "drill.sqlite"
    with sqlite_engine(path).connect() as first:
        first.exec_driver_sql("create table t (v int)")
        first.commit()
        before = in_use(path)

        sqlite_engine(path)

        assert before
        assert in_use(path)
