"""Gives each drill its outbox: letters and counts in the database, threads that send, and rates that all drills of a process share."""

from __future__ import annotations

import uuid
from functools import cache

from drill.adapters.ledger_sql import SqlLedger
from drill.adapters.outbox_sql import SqlLetters
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.quota import Pace
from drill.engine.trips import Office
from drill.wiring.records import Records


@cache
def shared_pace() -> Pace:
    """The token buckets of this process: a provider account is one account for all its drills."""
    return Pace()


def open_office(records: Records) -> Office:
    """How the texts of a drill leave: through threads of this process, or left in the store for senders.

    Raises: JournalBroken: the database cannot be used.
    """
    letters, ledger = SqlLetters(records.database), SqlLedger(records.database)
    if records.settings.sends_elsewhere:
        return Office(letters=letters, ledger=ledger, owner="", elsewhere=True)
    return Office(letters=letters, ledger=ledger, pace=shared_pace(), lanes=ThreadLanes(), owner=f"engine/{uuid.uuid4().hex}")


def forget_letters(records: Records, drill: str) -> None:
    """Remove what is kept of the letters of a drill that has ended."""
    if not records.settings.sends_elsewhere:  # else a sender may still have one to send
        SqlLetters(records.database).forget(drill)
