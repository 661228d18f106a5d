"""One drill per site: takes the leases of a plan's sites before anything is touched, and says who holds them otherwise."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time

import psutil

from drill.adapters.database_errors import riding_out
from drill.adapters.leases_sql import Lease, SqlLeases
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.plan import Plan
from drill.model.ways import told_ways, ways_on
from drill.settings import Settings
from drill.wiring.records import Records
from drill.wiring.stores import sandbox_ending

_PATIENCE_S = 60.0
_REST_S = 0.5
_log = logging.getLogger(__name__)


def sites_of(settings: Settings, plan: Plan) -> list[str]:
    """What is locked for a plan: provider and region of each site; a sandbox is one home's own."""
    own = sandbox_ending(settings)
    return sorted({f"{site.provider}/{site.region}{own if site.provider == 'sandbox' else ''}" for site in plan.sites})


def this_process() -> str:
    """Host, pid and start of this process: `host:pid:start`."""
    return f"{platform.node()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


class SiteLease:
    """The leases of one drill's sites, as the process that plays it holds them."""

    def __init__(self, records: Records, drill: str, plan: Plan) -> None:
        self._records = records
        self._drill = drill
        self._sites = sites_of(records.settings, plan)
        self._leases = SqlLeases(records.database)
        self._token = 0
        self._resting = threading.Event()

    def rest(self) -> None:
        """Let nothing more be begun on the sites from here: whoever asks for the right waits until this process has ended."""
        self._resting.set()

    def refuse_if_taken(self) -> None:
        """Raises: PreflightFailed: another drill is on one of the sites (F051, names drill, host and pid)."""
        blocking = [row for row in self._leases.look(self._sites) if row.drill != self._drill and not self._is_dead(row)]
        if blocking:
            raise self._refusal(blocking[0])

    def take(self) -> None:
        """Take the sites, also from a drill whose engine is dead. Raises: PreflightFailed: another drill is on one of them (F051)."""
        dead = [row for row in self._leases.look(self._sites) if self._is_dead(row)]
        taken = self._leases.take(self._sites, drill=self._drill, holder=this_process(), over=dead)
        if not isinstance(taken, int):
            raise self._refusal(taken[0])
        self._token = taken

    def beat(self) -> None:
        """Say that we still are here. A database that is away for a while is no reason to stop: the time to live decides."""
        try:
            self._leases.beat(self._drill, self._token)
        except JournalBroken:
            _log.info("lease.missed", exc_info=True, extra={"drill": self._drill})

    def check(self) -> None:
        """Ask for the right to touch the sites. Raises: JournalBroken: they are another's by now (J011), or the database is away (J023)."""
        while self._resting.is_set():
            time.sleep(_REST_S)
        if not riding_out(lambda: self._leases.holds(self._drill, self._token), patience_s=_PATIENCE_S):
            raise JournalBroken(
                f"the sites of {self._drill} are held by another drill or engine by now.",
                code="J011",
                fix="This engine starts no step; look at `drill list` for the one that goes on.",
            )

    def release(self) -> None:
        """Give the sites up: the drill has ended."""
        self._leases.release(self._drill, self._token)

    def _is_dead(self, row: Lease) -> bool:
        """Whether nobody works on that drill any more. One on hold is never dead: what serves depends on it."""
        if row.drill == self._drill or self._records.progress(row.drill).state == "held":
            return False
        return is_dead_holder(row, ttl_s=self._records.settings.ttl_s)

    def _refusal(self, row: Lease) -> PreflightFailed:
        host, pid, _ = (*row.holder.split(":"), "?", "?", "?")[:3]
        progress = self._records.progress(row.drill)
        if progress.outcome:
            what = f"has ended and is being cleared away (host {host}, pid {pid})"
            fix = f"Try again in some seconds; `drill status {row.drill}` says when nobody has it any more."
        elif progress.held:
            what, fix = "is on hold on this site", f"Choose: {told_ways(ways_on(progress, row.drill))}."
        else:
            what = f"is running on this site (host {host}, pid {pid})"
            fix = f"Wait for it, look with `drill status {row.drill}`, or stop it with `drill abort {row.drill}`."
        ends = " `drill sandbox down` ends it with its sandbox." if row.site.startswith("sandbox/") and progress.state == "held" else ""
        return PreflightFailed(f"the drill {row.drill} {what}: {row.site}.", code="F051", fix=fix + ends)


def is_dead_holder(row: Lease, *, ttl_s: float) -> bool:
    """Whether the engine that holds a lease is dead: it has not beaten for its time to live, or its process here is gone."""
    return row.age_s > ttl_s or _died_here(row.holder)


def _died_here(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone: no need to wait for its time to live."""
    host, pid, start = (*holder.split(":"), "", "")[:3]
    if host != platform.node() or not pid.isdecimal():
        return False
    try:
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or f"{process.create_time():.2f}" != start
    except psutil.NoSuchProcess:
        return True


def last_sign_of_life(records: Records, drill: str) -> float:
    """The time of the newest beat for the drill by whichever engine plays it, by the database's clock; 0 for none."""
    return SqlLeases(records.database).pulse(drill)
