"""Where the inbox of a home is, which world a message belongs to, and which secret paths lead there."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from drill.adapters.inbox_seal import Seal, derived_path
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.settings import EnvironmentSecrets
from drill.wiring.records import Records
from drill.wiring.stores import sandbox_ending
from drill.wiring.worlds import is_sandbox

PUSH_PATH = "PUSH_PATH"
_SHORTEST_PATH = 22
"""128 bits in URL-safe base64."""
_LIVE = "live"


def inbox_database(records: Records) -> sa.Engine:
    """A file of its own in this home, so that a flood never makes the journal wait; or the database that machines share."""
    if records.settings.shared:
        return records.database
    return inbox_file(records.settings.home / "inbox.sqlite")


def open_inbox(records: Records, plan: Plan) -> SqlInbox:
    """What comes in for a plan's world: the real carriers', or that of this home's sandbox. Raises: JournalBroken: it cannot be used."""
    world = sandbox_ending(records.settings) if is_sandbox(plan) else _LIVE
    inbox = SqlInbox(inbox_database(records), Seal(records.reply_key()), world=world)
    forget_ended(records, [inbox])
    return inbox


def forget_ended(records: Records, inboxes: Iterable[SqlInbox]) -> None:
    """Remove what is kept for drills that ended with no engine to clear up: a command ended them, or the engine was killed just then."""
    for inbox in inboxes:
        for drill in inbox.readers():
            if records.journal.read(drill, kinds=frozenset({Kind.DRILL_FINISHED})):
                inbox.leave(drill)


def inboxes_by_path(records: Records) -> dict[str, SqlInbox]:
    """What each secret path leads to: the sandbox's is derived from the local key, that of real carriers is the secret PUSH_PATH.

    Raises: PreflightFailed: PUSH_PATH is too short to be unguessable (F025). JournalBroken: the database cannot be used.
    """
    key, database = records.reply_key(), inbox_database(records)
    found = {sandbox_path(records): SqlInbox(database, Seal(key), world=sandbox_ending(records.settings))}
    if path := live_path(records):
        found[path] = SqlInbox(database, Seal(key), world=_LIVE)
    return found


def sandbox_path(records: Records) -> str:
    """The secret path that this home's sandbox pushes to."""
    return derived_path(records.reply_key())


def live_path(records: Records) -> str:
    """The secret path that real carriers push to; empty when none is set. Raises: PreflightFailed: as `inboxes_by_path`."""
    try:
        path = EnvironmentSecrets(records.settings.secrets_file).get(PUSH_PATH)
    except PreflightFailed as error:
        if error.code != "F010":
            raise
        return ""
    if len(path) < _SHORTEST_PATH or not set(path) <= set(_URL_SAFE):
        fix = "Take what `openssl rand -hex 32` prints, and give the carrier the address with it."
        raise PreflightFailed(
            f"the secret {PUSH_PATH} is no {_SHORTEST_PATH} or more letters, digits, - and _: it could be guessed.", code="F025", fix=fix
        )
    return path


_URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
