"""Fences a database by stopping the machines it runs on: nothing of it goes on, and no open connection survives."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from drill.adapters.database_sessions import writable_rival
from drill.adapters.outage_parts import FENCED, Part, Sort, State
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Ground

ROLE: Final[Mapping[str, str]] = {"drill-role": "database"}
"""The tag, beside the opt-in tags, of the machines that a site's database runs on."""
_CONNECT_S: Final = 3.0


class Stoppable(Sort, Protocol):
    """Machines that can be stopped and tagged."""

    def mark(self, resource: str, key: str, value: str) -> None:
        """Give a machine a tag."""

    def unmark(self, resource: str, key: str) -> None:
        """Take a tag from a machine."""


@dataclass(frozen=True)
class FencedSite:
    """The machines of a site's database, and what they are when they are stopped and when they run.

    `starts_at_boot`: such a database would take writes again, so it is released only while no other site is writable.
    """

    machines: Stoppable
    stopped: State
    running: State
    starts_at_boot: bool = True


class MachineFence:
    """Port Fence. The machine is tagged first, so that no outage that is taken back starts it; `rivals` are all sites with a database."""

    def __init__(
        self,
        sites: Mapping[str, FencedSite],
        ground: Ground,
        rivals: Sequence[str],
        *,
        settle_s: float = 300.0,
        poll_s: float = 3.0,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sites = dict(sites)
        self._ground = ground
        self._rivals = tuple(rivals)
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._sleep = sleep
        self._now_s = now_s

    def preview(self, site: str) -> list[Effect]:
        fenced = self._of(site)
        return [
            Effect(
                verb=Verb.STOP,
                target=f"{site}/{part.id}",
                detail=f"{fenced.machines.doing}, and a tag that keeps it stopped",
                tags=dict(part.tags),
                undo="automatic",
                marks=frozenset({"fence"}),
            )
            for part in fenced.machines.find()
            if not (part.fenced and part.settled and part.state == fenced.stopped)
        ]

    def fence(self, site: str) -> Mapping[str, Any]:
        """Proof: the machines that are `stopped`, how many were so `already`, and how a connection is refused (`write`)."""
        fenced = self._of(site)
        parts = fenced.machines.find()
        if not parts:
            tags = ", ".join(f"{key}={value}" for key, value in ROLE.items())
            what = f"no machine of {site} is known to run its database: none carries {tags} and the opt-in tags."
            raise Fatal(what, code="A210", fix="Tag the database's machines, or fence it by a playbook.")
        already = sum(part.fenced and part.state == fenced.stopped for part in parts)
        for part in parts:
            if part.tags.get(FENCED) != site:
                fenced.machines.mark(part.id, FENCED, site)
            if part.state != fenced.stopped:
                self._turn(fenced, part, fenced.stopped)
        for part in parts:
            self._arrived(fenced, part.id, fenced.stopped)
        return {"site": site, "already": already, "stopped": [part.id for part in parts], "write": self._refused(site)}

    def release(self, site: str) -> None:
        fenced = self._of(site)
        parts = [part for part in fenced.machines.find() if part.fenced]
        if parts and fenced.starts_at_boot:
            self._refuse_two_primaries(site)
        for part in parts:
            now = self._settled(fenced, part.id) or part
            if now.state != fenced.running:
                self._turn(fenced, now, fenced.running)
        for part in parts:
            self._arrived(fenced, part.id, fenced.running)
            fenced.machines.unmark(part.id, FENCED)

    def _of(self, site: str) -> FencedSite:
        if site not in self._sites:
            raise Fatal(f"there is no site {site!r}.", code="A250", fix=f"The sites are {', '.join(self._sites)}.")
        return self._sites[site]

    def _turn(self, fenced: FencedSite, part: Part, state: State) -> None:
        """Start or stop one; a refusal counts only when it is not on its way there."""
        try:
            fenced.machines.swap(part, state)
        except (Fatal, Retryable):
            now = fenced.machines.read(part.id)
            if now is None or now.state != state:
                raise

    def _settled(self, fenced: FencedSite, resource: str) -> Part | None:
        until_s = self._now_s() + self._settle_s
        while (now := fenced.machines.read(resource)) is not None and not now.settled:
            if self._now_s() >= until_s:
                what = f"the machine {resource} is on its way for {self._settle_s:.0f} s already."
                raise Retryable(what, code="A123", fix="See what the provider says of it; the same try may succeed later.")
            self._sleep(self._poll_s)
        return now

    def _arrived(self, fenced: FencedSite, resource: str, state: State) -> None:
        """Raises: Fatal: it is something else in the end (A210)."""
        now = self._settled(fenced, resource)
        if now is not None and now.state != state:
            what = f"the machine {resource} is {', '.join(now.state)} although it should be {', '.join(state)}."
            raise Fatal(what, code="A210", fix="Do not promote; see who starts or stops it.")

    def _refused(self, site: str) -> str:
        """How a connection to the database is refused. Raises: Fatal: something answers there (A210)."""
        access = self._ground.database(site)
        try:
            socket.create_connection((access.host, access.port), timeout=_CONNECT_S).close()
        except OSError as error:
            return str(error)
        what = f"something still answers for the database of {site} at {access.host}:{access.port}, although its machines are stopped."
        raise Fatal(what, code="A210", fix="Do not promote; see whether an untagged machine runs it, or a proxy answers.")

    def _refuse_two_primaries(self, site: str) -> None:
        rival = writable_rival(self._ground, self._rivals, site)
        if rival is not None:
            what = f"{rival} is writable: with {site} started there could be two primaries."
            fix = f"Let {site} rejoin as a replica. If its database does not start at boot, say so in the site: starts_at_boot: false."
            raise Fatal(what, code="A211", fix=fix)
