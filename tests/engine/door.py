"""One gate of one drill in memory, with a real notifier behind it: what the tests of gates knock at."""

from __future__ import annotations

from typing import Any

from drill.engine.attempt import Result
from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.model.plan import Gate
from tests.engine.drilling import Stage, gate_of, phase_of, plan_of, step_of, texts_of
from tests.fakes import FakeMessenger


class Door:
    """One gate in one life of the engine."""

    def __init__(self, gate: Gate | None = None, *, touched: bool = True, drill: Stage | None = None, **fields: Any) -> None:
        self.gate = gate or gate_of("a", **fields)
        self.drill = drill or Stage(plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(self.gate,)))
        if touched and drill is None:
            self.drill.run("a.x")
        self.messenger = FakeMessenger()
        self.steady = False

    def hold(self) -> Result:
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.messenger})
        return GateKeeper(self.drill.recorder, self.notifier, checks=lambda: self.steady).hold(self.gate)

    def next_life(self, *, later_s: float = 5.0) -> Door:
        door = Door(self.gate, drill=self.drill.next_life(later_s=later_s))
        door.messenger = self.messenger
        return door

    def answer(self, contact: str, word: str = "1") -> None:
        self.drill.says(contact, f"{word} {self.drill.code('a', contact)}")

    def receipts(self) -> None:
        self.notifier.look_after()

    def asked(self) -> list[tuple[str, str]]:
        return texts_of(self.drill.facts())
