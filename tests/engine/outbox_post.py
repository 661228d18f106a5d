"""A notifier with an outbox of threads, for the tests of the outbox: a plan of people to tell, providers that hang, patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from drill.engine.notify import Notifier
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import OutboundMessage, SendResult
from tests.engine.drilling import Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

MAIL = Channel(id="email", kind="smtp", host="mail", port=587, sender="drill@example.com")

GATE = gate_of("a")

PATIENCE_S = 20.0


def plan(*channels: str, phases: int = 1) -> Plan:
    told = [phase_of(f"t{number}", notify=("lead",)) for number in range(phases)]
    made = plan_of(phase_of("a", step_of("a.x"), gate="a"), *told, gates=(GATE,))
    lead = made.contact("lead").model_copy(update={"channels": channels, "email": ("secret:LEAD_MAIL",)})
    oncall = made.contact("oncall").model_copy(update={"channels": ("email",), "email": ("secret:LEAD_MAIL",)})
    return made.model_copy(update={"contacts": (lead, oncall, made.contact("manager")), "messages": Messages(channels=(MAIL,))})


class RealTime:
    """A clock that runs."""

    epoch = "boot-1/1"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> Any:
        return self._stage.clock.now()

    def mono_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Hanging(FakeMessenger):
    """Takes no text until it is let go."""

    def __init__(self, channel: str = "sms") -> None:
        super().__init__(channel=channel)
        self.free = threading.Event()

    def send(self, message: OutboundMessage) -> SendResult:
        self.free.wait(PATIENCE_S)
        return super().send(message)


@dataclass
class Post:
    """A notifier with an outbox of threads."""

    made: Plan
    channels: dict[str, Any]
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    room: int = 1000
    hang_s: float = 30.0
    stage: Stage | None = None

    def __post_init__(self) -> None:
        self.drill = self.stage or Stage(self.made)
        self.drill.secrets.values["LEAD_MAIL"] = "lead@example.com"
        self.drill.recorder.clock = RealTime(self.drill)
        self.office = Office(
            letters=self.letters,
            ledger=self.ledger,
            lanes=ThreadLanes(hang_s=self.hang_s),
            owner=f"life {self.drill.life}",
            room=self.room,
            chance=lambda: 0.0,
        )
        self.notifier = Notifier(self.drill.recorder, self.drill.people, self.channels, office=self.office)

    def tell(self, number: int = 0) -> None:
        self.notifier.tell(self.drill.plan.phase(f"t{number}"), took_s=1.0)

    def sent(self) -> list[tuple[str, str, str]]:
        return [(fact.data["channel"], fact.data["state"], fact.data["code"]) for fact in self.drill.facts(Kind.MESSAGE_SENT)]

    def findings(self) -> set[str]:
        return {fact.data["code"] for fact in self.drill.facts(Kind.FINDING_RAISED)}


def until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.01)
