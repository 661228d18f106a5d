"""Several gates in one life of the engine, each asked at its own second: the stage of the tests about joint questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drill.adapters.journal_memory import MemoryJournal
from drill.engine.attempt import Result
from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.model.events import Draft, Fact, Kind
from drill.model.plan import Gate
from drill.model.plan_channels import Messages
from drill.model.ports import Journal, OutboundMessage
from tests.engine.drilling import Died, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger


class DiesAtTheSecond(MemoryJournal):
    """Kills the engine once, right after the second fact of a kind is stored."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind
        self._seen = 0

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        facts = super().append(drill, drafts, token=token)
        if self._kind in {fact.kind for fact in facts}:
            self._seen += 1
            if self._seen == 2:
                raise Died
        return facts


class Hall:
    """Gates `a`, `b` and so on in one life of the engine, each asked at its second."""

    def __init__(self, *gates: Gate, drill: Stage | None = None, journal: Journal | None = None, messages: Messages | None = None) -> None:
        self.gates = gates
        plan = plan_of(*(phase_of(gate.id, step_of(f"{gate.id}.x"), gate=gate.id) for gate in gates), gates=gates)
        self.drill = drill or Stage(plan.model_copy(update={"messages": messages or Messages()}), journal or MemoryJournal())
        if drill is None:
            self.drill.run("a.x")
        self.messenger = FakeMessenger()
        self.ended: dict[str, Result] = {}

    def play(self, *at_s: float) -> None:
        """Ask each gate so many seconds from now, and wait until all have ended."""
        for gate, begins_s in zip(self.gates, at_s, strict=True):
            self.drill.clock.after(begins_s, lambda gate=gate: self._hold(gate))  # type: ignore[misc]
        self.drill.clock.sleep(max(at_s))

    def _hold(self, gate: Gate) -> None:
        notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.messenger})
        self.ended[gate.id] = GateKeeper(self.drill.recorder, notifier, checks=lambda: True).hold(gate)

    def next_life(self, *, later_s: float = 1.0) -> Hall:
        hall = Hall(*self.gates, drill=self.drill.next_life(later_s=later_s))
        hall.messenger = self.messenger
        return hall

    def texts(self, contact: str) -> list[OutboundMessage]:
        return [message for message in self.messenger.sent if message.contact == contact]

    def answers(self, at_s: float, contact: str, number: int, verb: str = "1") -> None:
        """A person answers their n-th text, by its code."""
        name = f"{contact}-{at_s}"
        self.drill.clock.after(
            at_s, lambda: self.drill.says(contact, f"{verb} {self.texts(contact)[number].variables['code']}", message_id=name)
        )

    def counted(self) -> list[tuple[str, str, str]]:
        return [(fact.data["gate"], fact.data["contact"], fact.data["verb"]) for fact in self.drill.facts(Kind.REPLY_RECEIVED)]

    def rejected(self) -> list[tuple[str, str]]:
        return [(fact.data["gate"], fact.data["reason"]) for fact in self.drill.facts(Kind.REPLY_REJECTED)]


def two(**second: Any) -> tuple[Gate, Gate]:
    return gate_of("a"), gate_of("b", **second)
