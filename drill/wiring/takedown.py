"""Takes the sandbox down, and with it the drills that stand on it: none stays open for ever without its ground."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from drill.adapters.leases_sql import Lease, SqlLeases
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.events import Draft, Kind
from drill.model.progress import Progress
from drill.model.ways import told_ways, ways_on
from drill.settings import Settings
from drill.wiring.leases import is_dead_holder, sites_of
from drill.wiring.records import Records
from drill.wiring.worlds import clear_ground, is_sandbox

WHY: Final = "its ground is gone: the sandbox was taken down"
_ENDS_WITHIN_S = 20.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Standing:
    """An unfinished drill on this home's sandbox. `lease` is that of a live engine, nothing when no engine plays it."""

    drill: str
    progress: Progress
    lease: Lease | None


def standing_on(records: Records) -> list[Standing]:
    """The unfinished drills that an engine of this home has brought onto the sandbox."""
    leases = SqlLeases(records.database)
    found = []
    for drill in records.journal.drills():
        if records.journal.find(drill, "finished") is not None:
            continue
        progress = records.progress(drill)
        if progress.outcome or progress.plan is None or not is_sandbox(progress.plan):
            continue
        rows = [row for row in leases.look(sites_of(records.settings, progress.plan)) if row.drill == drill]
        manned = records.journal.read(drill, kinds=frozenset({Kind.ENGINE_STARTED}))
        if not manned or (records.settings.shared and not rows):
            continue  # it waits in a queue and will have a ground of its own, or stands on another home's
        live = [row for row in rows if not is_dead_holder(row, ttl_s=records.settings.ttl_s)]
        found.append(Standing(drill, progress, live[0] if live else None))
    return found


def take_down_with_drills(settings: Settings, *, force: bool, say: Callable[[str], None], patience_s: float = _ENDS_WITHIN_S) -> list[str]:
    """Take the sandbox down and end every drill that stood on it as aborted; returns those drills.

    A live engine has `patience_s` to end its drill itself.

    Raises: PreflightFailed: a live engine plays one of them and `force` is not given (F066). Fatal: something stays (A262).
    """
    records, standing = _opened(settings, say)
    live = [row for row in standing if row.lease is not None]
    if live and not force:
        raise _refusal(live[0])
    if records is None:
        clear_ground(settings)
        return []
    for row in live:
        records.recorder(row.drill).say_all([_abort(records, row.drill)])
    clear_ground(settings)
    for row in standing:
        if row.lease is None or not _ended_by_itself(records, row.drill, patience_s):
            _end(records, row.drill)
        if row.lease is None:
            _forget(records, row.drill)
    return [row.drill for row in standing]


def _opened(settings: Settings, say: Callable[[str], None]) -> tuple[Records | None, Sequence[Standing]]:
    """The records and who stands on the sandbox; nothing when there is no journal, or none that can be used: it must not be in the way."""
    if not settings.shared and not (settings.home / "drill.sqlite").exists():
        return None, ()
    try:
        records = Records(settings)
        return records, standing_on(records)
    except JournalBroken as broken:
        say(f"its drills cannot be ended: {broken}")
        return None, ()


def _refusal(row: Standing) -> PreflightFailed:
    host, pid, _ = (*(row.lease.holder if row.lease else "").split(":"), "?", "?", "?")[:3]
    state, ways = row.progress.state, f"`drill abort {row.drill}` takes it back"
    if state == "held":
        state, ways = "on hold", told_ways(ways_on(row.progress, row.drill))
    return PreflightFailed(
        f"the drill {row.drill} is {state} on this sandbox (host {host}, pid {pid}).",
        code="F066",
        fix=f"{ways[0].upper()}{ways[1:]}; `drill sandbox down --force` ends it as it stands.",
    )


def _abort(records: Records, drill: str) -> Draft:
    key = f"abort/ground/{records.clock.epoch}"
    return records.recorder(drill).draft(Kind.ABORT_REQUESTED, key, by="person:operator", reason=WHY, channel="ground")


def _ended_by_itself(records: Records, drill: str, patience_s: float) -> bool:
    """Whether the engine that plays the drill brings it to its end, as it does when it notices."""
    until_s = time.monotonic() + patience_s
    while not records.journal.read(drill, kinds=frozenset({Kind.DRILL_FINISHED})):
        if time.monotonic() > until_s:
            return False
        time.sleep(_POLL_S)
    return True


def _end(records: Records, drill: str) -> None:
    """End a drill that no engine plays, or one whose engine does not end it; a token of our own keeps that engine from writing more."""
    token = records.journal.take_token(drill)
    recorder = records.recorder(drill, token=token)
    ended = {"outcome": "aborted", "exit_code": 4, "left": [], "reason": WHY, "ground_gone": True}
    recorder.say_all(
        [
            recorder.draft(Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder="sandbox down"),
            *([] if recorder.look(lambda progress: progress.ground_gone) else [_abort(records, drill)]),
            recorder.draft(Kind.DRILL_FINISHED, "finished", by="person:operator", **ended),
        ]
    )


def _forget(records: Records, drill: str) -> None:
    """No server may find a dead engine's drill here: there is nothing to go on with, not even people to text."""
    from drill.engine.durable import DrillQueue

    queue = DrillQueue(records.database, to_look=True)
    try:
        queue.forget(drill)
    finally:
        queue.close()
