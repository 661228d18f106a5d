"""The server's side of vantage points: which drills they may ask about by which key, and what becomes of the samples they send."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from drill.adapters.journal_sql import SqlJournal
from drill.engine.vantage_intake import Moment, OpenJournal, sieve, store
from drill.engine.vantage_watch import orders_in
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.ports import Clock
from drill.model.vantage_wire import Batch, WorkOrder
from drill.settings import EnvironmentSecrets
from drill.wiring.records import Records

SHORTEST_KEY: Final = 22
"""128 bits in URL-safe base64."""
_PATIENCE_S: Final = 2.0
FRESH_S: Final = 0.5
_AT_ONCE: Final = 50
"""So many drills nobody has looked at are looked at in one go."""
_MOST_KEPT: Final = 200
MOST_SAMPLES_A_DRILL: Final = 1_000_000
"""A day of ten probes a second: what sends more is broken, and would fill the disk."""
_KINDS: Final = frozenset({Kind.DRILL_PLANNED, Kind.PREFLIGHT_CHECKED, Kind.DRILL_FINISHED})
_LOG: Final = logging.getLogger(__name__)


class DrillsJournal(OpenJournal, Protocol):
    """What the desk needs of a journal."""

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        """Facts with `seq` above `after`, in order."""

    def drills(self) -> list[str]:
        """Ids of every drill, oldest first."""

    def head(self, drill: str) -> tuple[int, str]:
        """`seq` and digest of the last fact."""


@dataclass
class Seat:
    """One vantage point of one drill."""

    drill: str
    vantage: str
    key: bytes
    """SHA-256 of its key."""
    order: WorkOrder | None = None
    taken: int = 0
    """How many samples it has sent for its drill."""


@dataclass
class _Known:
    """What is known of a drill with vantage points."""

    plan: Plan
    planned_at: datetime
    seats: list[Seat]
    ordinal: int
    seq: int = 0
    over: bool = False


@dataclass(frozen=True)
class Receipt:
    """What became of a batch. `over`: the drill has ended, and nothing was stored."""

    stored: int = 0
    refused: int = 0
    why: str = ""
    over: bool = False


@dataclass
class VantageDesk:
    """Looks into the journal and writes to it; everything here blocks, and belongs to one thread.

    `secret` gives the value of a reference. Raises in every method: JournalBroken: the journal cannot be used now.
    """

    journal: DrillsJournal
    clock: Clock
    secret: Callable[[str], str]
    _known: dict[str, _Known] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _looked_s: float = float("-inf")

    def seats(self, vantage: str) -> Sequence[Seat]:
        """The seats of a vantage point, the newest drill first; of drills that have ended too, so that its agent hears of it."""
        if time.monotonic() - self._looked_s > FRESH_S:
            self._look()
        newest_first = sorted(self._known.values(), key=lambda known: -known.ordinal)
        return [seat for known in newest_first for seat in known.seats if seat.vantage == vantage]

    def order(self, seats: Sequence[Seat], scenario: str) -> WorkOrder | None:
        """What the newest running drill among these wants to be asked; only of a scenario, when one is named."""
        for seat in seats:
            known = self._known.get(seat.drill)
            if known is not None and not known.over and scenario in {"", known.plan.scenario} and seat.order is not None:
                return seat.order
        return None

    def take(self, seats: Sequence[Seat], batch: Batch) -> Receipt:
        """Store the sound samples of a batch: when this returns, they are in the journal."""
        seat = next((one for one in seats if one.drill == batch.drill), None)
        known = None if seat is None else self._known.get(seat.drill)
        if seat is None or known is None or known.over:
            return Receipt(over=True)
        seat.taken += len(batch.samples)
        if seat.taken > MOST_SAMPLES_A_DRILL:
            return Receipt(refused=len(batch.samples), why=f"more than {MOST_SAMPLES_A_DRILL} samples came for this drill")
        found = sieve(known.plan, seat.vantage, batch.samples, planned_at=known.planned_at, moment=Moment.by(self.clock))
        if not store(self.journal, seat.drill, found.drafts):
            known.over = True
            return Receipt(over=True)
        refused = len(found.wrong) + found.outside
        if found.wrong:
            _LOG.warning("vantage.refused", extra={"vantage": seat.vantage, "samples": len(found.wrong), "why": found.wrong[0]})
        why = found.wrong[0] if found.wrong else "taken long before the drill" if found.outside else ""
        return Receipt(len(found.drafts), refused, why)

    def _look(self) -> None:
        for known in [known for known in self._known.values() if not known.over]:
            self._learn(known, known.seats[0].drill)
        fresh = [(n, drill) for n, drill in enumerate(self.journal.drills()) if drill not in self._seen]
        for ordinal, drill in fresh[-_AT_ONCE:]:
            self._meet(drill, ordinal)
        oldest_first = sorted(self._known, key=lambda drill: self._known[drill].ordinal)
        for drill in oldest_first[: max(0, len(oldest_first) - _MOST_KEPT)]:
            del self._known[drill]
        self._looked_s = time.monotonic()

    def _meet(self, drill: str, ordinal: int) -> None:
        planned = next(iter(self.journal.read(drill, kinds=frozenset({Kind.DRILL_PLANNED}))), None)
        if planned is None:
            return  # its plan comes in a moment
        self._seen.add(drill)
        if not planned.data["plan"].get("vantage_points"):
            return
        plan = Plan.model_validate(planned.data["plan"])
        seats = [Seat(drill, point.id, key) for point in plan.vantage_points if point.key and (key := self._key(point.key))]
        if seats:
            self._known[drill] = _Known(plan, planned.at, seats, ordinal)
            self._learn(self._known[drill], drill)

    def _learn(self, known: _Known, drill: str) -> None:
        head, _ = self.journal.head(drill)
        fresh = self.journal.read(drill, after=known.seq, kinds=_KINDS)
        known.seq = max([head, *(fact.seq for fact in fresh)])  # not again through all the samples of a long drill
        for fact in fresh:
            known.over = known.over or fact.kind is Kind.DRILL_FINISHED
            orders = orders_in(fact)
            for seat in known.seats:
                seat.order = orders.get(seat.vantage, seat.order)

    def _key(self, reference: str) -> bytes | None:
        try:
            key = self.secret(reference)
        except PreflightFailed:
            _LOG.warning("vantage.no_key", extra={"secret": reference})
            return None
        if len(key) < SHORTEST_KEY:
            _LOG.warning("vantage.short_key", extra={"secret": reference})
            return None
        return digest_of(key)


def open_desk(records: Records) -> VantageDesk:
    """The desk of a home: with a journal of its own that does not wait long, because agents come again."""
    secrets = EnvironmentSecrets(records.settings.secrets_file)
    return VantageDesk(SqlJournal(records.database, patience_s=_PATIENCE_S, to_look=True), records.clock, secrets.get)


def digest_of(key: str) -> bytes:
    """What keys are compared by: equally long, whatever was given."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def refuse_weak_keys(plan: Plan, secret: Callable[[str], str]) -> None:
    """Raises: PreflightFailed: the key of a vantage point is not set (F010), or could be guessed (F074)."""
    for point in plan.vantage_points:
        if point.key and len(secret(point.key)) < SHORTEST_KEY:
            what = f"the key of the vantage point {point.id} is shorter than {SHORTEST_KEY} characters: it could be guessed."
            raise PreflightFailed(what, code="F074", fix=f"Set {point.key.removeprefix('secret:')} to what `openssl rand -hex 32` prints.")
