"""Fences a database by a team's own playbook, and believes it only when the database refuses a write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.canary_connection import ConnectionBroken, open_any
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.playbooks import outputs_of
from drill.model.ports import Ansible, Ground

_FENCE: Final = "fence_postgres.yml"
_RELEASE: Final = "release_postgres.yml"
_TIMEOUT_S: Final = 120.0
_ANSWER_S: Final = 3.0
_WRITE: Final = "select pg_logical_emit_message(true, 'drill', 'fence')"
_RECOVERS: Final = "select pg_is_in_recovery()"
_SILENT: Final = "no answer in time"


class PlaybookFence:
    """Port Fence of one's own hosts, by `fence_postgres.yml` and `release_postgres.yml`. `rivals` are all sites with a database."""

    def __init__(self, ansible: Ansible, ground: Ground, rivals: Sequence[str]) -> None:
        self._ansible = ansible
        self._ground = ground
        self._rivals = tuple(rivals)

    def preview(self, site: str) -> list[Effect]:
        """Always the whole fence: a database that does not answer may be down as well as fenced."""
        self._ground.inventory(site)
        detail = f"{_FENCE}, then a write that has to be refused"
        target = f"{site}/database"
        return [
            Effect(verb=Verb.STOP, target=target, detail=detail, tags={"drill": "allowed"}, undo="automatic", marks=frozenset({"fence"}))
        ]

    def fence(self, site: str) -> Mapping[str, Any]:
        """Proof: whether it was fenced `already`, and how a `write` was refused."""
        found = self._play(_FENCE, site).get("pg_fence", {})
        return {"site": site, "already": bool(found.get("already_fenced")), "write": self._refused(site)}

    def release(self, site: str) -> None:
        writable = [rival for rival in self._rivals if rival != site and self._takes_writes(rival)]
        if writable:
            what = f"{writable[0]} is writable: with {site} given back there could be two primaries."
            raise Fatal(what, code="A211", fix=f"Let {site} rejoin as a replica: rejoin_postgres.yml opens its fence.")
        self._play(_RELEASE, site)

    def _play(self, playbook: str, site: str) -> Mapping[str, Any]:
        result = self._ansible.play(
            playbook,
            inventory=self._ground.inventory(site),
            variables={},
            check=False,
            timeout_s=_TIMEOUT_S,
            stopping=lambda: False,
            on_task=lambda _task: None,
        )
        if result.state == "unreachable":
            what = f"{playbook} did not reach {site}: {result.failure}"
            raise Retryable(what, code="A131", fix="See whether its hosts can be reached from here; an outage must keep our address.")
        return outputs_of(playbook, result)

    def _refused(self, site: str) -> str:
        """How a write was refused. Raises: Fatal: it was taken, or nobody said anything, which proves nothing (A210)."""
        until_s = time.monotonic() + _ANSWER_S
        try:
            connection = open_any(self._ground.database(site).conninfo(), until_s=until_s)
            connection.query(_WRITE, [], until_s=until_s)
            connection.close()
        except ConnectionBroken as refused:
            if str(refused) == _SILENT:
                what = f"the database of {site} says nothing: that it takes no write is not proved."
                raise Fatal(what, code="A210", fix="Let its host be reached from here, or fence it by fence.command.") from refused
            return str(refused).splitlines()[0]
        raise Fatal(f"{site} took a write after it was fenced.", code="A210", fix="Do not promote; end its database first.")

    def _takes_writes(self, site: str) -> bool:
        """A site that does not answer may take writes: it counts as writable."""
        until_s = time.monotonic() + _ANSWER_S
        try:
            connection = open_any(self._ground.database(site).conninfo(), until_s=until_s)
            recovers = connection.query(_RECOVERS, [], until_s=until_s)
            connection.close()
        except ConnectionBroken:
            return True
        return recovers != [["t"]]
