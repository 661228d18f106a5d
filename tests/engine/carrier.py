"""A carrier whose receipts say why a text did not arrive, and a drill that sends over it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drill.engine.notify import Notifier
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.trips import Office
from drill.model.events import Kind, stamp
from drill.model.plan import Plan
from drill.model.ports import OutboundMessage
from drill.model.ports_people import Arrival, Setback, Way
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

FIRST, SECOND = NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]

GATE = gate_of("a", within_s=600.0)

GONE, OFF, FULL = "INVALID_NUMBER", "PHONE_OFF", "TOO_MANY"


class Carrier(FakeMessenger):
    """A carrier whose receipts say why: what is in `codes` did not arrive."""

    def __init__(self, *, gap_s: float = 0.0) -> None:
        super().__init__()
        self.codes: dict[str, str] = {}
        self.every = ""
        self.gap_s = gap_s

    def trace(self, message: OutboundMessage) -> Arrival:
        code = self.codes.get(message.id) or self.every
        if code:
            return Arrival("failed", code)
        return Arrival(self.look_up(message))

    def setback(self, message: OutboundMessage, code: str) -> Setback:
        return {OFF: Setback(again=True), FULL: Setback(blocked_s=3600.0)}.get(code, Setback())

    def way(self, message: OutboundMessage) -> Way:
        return Way("carrier", gap_s=self.gap_s)


class Post:
    """A notifier of one drill that sends at once."""

    def __init__(
        self,
        carrier: Carrier | None = None,
        *,
        stage: Stage | None = None,
        letters: MemoryLetters | None = None,
        lanes: ThreadLanes | None = None,
    ) -> None:
        self.carrier = carrier or Carrier()
        self.drill = stage or Stage(_plan())
        self.letters = letters or MemoryLetters()
        office = Office(letters=self.letters, ledger=MemoryLedger(), lanes=lanes)
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.carrier}, office=office)

    def tell(self, phase: str = "t0") -> None:
        self.notifier.tell(self.drill.plan.phase(phase), took_s=1.0)

    def asks(self) -> None:
        """The gate's question to the lead."""
        deadline = stamp(self.drill.clock.now() + timedelta(seconds=600))
        asked: dict[str, Any] = {"gate": "a", "phases": ["a"], "contacts": ["lead"], "within_s": 600}
        self.drill.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, "a/requested", deadline=deadline, **asked)
        self.notifier.ask(GATE, "lead", escalated=False)

    def numbers(self) -> list[str]:
        return [message.address for message in self.carrier.sent]

    def later(self, seconds: float) -> None:
        self.drill.clock.at_s += seconds
        self.notifier.look_after()

    def fails(self, code: str) -> None:
        """Every text so far did not arrive, and the next look finds out."""
        self.carrier.codes = {message.id: code for message in self.carrier.sent}
        self.notifier.look_after()


def _plan() -> Plan:
    told = [phase_of(f"t{number}", notify=("lead",)) for number in range(2)]
    return plan_of(phase_of("a", step_of("a.x"), gate="a"), *told, gates=(GATE,))


def message_id(number: int = 0, phase: str = "t0") -> str:
    return f"drill-1:status/{phase}:lead:sms:{number}"
