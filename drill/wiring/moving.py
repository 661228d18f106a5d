"""What of a drill cannot move: what another host could not go on with, or not end, when this one is lost."""

from __future__ import annotations

from dataclasses import dataclass

from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.worlds import is_sandbox

_SHARE = "Set DRILL_DATABASE_URL to a Postgres that stands in no region of this drill, and run `drill serve` on two hosts."


@dataclass(frozen=True)
class Stays:
    """One thing that stays where it is. `name` is short and stable, `fix` empty when nothing can be done about it."""

    name: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".strip()


def what_cannot_move(plan: Plan, settings: Settings) -> list[Stays]:
    """Everything of a drill that is bound to this host, the weightiest first; changes and asks nothing."""
    found = [_dead_man(settings)]
    if not settings.shared:
        found.append(
            Stays("journal", f"The journal is a file of this host ({settings.home}): no other host can take the drill over.", _SHARE)
        )
        found.append(Stays("state", "Terraform's state, kept output and the key behind reply codes are files of this host.", _SHARE))
    if settings.secrets_file is not None:
        what = f"Secrets are read from {settings.secrets_file} of this host."
        found.append(Stays("secrets", what, "Put the same file on every host that may play the drill."))
    if is_sandbox(plan):
        found.append(Stays("sandbox", "The sandbox runs on this host and is lost with it."))
    return found


def _dead_man(settings: Settings) -> Stays:
    """The dead man is a process beside the engine: it outlives that, but not their host."""
    what = "The dead man covers the death of the engine's process, not of its host."
    if settings.shared:
        fix = f"A worker on another host takes the drill over after {settings.ttl_s:g} s: let at least two serve this database."
        return Stays("dead-man", what, fix)
    return Stays("dead-man", f"{what} When this host is lost in the outage, only a person ends it.", _SHARE)
