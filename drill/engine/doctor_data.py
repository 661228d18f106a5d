"""What the doctor looks at where data and names are: how far standbys are behind, and whether users ask the servers a drill changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from drill.engine.doctor import Advice
from drill.model.ports import StandbyState


@dataclass(frozen=True)
class ReplicaLag:
    """Whether the standby that a plan promotes follows closely enough. `ask` asks its database, nothing when nobody may be asked."""

    site: str
    rpo_s: float
    ask: Callable[[], StandbyState | None]

    @property
    def name(self) -> str:
        return f"replica lag {self.site}"

    def advice(self) -> Iterable[Advice]:
        seen = self.ask()
        if seen is None:
            yield Advice(self.name, "warning", "the standby was not asked", "Look at its lag before the drill.")
            return
        if not seen.standby:
            yield Advice(self.name, "error", f"the database of {self.site} takes writes: it is no standby", "See who promoted it.", "F058")
        elif not seen.streams:
            detail = f"the standby of {self.site} receives nothing{f': {seen.why}' if seen.why else ''}"
            yield Advice(self.name, "error", detail, "Repair the replication first.", "F058")
        elif seen.lag_s is None:
            detail = f"the standby of {self.site} does not know how far it is behind"
            yield Advice(self.name, "error", detail, "Let it catch up, or see what holds it back.", "F058")
        elif seen.lag_s > self.rpo_s:
            detail = f"the standby of {self.site} is {seen.lag_s:.1f} s behind, more than the RPO of {self.rpo_s:g} s"
            yield Advice(self.name, "error", detail, "Let it catch up, or see what holds it back.", "F058")
        else:
            yield Advice(self.name, "ok", f"the standby of {self.site} is {seen.lag_s:.1f} s behind")


@dataclass(frozen=True)
class Delegated:
    """Whether a zone's delegation leads to the servers that the drill changes. Both return addresses."""

    zone: str
    changed: Callable[[], Collection[str]]
    asked: Callable[[], Collection[str]]

    @property
    def name(self) -> str:
        return f"delegation {self.zone}"

    def advice(self) -> Iterable[Advice]:
        changed, asked = set(self.changed()), set(self.asked())
        strangers = sorted(asked - changed)
        if not asked & changed:
            detail = f"users of {self.zone} ask {', '.join(strangers) or 'nobody'}, and the drill changes {', '.join(sorted(changed))}"
            yield Advice(self.name, "error", detail, "Delegate the zone to its provider, or name the right zone.", "F059")
        elif strangers:
            detail = f"some users of {self.zone} ask {', '.join(strangers)}, which the drill does not change"
            yield Advice(self.name, "warning", detail, "Take them out of the delegation, or see that they follow.")
        else:
            yield Advice(self.name, "ok", f"{len(asked)} server(s) answer, and they are those that the drill changes")
