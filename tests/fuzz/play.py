"""Plays a sequence of answers to the real desk of a drill in memory, and tells each difference from what they must lead to."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from drill.engine.desk import Desk
from drill.model.events import Kind, stamp
from drill.model.plan import Plan
from drill.model.ports import InboundMessage
from tests.engine.drilling import DRILL, NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fuzz.sequences import WITHIN_S, Answer, Effect, Oracle, Question, Sequence, drawn
from tests.fuzz.writing import written

_LOCAL = {
    "lead": [NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]],
    "oncall": [NUMBERS["ONCALL_PHONE"]],
    "manager": [NUMBERS["MANAGER_PHONE"]],
}
_NUMBER_STYLES = ("{}", "+86{}", "86{}", "0086{}", "+86 {}")
_STRANGERS = ("13900000099", "+14155550199", "106900001234")


@dataclass
class Tally:
    """What many sequences came to."""

    sequences: int = 0
    answers: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    wrong_advances: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for a person."""
        did = ", ".join(f"{count} {name}" for name, count in sorted(self.effects.items()))
        return (
            f"{self.sequences} sequences, {self.answers} answers ({did}): "
            f"{len(self.wrong_advances)} wrong advances, {len(self.missed)} missed valid answers"
        )


class _Game:
    def __init__(self, sequence: Sequence, rng: random.Random, tally: Tally, name: str) -> None:
        self._sequence, self._rng, self._tally, self._name = sequence, rng, tally, name
        self._drill = Stage(_plan(sequence))
        self._desk = Desk(self._drill.recorder, self._drill.people)
        self._oracle = Oracle(sequence)
        self._begin_s = self._drill.clock.at_s
        self._last: InboundMessage | None = None

    def play(self) -> None:
        for number, answer in enumerate(self._sequence.answers):
            self._reach(answer.at_s)
            expected = self._oracle.hears(answer)
            message = self._last if answer.again and self._last else self._message(answer, number)
            self._last = message
            before = len(self._drill.facts())
            self._desk.take_message(message)
            self._compare(answer, message.text, expected, self._effect(before))
            self._close_answered()
        self._tally.sequences += 1

    def _reach(self, at_s: float) -> None:
        """Open and expire what has come to its time; now and then the drill is slow to notice."""
        for question in self._oracle.open_until(at_s):
            self._drill.clock.at_s = self._begin_s + question.opens_at_s
            self._ask(question)
        self._drill.clock.at_s = self._begin_s + at_s
        for question in self._oracle.open_gates():
            if at_s > question.opens_at_s + WITHIN_S and self._rng.random() < 0.7:
                self._drill.recorder.say(Kind.ACKNOWLEDGEMENT_EXPIRED, f"{question.id}/expired", gate=question.id, silence="hold")
                self._oracle.expire(question.id)

    def _ask(self, question: Question) -> None:
        deadline = stamp(self._drill.clock.now() + timedelta(seconds=WITHIN_S))
        said: dict[str, Any] = {
            "gate": question.id,
            "phases": [question.id],
            "contacts": list(question.asked),
            "deadline": deadline,
            "within_s": WITHIN_S,
        }
        self._drill.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, f"{question.id}/requested", **said)

    def _message(self, answer: Answer, number: int) -> InboundMessage:
        style = self._rng.choice(_NUMBER_STYLES)
        address = self._rng.choice(_STRANGERS) if answer.who is None else style.format(self._rng.choice(_LOCAL[answer.who]))
        return InboundMessage(f"in-{number}", address, written(self._rng, answer.meaning, self._code(answer)), None, "handle")

    def _code(self, answer: Answer) -> str | None:
        """The digits the person types. A code that is right for nobody and nothing when it is wrong."""
        if answer.code == "none" or (answer.meaning == "aside" and not self._oracle.asked(answer.gate, answer.who)):
            return None
        asked = {question.id: question.asked for question in self._sequence.questions}
        codes = {(gate, who): self._drill.code(gate, who) for gate, people in asked.items() for who in people}
        length = next(len(code) for (gate, _), code in codes.items() if gate == answer.gate)
        shared = self._drill.recorder.look(self._drill.people.shared_codes)
        theirs = {code for (_, who), code in [*codes.items(), *shared.items()] if who == answer.who}
        right = codes.get((answer.gate, answer.who or ""))
        others = [code for (_, who), code in [*codes.items(), *shared.items()] if who != answer.who and code not in theirs]
        if answer.code == "of the joint text" and self._oracle.joint(answer.gate, answer.who):
            return shared[answer.gate, str(answer.who)]
        if answer.code in {"right", "of the joint text"} and right:
            return right
        if answer.code == "malformed":
            return "73215"[: 3 if self._rng.random() < 0.3 else 5]
        if answer.code == "of another person" and others:
            return self._rng.choice(others)
        while (wrong := str(self._rng.randint(10 ** (length - 1), 10**length - 1))) in theirs:
            pass
        return wrong

    def _effect(self, before: int) -> Effect:
        told = [fact for fact in self._drill.facts()[before:] if fact.kind is Kind.REPLY_RECEIVED]
        if not told:
            return "nothing", ""
        verb, gates = told[0].data["verb"], "+".join(sorted(str(fact.data["gate"]) for fact in told))
        return ("abort", "") if verb == "abort" else ("confirm" if verb == "confirm" else "decline", gates)

    def _compare(self, answer: Answer, text: str, expected: Effect, found: Effect) -> None:
        self._tally.answers += 1
        self._tally.effects[found[0]] += 1
        if expected == found:
            return
        told = f"{self._name}: {text!r} ({answer}): expected {expected}, found {found}"
        (self._tally.wrong_advances if found[0] != "nothing" else self._tally.missed).append(told)

    def _close_answered(self) -> None:
        """What the keeper of a gate does when enough people have confirmed."""
        for question in self._sequence.questions:
            row = self._drill.recorder.look(lambda progress, gate=question.id: progress.gate(gate))  # type: ignore[misc]
            if row.state == "open" and len(row.confirmed) >= question.quorum:
                acknowledged: dict[str, Any] = {"gate": question.id, "contacts": list(row.confirmed), "channel": "sms"}
                self._drill.recorder.say(Kind.ACKNOWLEDGED, f"{question.id}/acknowledged", **acknowledged)


def play(rng: random.Random, tally: Tally, name: str = DRILL) -> None:
    """Draw one sequence, play it, and add what came of it."""
    _Game(drawn(rng), rng, tally, name).play()


def _plan(sequence: Sequence) -> Plan:
    phases = [phase_of(question.id, step_of(f"{question.id}.x"), gate=question.id) for question in sequence.questions]
    gates = [
        gate_of(question.id, ask=question.asked, within_s=WITHIN_S, quorum=question.quorum, destructive=question.destructive)
        for question in sequence.questions
    ]
    return plan_of(*phases, gates=tuple(gates))
