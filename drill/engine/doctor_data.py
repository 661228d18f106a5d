"""What the doctor looks at where data and names are: how far standbys are behind, and whether users ask the servers a drill changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.engine.doctor import Advice

LAG: Final = """
select pg_is_in_recovery(), exists(select from pg_stat_wal_receiver),
  case when pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn() then 0
       else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), -1) end::float8
"""


@dataclass(frozen=True)
class ReplicaLag:
    """Whether the standby that a plan promotes follows closely enough. `ask` puts one read-only question to its database."""

    site: str
    rpo_s: float
    ask: Callable[[str], Sequence[Sequence[Any]] | None]

    @property
    def name(self) -> str:
        return f"replica lag {self.site}"

    def advice(self) -> Iterable[Advice]:
        rows = self.ask(LAG)
        if not rows:
            yield Advice(self.name, "warning", "the standby was not asked", "Look at its lag before the drill.")
            return
        standby, streams, lag_s = rows[0]
        if not standby:
            yield Advice(self.name, "error", f"the database of {self.site} takes writes: it is no standby", "See who promoted it.", "F058")
        elif not streams:
            yield Advice(self.name, "error", f"the standby of {self.site} receives nothing", "Repair the replication first.", "F058")
        elif lag_s < 0 or lag_s > self.rpo_s:
            detail = f"the standby of {self.site} is {lag_s:.1f} s behind, more than the RPO of {self.rpo_s:g} s"
            yield Advice(self.name, "error", detail, "Let it catch up, or see what holds it back.", "F058")
        else:
            yield Advice(self.name, "ok", f"the standby of {self.site} is {lag_s:.1f} s behind")


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
