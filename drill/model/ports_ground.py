"""The ground a drill stands on: sites, databases, names, probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from drill.model.effects import Effect
from drill.model.errors import Fatal
from drill.model.guards import Look
from drill.model.ports_traffic import NameFacts
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers


class Outage(Protocol):
    """Takes a site away and gives it back."""

    def preview(self, site: str) -> list[Effect]:
        """What would be cut and is not cut yet."""

    def snapshot(self, site: str) -> Mapping[str, Any]:
        """What may be cut and how it is now, as JSON, for the exact way back; changes nothing. Empty: the site remembers by itself.

        It is written down before `isolate` begins, and after a crash it is the first one that counts.
        """

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        """Cut off what the snapshot names, nothing else. Idempotent.

        Returns `method`, and where it is known `not_cut`: what of the site goes on, a sentence each.
        Raises: Fatal: something lost its opt-in tag or is not as the snapshot says (A213, A214), or there is too much of it (A215).
        """

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        """Give everything back that is not fenced, as the snapshot says it was. Idempotent.

        Raises: Fatal: the snapshot is needed and empty (A216), or somebody else changed something meanwhile (A214).
        """

    def isolated(self, site: str) -> bool:
        """Whether the site is cut off now."""


class Fence(Protocol):
    """Makes sure the database of a site takes no write, whatever else happens to the site."""

    def preview(self, site: str) -> list[Effect]:
        """Empty when fenced."""

    def fence(self, site: str) -> Mapping[str, Any]:
        """Fence and prove it; returns the proof. Idempotent.

        Raises: Fatal: it could not be proved that the database takes no write (A210).
        """

    def release(self, site: str) -> None:
        """Give the database back as it was. Only while no other site has been promoted; after that it rejoins as a replica.

        Raises: Fatal: another site is writable (A211).
        """


@dataclass(frozen=True)
class RecordSet:
    """One DNS record set as it is served. `raw` is the provider's own form, for the exact rollback."""

    name: str
    type: str
    ttl_s: int
    values: tuple[str, ...]
    raw: Any = None
    weights: tuple[int, ...] = ()
    """The share of each value, in the provider's own units; empty when nothing is weighted. A weight of 0 gets no traffic."""


class Dns(Protocol):
    """The authoritative side of a zone. Writing is a compare-and-swap."""

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        """What the provider holds now. Raises: Fatal: no such name (A221)."""

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        """Replace `before` by `after`, or change nothing. Already `after` is success.

        With `weights` and no `raw`, `after` is the weighted record sets of `before` with these weights.

        Raises: Fatal: somebody else changed it (A220, names the present values). InDoubt: no answer, and reading back failed.
        """

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        """Address and port of every authoritative server."""

    def in_sync(self, name: str) -> bool:
        """Whether the provider says that all its servers have the last change made here; true where it cannot be asked."""

    def facts(self, name: str) -> NameFacts:
        """What the provider's names can do. Raises: Fatal: no such name (A221)."""


class Propagation(Protocol):
    """Watches name servers take up a change."""

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        """Ask until every server agrees on `after`, or until the time for it is over, or a stop.

        `on_change` is called in the caller's thread whenever a server's state changes or it settles. Never raises for a silent server.
        """


@dataclass(frozen=True)
class Sample:
    """One probe's answer. Times are monotonic seconds."""

    sent_s: float
    received_s: float | None
    ok: bool
    error: str
    site: str
    address: str


class ProbeRunner(Protocol):
    """Asks one probe once, resolving its name anew."""

    def ask(self, probe: str) -> Sample:
        """Never raises for a failed probe: that is its answer."""


class GuardRunner(Protocol):
    """Looks once at one guard that is no probe."""

    def ask(self, guard: str) -> Look:
        """Never raises for a guard that does not hold or cannot be seen: that is its answer. Takes at most the guard's `for_s`."""


Engine = Literal["postgres", "mysql"]
"""What kind of database it is; `mysql` is MariaDB too."""
PORTS: Final[Mapping[Engine, int]] = {"postgres": 5432, "mysql": 3306}
"""Where a database of a kind listens when nothing else is said."""


@dataclass(frozen=True)
class DatabaseAccess:
    """How to reach the database of a site. No password: it is in `passfile`, or trust is configured.

    `passfile` is a libpq password file, or an option file of MySQL (`[client]`).
    """

    host: str
    port: int
    user: str
    dbname: str
    bin_dir: Path
    passfile: Path | None = None
    data_dir: str = ""
    sslmode: str = ""
    engine: Engine = "postgres"

    def conninfo(self) -> str:
        """A libpq connection string without secrets. Raises: Fatal: it is no PostgreSQL database (A290)."""
        if self.engine != "postgres":
            what = f"the database at {self.host}:{self.port} is no PostgreSQL one."
            raise Fatal(what, code="A290", fix="Use what works with MySQL there, or correct the site's `engine`.")
        passfile = f" passfile={self.passfile}" if self.passfile else ""
        sslmode = f" sslmode={self.sslmode}" if self.sslmode else ""
        return f"host={self.host} port={self.port} user={self.user} dbname={self.dbname}{passfile}{sslmode}"


class Ground(Protocol):
    """What is known about the sites: addresses, databases, inventories."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        """Facts that expressions over `sites` may use: addresses, ports."""

    def database(self, site: str) -> DatabaseAccess:
        """How to reach the site's database. Raises: Fatal: it has none (A250)."""

    def inventory(self, site: str) -> Mapping[str, Any]:
        """An Ansible inventory of the site: its server in group `pg_target`, the other one in `pg_peer`, each with its host variables."""

    def last_primary_lsn(self) -> str:
        """The newest position seen on the primary before it was lost; empty when none was seen."""
