"""Opens a journal to look at it: whatever it finds stays as it is."""

from __future__ import annotations

import sqlalchemy as sa

from drill.adapters.database_errors import translated
from drill.adapters.journal_memory import MemoryJournal
from drill.adapters.journal_schema import written_version
from drill.adapters.journal_sql import SqlJournal
from drill.model.ports import Journal


def journal_to_look_at(engine: sa.Engine | None) -> Journal:
    """The journal behind a read-only engine; one without drills when there is none. An older format can be read as it is.

    Raises: JournalBroken: it is damaged (J004), of a newer release (J005), or cannot be opened (J02x).
    """
    if engine is None:
        return MemoryJournal()
    with translated(), engine.connect() as connection:
        found = written_version(connection)
    return MemoryJournal() if found is None else SqlJournal(engine, to_look=True)
