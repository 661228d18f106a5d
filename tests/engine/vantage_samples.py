"""What the tests of vantage points share: a plan with two of them, samples by hand, and a link that can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drill.model.plan import Plan, Probe, VantagePoint
from drill.model.vantage_wire import Batch, Compared, Said, Sampled, WorkOrder
from tests.engine.observing import plan_of

AT: Final = datetime(2027, 3, 1, 2, 0, tzinfo=UTC)
PROBES: Final = (
    Probe(id="checkout", http="http://shop.drill.test/checkout", every_s=0.05, timeout_s=1.0, user_view=True),
    Probe(id="heartbeat", http="http://shop.drill.test/health", every_s=0.5, timeout_s=0.5),
)


def vantage_plan() -> Plan:
    """A plan that frankfurt's users count in, and tokyo's do not."""
    points = (
        VantagePoint(id="frankfurt", probes=("checkout",), key="secret:VANTAGE_FRANKFURT"),
        VantagePoint(id="tokyo", probes=("checkout", "heartbeat"), user_view=False, key="secret:VANTAGE_TOKYO"),
    )
    return plan_of(PROBES).model_copy(update={"vantage_points": points})


def order_for(drill: str, vantage: str = "frankfurt") -> WorkOrder:
    """What frankfurt is told to ask."""
    return WorkOrder(drill=drill, scenario="s", vantage=vantage, probes=PROBES[:1], sites={"127.0.1.1": "primary"})


def sampled(k: int = 0, **changed: Any) -> Sampled:
    """A good sample, sent `k` twentieths of a second after `AT`."""
    due_s = 100 + k / 20
    row = {
        "probe": "checkout",
        "epoch": "f00d-12-34",
        "k": k,
        "due_s": due_s,
        "sent_s": due_s + 0.001,
        "received_s": due_s + 0.012,
        "ok": True,
        "error": "",
        "site": "primary",
        "address": "127.0.1.1",
        "at": AT + timedelta(seconds=k / 20),
        "clock_offset_s": 3.25,
        "clock_error_s": 0.002,
        "clock_boot": "b00t",
    }
    return Sampled.model_validate({**row, **changed})


class CutLink:
    """A server in memory: stores what it is sent, unless it is away (port Link)."""

    compared: Compared | None = None

    def __init__(self) -> None:
        self.away = False
        self.away_as: Any = "away"
        self.over: set[str] = set()
        self.order: WorkOrder | None = None
        self.batches: list[Batch] = []
        self.unwanted: set[int] = set()
        self.tries = 0

    def ask(self) -> Said:
        if self.away:
            return Said(self.away_as, why="refused")
        return Said("order", self.order) if self.order and self.order.drill not in self.over else Said("nothing")

    def send(self, batch: Batch) -> Said:
        self.tries += 1
        if self.away:
            return Said(self.away_as, why="refused")
        if batch.drill in self.over:
            return Said("over")
        self.batches.append(batch)
        return Said("taken")

    def numbers(self, drill: str = "d") -> list[int]:
        """Which samples of a drill have come, in the order they came."""
        return [sample.k for batch in self.batches if batch.drill == drill for sample in batch.samples]


class Told:
    """Remembers what an agent said."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, what: str, fields: dict[str, Any]) -> None:
        self.rows.append((what, fields))

    def words(self) -> Sequence[str]:
        """The events, without those that only count."""
        return [what for what, _ in self.rows if what != "sampling"]
