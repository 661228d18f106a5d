"""Fences managed databases by the provider's own means: a playbook shuts them in, restarts them and reads that back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable
from drill.model.playbooks import outputs_of
from drill.model.ports import Ansible, Ground

_TIMEOUT_S: Final = 900.0
ENGINES: Final[Mapping[str, str]] = {"rds": "rds", "aliyun_rds": "aliyun_rds"}
"""By the engine a site names: what its playbooks `fence_….yml` and `release_….yml` are called after."""


class ManagedFence:
    """Port Fence of managed databases. `engines` names each site's engine, `two_primaries` another site that takes writes now.

    The proof is what the provider says after the restart, which ends open connections: from here an isolated database cannot be asked.
    """

    def __init__(self, engines: Mapping[str, str], ansible: Ansible, ground: Ground, two_primaries: Callable[[str], str | None]) -> None:
        self._engines = dict(engines)
        self._ansible = ansible
        self._ground = ground
        self._two_primaries = two_primaries

    def preview(self, site: str) -> list[Effect]:
        found = self._play("fence", site, check=True)
        if found.get("already_fenced"):
            return []
        detail = f"fence_{self._engine(site)}.yml: shut in and restarted"
        tags, marks = {"drill": "allowed"}, frozenset({"fence"})
        target = f"{site}/{found.get('host', 'database')}"
        return [Effect(verb=Verb.STOP, target=target, detail=detail, tags=tags, undo="automatic", marks=marks)]

    def fence(self, site: str) -> Mapping[str, Any]:
        """Proof: the `host`, and whether it was fenced `already`; the provider was asked after the restart."""
        found = self._play("fence", site, check=False)
        if "already_fenced" not in found:
            what = f"fence_{self._engine(site)}.yml did not say what it found: that {site} takes no write is not proved."
            raise Fatal(what, code="A210", fix="Do not promote; look at the database in the provider's console.")
        again = self._play("fence", site, check=True)
        if not again.get("already_fenced"):
            what = f"the database of {site} is not shut in although it was fenced."
            raise Fatal(what, code="A210", fix="Do not promote; see who opens it.")
        return {"site": site, "host": found.get("host", ""), "already": bool(found["already_fenced"])}

    def release(self, site: str) -> None:
        rival = self._two_primaries(site)
        if rival is not None:
            what = f"{rival} is writable: with {site} given back there could be two primaries."
            raise Fatal(what, code="A211", fix=f"Make {site} a replica anew; a promoted managed database never follows again.")
        self._play("release", site, check=False)

    def _engine(self, site: str) -> str:
        if site not in self._engines:
            raise Fatal(f"there is no managed database of {site!r}.", code="A250", fix=f"Those known are {', '.join(self._engines)}.")
        return ENGINES[self._engines[site]]

    def _play(self, verb: str, site: str, *, check: bool) -> Mapping[str, Any]:
        playbook = f"{verb}_{self._engine(site)}.yml"
        result = self._ansible.play(
            playbook,
            inventory=self._ground.inventory(site),
            variables={},
            check=check,
            timeout_s=_TIMEOUT_S,
            stopping=lambda: False,
            on_task=lambda _task: None,
        )
        if result.state == "unreachable":
            raise Retryable(
                f"{playbook} did not get through: {result.failure}", code="A131", fix="See whether the provider can be reached."
            )
        found: Mapping[str, Any] = outputs_of(playbook, result).get("db_fence", {})
        return found
