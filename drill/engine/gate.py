"""Asks people and waits: one durable question with one deadline, escalated inside its window, closed by facts alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from drill.engine.attempt import Result, aborting
from drill.engine.record import Recorder
from drill.model.events import Kind, stamp
from drill.model.plan import Gate
from drill.model.progress import Progress
from drill.model.progress_rows import GateProgress

_POLL_S = 0.05


class Asker(Protocol):
    """Sends the question of a gate to a person, once per gate and person."""

    def ask(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """True when a provider accepted it, or accepted it in an earlier life of the engine."""

    def delivered(self, gate: Gate) -> bool:
        """Whether a receipt for the question has come."""

    def unreachable(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """Whether every way to this person was tried, and the question did not arrive over any."""

    def recall(self, gate: Gate, contact: str, *, escalated: bool) -> None:
        """Write down a question that had left just before the engine died; sends nothing."""


class GateKeeper:
    """Holds the gates of one drill. While it is `behind` with reading what people said, no question to them runs out or moves on."""

    def __init__(self, recorder: Recorder, asker: Asker, *, checks: Callable[[], bool], behind: Callable[[], bool] = lambda: False) -> None:
        self._recorder = recorder
        self._asker = asker
        self._checks = checks
        self._behind = behind

    def hold(self, gate: Gate) -> Result:
        """Ask, wait, and write down how it ended. After a crash it goes on with the deadline it had."""
        row = self._look(gate)
        if row.state == "closed":
            if self._recorder.look(aborting):
                return {"status": "stopped"}
            self._open(gate)
        if self._answered(gate) is None:
            self._ask_all(gate)
        elif gate.by != "system":
            for contact in self._look(gate).asked:
                self._asker.recall(gate, contact, escalated=contact not in gate.ask)
        while True:
            behind = gate.by == "person" and self._behind()  # before the look at the answers: one may be the last that was unread
            ended = self._answered(gate) or (None if behind else self._watch_the_clock(gate))
            if ended is not None:
                return ended
            self._recorder.clock.sleep(_POLL_S)

    def _look(self, gate: Gate) -> GateProgress:
        return self._recorder.look(lambda progress: progress.gate(gate.id))

    def _open(self, gate: Gate) -> None:
        deadline = self._recorder.clock.now() + timedelta(seconds=gate.within_s)
        self._recorder.say(
            Kind.ACKNOWLEDGEMENT_REQUESTED,
            f"{gate.id}/requested",
            gate=gate.id,
            phases=list(gate.phases),
            contacts=list(gate.ask),
            deadline=stamp(deadline),
            within_s=gate.within_s,
            blocking=gate.blocking,
            quorum=gate.quorum,
            by_what=gate.by,
        )

    def _ask_all(self, gate: Gate) -> None:
        if gate.by == "system":
            return
        row = self._look(gate)
        reached = [self._asker.ask(gate, contact, escalated=contact not in gate.ask) for contact in row.asked]
        if not any(reached) and self._next(gate, row):
            self._escalate(gate, row, why="no provider took the message")

    def _answered(self, gate: Gate) -> Result | None:
        row = self._look(gate)
        settled = self._settled(gate, row)
        if settled:
            return settled
        if gate.by == "receipt" and self._asker.delivered(gate):
            return self._acknowledge(gate, contacts=[], channel="receipt")
        if gate.by == "system" and self._checks():
            return self._acknowledge(gate, contacts=[], channel="system")
        if len(row.confirmed) >= gate.quorum and gate.by == "person":
            return self._acknowledge(gate, contacts=list(row.confirmed), channel=self._channel(gate))
        return {"status": "stopped"} if self._recorder.look(aborting) else None

    def _settled(self, gate: Gate, row: GateProgress) -> Result | None:
        """How the journal says it ended: a silence that lets the drill go on lets it go on after a crash too."""
        if row.state == "acknowledged":
            return {"status": "ok"}
        if row.state == "expired":
            return {"status": "ok" if self._silence_passes(gate) else "expired"}
        return {"status": "declined"} if row.state == "declined" else None

    def _silence_passes(self, gate: Gate) -> bool:
        """Whether nobody's answer is a yes; never before anything was touched."""
        return gate.silence == "proceed" and not self._recorder.look(untouched)

    def _watch_the_clock(self, gate: Gate) -> Result | None:
        row = self._look(gate)
        if row.deadline is None:
            raise AssertionError(gate.id)
        now = self._recorder.clock.now()
        if now >= row.deadline:
            return self._expire(gate)
        if self._next(gate, row) and now >= self._turn(gate, row, row.deadline):
            self._escalate(gate, row, why="no answer in time")
        elif self._next(gate, row) and gate.by != "system" and self._nobody_reached(gate, row):
            self._escalate(gate, row, why="the message did not arrive")
        return None

    def _nobody_reached(self, gate: Gate, row: GateProgress) -> bool:
        """Whether those asked last cannot have it: the next person need not wait for them."""
        last = row.asked[-1:] if row.round else row.asked
        return all(self._asker.unreachable(gate, contact, escalated=contact not in gate.ask) for contact in last)

    @staticmethod
    def _turn(gate: Gate, row: GateProgress, deadline: datetime) -> datetime:
        """When the next person is asked: the window is shared evenly by everyone in the chain."""
        share_s = gate.within_s / (1 + len(gate.then))
        return deadline - timedelta(seconds=gate.within_s - share_s * (1 + row.round))

    @staticmethod
    def _next(gate: Gate, row: GateProgress) -> str:
        return gate.then[row.round] if row.round < len(gate.then) else ""

    def _escalate(self, gate: Gate, row: GateProgress, *, why: str) -> None:
        contact = self._next(gate, row)
        self._recorder.say(Kind.ESCALATED, f"{gate.id}/escalated/{row.round + 1}", gate=gate.id, to=contact, why=why)
        reached = self._asker.ask(gate, contact, escalated=True)
        after = self._look(gate)
        if not reached and self._next(gate, after):
            self._escalate(gate, after, why="no provider took the message")

    def _acknowledge(self, gate: Gate, *, contacts: list[str], channel: str) -> Result:
        self._recorder.say(Kind.ACKNOWLEDGED, f"{gate.id}/acknowledged", gate=gate.id, contacts=contacts, channel=channel)
        return {"status": "ok"}

    def _channel(self, gate: Gate) -> str:
        replies = self._recorder.journal.read(self._recorder.drill, kinds=frozenset({Kind.REPLY_RECEIVED}))
        mine = [fact.data["channel"] for fact in replies if fact.data["gate"] == gate.id and fact.data["verb"] == "confirm"]
        return str(mine[-1]) if mine else "sms"

    def _expire(self, gate: Gate) -> Result:
        facts: list[Any] = [
            self._recorder.draft(Kind.ACKNOWLEDGEMENT_EXPIRED, f"{gate.id}/expired", gate=gate.id, silence=gate.silence),
        ]
        passes = self._silence_passes(gate)
        if not passes:
            reason = f"nobody answered {gate.id} within {gate.within_s:g} s"
            facts.append(
                self._recorder.draft(
                    Kind.ABORT_REQUESTED,
                    f"abort/silence/{gate.id}",
                    reason=reason,
                    channel="silence",
                    hold=gate.silence == "hold" and not self._recorder.look(untouched),
                )
            )
        self._recorder.say_all(facts)
        return {"status": "ok" if passes else "expired"}


def untouched(progress: Progress) -> bool:
    """Whether no step has been tried yet."""
    return not any(step.attempts for step in progress.steps.values())
