"""Fences a database by a team's own playbook, and believes it only when the database refuses a write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drill.adapters.canary_connection import ConnectionBroken
from drill.adapters.database_sessions import Session, open_session, refusal, writable_rival
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.playbooks import outputs_of
from drill.model.ports import Ansible, Ground

_TIMEOUT_S: Final = 120.0
_ANSWER_S: Final = 3.0
_HELD_S: Final = 1.0
"""A primary that is lost may say nothing: looking for a connection to hold must not cost what the fence is about."""


class PlaybookFence:
    """Port Fence of one's own hosts, by `fence_….yml` and `release_….yml` of the database's engine. `rivals` are all sites with one."""

    def __init__(self, ansible: Ansible, ground: Ground, rivals: Sequence[str]) -> None:
        self._ansible = ansible
        self._ground = ground
        self._rivals = tuple(rivals)

    def preview(self, site: str) -> list[Effect]:
        """Always the whole fence: a database that does not answer may be down as well as fenced."""
        self._ground.inventory(site)
        detail = f"{self._named('fence', site)}, then a write that has to be refused"
        target = f"{site}/database"
        return [
            Effect(verb=Verb.STOP, target=target, detail=detail, tags={"drill": "allowed"}, undo="automatic", marks=frozenset({"fence"}))
        ]

    def fence(self, site: str) -> Mapping[str, Any]:
        """Proof: whether it was fenced `already`, and how a `write` was refused: anew, and on a connection `held` open since before.

        `held` is empty when none could be opened before, as with a primary that is lost already.
        """
        held = self._opened(site)
        try:
            said = self._play("fence", site)
            found = said.get("pg_fence") or said.get("db_fence") or {}
            refused = self._refused_held(site, held)
        finally:
            if held is not None:
                held.close()
        return {"site": site, "already": bool(found.get("already_fenced")), "write": self._refused(site), "held": refused}

    def release(self, site: str) -> None:
        writable = writable_rival(self._ground, self._rivals, site)
        if writable is not None:
            what = f"{writable} is writable: with {site} given back there could be two primaries."
            raise Fatal(what, code="A211", fix=f"Let {site} rejoin as a replica: {self._named('rejoin', site)} opens its fence.")
        self._play("release", site)

    def _named(self, verb: str, site: str) -> str:
        return f"{verb}_{self._ground.database(site).engine}.yml"

    def _play(self, verb: str, site: str) -> Mapping[str, Any]:
        playbook = self._named(verb, site)
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

    def _opened(self, site: str) -> Session | None:
        """A connection as the business may hold one, and be able to write over it after a fence that only keeps new ones away."""
        try:
            return open_session(self._ground.database(site), within_s=_HELD_S)
        except ConnectionBroken:
            return None

    def _refused_held(self, site: str, held: Session | None) -> str:
        """How the held connection refused a write. Raises: Fatal: it took it (A210)."""
        if held is None:
            return ""
        try:
            held.write()
        except ConnectionBroken as broken:
            return _first_line(broken)
        what = f"{site} took a write, on a connection that was open before it was fenced."
        raise Fatal(what, code="A210", fix="Do not promote; let the fence end open connections too.")

    def _refused(self, site: str) -> str:
        """How a write was refused. Raises: Fatal: it was taken, or what was said proves nothing (A210)."""
        try:
            session = open_session(self._ground.database(site), within_s=_ANSWER_S)
            session.write()
            session.close()
        except ConnectionBroken as broken:
            match refusal(broken):
                case "silent":
                    what = f"the database of {site} says nothing: that it takes no write is not proved."
                    raise Fatal(what, code="A210", fix="Let its host be reached from here, or fence it by fence.command.") from broken
                case "unproved":
                    what = f"the database of {site} turned us away, which does not prove that it takes no write: {_first_line(broken)}."
                    raise Fatal(what, code="A210", fix="Correct the site's `database`, so that its user is let in.") from broken
            return _first_line(broken)
        raise Fatal(f"{site} took a write after it was fenced.", code="A210", fix="Do not promote; end its database first.")


def _first_line(broken: ConnectionBroken) -> str:
    return str(broken).splitlines()[0]
