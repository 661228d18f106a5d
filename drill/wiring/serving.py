"""What `drill serve` is made of, and how other commands find out that somebody serves this database."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.schedule import Entry
from drill.model.errors import JournalBroken
from drill.settings import SESSION, WORKER, Settings
from drill.wiring.locks import engine_holder, engine_lock
from drill.wiring.records import Records
from drill.wiring.rolls import SERVER, living

if TYPE_CHECKING:
    from drill.wiring.listeners import Listener

SERVING = "serve"
"""Who holds the lock of a home whose SQLite database is served."""
_PATIENCE_S = 600.0
_RETRY_S = 1.0
_NAME_LIMIT = 50


def is_served(records: Records) -> bool:
    """Whether a living server takes drills from this database's queue."""
    return bool(living(records, role=SERVER))


def is_played_elsewhere(records: Records, drill: str) -> bool:
    """Whether another process plays the drill, or will: a server does, or the `drill run` that began it still lives."""
    holder = engine_holder(records.settings)
    if is_served(records):
        return holder is None or holder.drill != drill
    if not records.settings.shared:
        return False
    return f"cli:{drill}" in {row.executor for row in living(records)}


def is_cleared(records: Records, drill: str) -> bool:
    """Whether the engine that ended a drill has cleared up behind it: its ground, its sites, and the report of the whole record."""
    from drill.engine.durable import DrillQueue

    queue = DrillQueue(database_engine(records.settings.database_url), to_look=True)
    try:
        return not queue.owner(drill)
    finally:
        queue.close()


def enqueue(records: Records, drill: str) -> None:
    """Queue a planned drill for the servers; one that is queued or played already is left as it is."""
    from drill.engine.durable import DrillQueue

    queue = DrillQueue(database_engine(records.settings.database_url))
    try:
        queue.put(drill, records.plan(drill))
    finally:
        queue.close()


def refuse_stranded(records: Records, drill: str) -> None:
    """Raises: JournalBroken: only an engine of another version can go on with the drill (J013)."""
    from drill.engine.durable import APPLICATION_VERSION

    version = stranded(records).get(drill)
    if version is not None:
        raise JournalBroken(
            f"the drill {drill} waits for an engine of version {version}; this release has {APPLICATION_VERSION}.",
            code="J013",
            fix="Go on with it, or end it, with the release that began it; nothing was changed.",
        )


def stranded(records: Records) -> dict[str, str]:
    """Unfinished drills that need an engine of another version, with that version. Writes nothing."""
    from drill.engine.durable import DrillQueue

    queue = DrillQueue(records.database, to_look=True)
    try:
        return {drill: version for drill, version in queue.stranded().items() if not records.progress(drill).outcome}
    finally:
        queue.close()


def serve(
    name: str | None,
    entries: Sequence[Entry],
    *,
    allow_live: bool,
    say: Callable[[str], None],
    web: tuple[str, int] | None = None,
) -> None:
    """Play queued drills, and start scheduled ones, until SIGTERM or Ctrl-C; then let running steps end, and hand over.

    A second signal interrupts the steps that still run. `web` is where pushes are taken in.

    Raises: PreflightFailed: an engine runs on this SQLite database (F050), DRILL_HOME cannot be written (F080), or the web server cannot
    run (F025 to F028).
    JournalBroken: the database is not there (J023).
    """
    from drill.wiring.schedules import Clerk
    from drill.wiring.workers import Worker

    settings = _settings(name)
    records, journal = _records(settings, say)
    asked, hurry = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: (hurry if asked.is_set() else asked).set())
    with _alone(settings):
        for drill, version in stranded(records).items():
            say(f"{drill} waits for an engine of version {version}: run that release, or end it with `drill abort` there")
        listener = _listener(records, web, say) if web else None
        worker = Worker(records, journal, say=say)
        clerk = Clerk(records, entries, allow_live=allow_live, server=worker.executor, say=say)
        worker.start()
        clerk.start()
        while not asked.wait(1.0):
            if listener is not None:
                listener.ensure()
        say(f"handing over: {', '.join(worker.playing()) or 'nothing runs'}")
        clerk.stop()
        if listener is not None:
            listener.stop()
        worker.hand_over(hurry)


def _listener(records: Records, web: tuple[str, int], say: Callable[[str], None]) -> Listener:
    from drill.wiring.inboxes import live_path
    from drill.wiring.listeners import Listener

    known = "pushes come in at /sms/ and PUSH_PATH" if live_path(records) else "PUSH_PATH is not set: only the sandbox may push"
    listener = Listener(records.settings, *web, say=say)
    listener.start()
    say(f"web server on http://{listener.address}: {known}")
    return listener


def _settings(name: str | None) -> Settings:
    settings = Settings.load()
    name = name or settings.worker or (f"{platform.node()}-{os.getpid()}" if settings.shared else SERVING)
    session = f"{name[:_NAME_LIMIT]}-{uuid.uuid4().hex[:8]}"
    os.environ[SESSION] = session  # for every connection of this process and of what it starts
    if not settings.shared:  # one server per SQLite file, whose drills `drill resume` must find where they are
        return replace(settings, session=session)
    os.environ[WORKER] = name  # observers and dead men of this worker keep their files beside its own
    return replace(settings, worker=name, session=session)


def _records(settings: Settings, say: Callable[[str], None]) -> tuple[Records, SqlJournal]:
    """The records, as soon as the database is there. Raises: PreflightFailed: DRILL_HOME cannot be written (F080)."""
    from drill.wiring.rooms import writable

    writable(settings.home, "DRILL_HOME")
    until_s, told = time.monotonic() + _PATIENCE_S, False
    while True:
        try:
            journal = SqlJournal(database_engine(settings.database_url))
            return Records(settings, journal), journal
        except JournalBroken as error:
            if not error.transient or time.monotonic() > until_s:
                raise
            if not told:
                say(f"waiting for the database: {error.what}")
            told = True
            time.sleep(_RETRY_S)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    if settings.shared:
        yield
        return
    with engine_lock(settings, SERVING):
        yield
