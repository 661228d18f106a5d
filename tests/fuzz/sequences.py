"""Sequences of answers as a drill may get them, drawn by what each person means; and what they must lead to, reckoned from that alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.fuzz.writing import Meaning

PEOPLE: Final = ("lead", "oncall", "manager")
WITHIN_S: Final = 60.0
LOCKED_AFTER: Final = 3
JOINT_WITHIN_S: Final = 10.0

CodeKind = Literal["right", "of the joint text", "none", "wrong", "of another person", "malformed"]
Effect = tuple[Literal["confirm", "decline", "abort", "nothing"], str]
"""What an answer does, and to which gates, joined by `+`; an abort is to the whole drill."""


@dataclass(frozen=True)
class Question:
    """A gate of the drill: when it is asked, of whom."""

    id: str
    opens_at_s: float
    asked: tuple[str, ...]
    destructive: bool
    quorum: int


@dataclass(frozen=True)
class Answer:
    """What somebody means to say, when, and how the carrier brings it."""

    at_s: float
    who: str | None
    """None: a number nobody knows."""
    meaning: Meaning
    gate: str
    code: CodeKind
    again: bool = False
    """The same message delivered a second time."""


@dataclass(frozen=True)
class Sequence:
    """One drill's questions and answers, by time."""

    questions: tuple[Question, ...]
    answers: tuple[Answer, ...]


def drawn(rng: random.Random) -> Sequence:
    """One sequence: one to three questions, three to twelve answers."""
    questions = tuple(_question(rng, number) for number in range(rng.randint(1, 3)))
    answers: list[Answer] = []
    at_s = 0.0
    for _ in range(rng.randint(3, 12)):
        at_s += rng.choice([0.0, 0.5, 2.0, 5.0, 5.0, 12.0, 30.0])
        repeated = bool(answers) and rng.random() < 0.1
        last = answers[-1] if answers else None
        if repeated and last is not None:
            answers.append(Answer(at_s, last.who, last.meaning, last.gate, last.code, again=True))
        else:
            answers.append(_answer(rng, questions, at_s))
    return Sequence(questions, tuple(answers))


def _question(rng: random.Random, number: int) -> Question:
    asked = tuple(sorted(rng.sample(PEOPLE, rng.randint(1, 3)), key=PEOPLE.index))
    quorum = 2 if len(asked) > 1 and rng.random() < 0.35 else 1
    opens_at_s = 0.0 if number == 0 else rng.choice([0.0, 0.0, 5.0, 20.0])
    return Question(f"q{number}", opens_at_s, asked, rng.random() < 0.3, quorum)


def _answer(rng: random.Random, questions: tuple[Question, ...], at_s: float) -> Answer:
    question = rng.choice(questions)
    who = None if rng.random() < 0.06 else rng.choice(question.asked) if rng.random() < 0.85 else rng.choice(PEOPLE)
    meanings: list[Meaning] = ["yes", "no", "abort", "status", "aside"]
    [meaning] = rng.choices(meanings, weights=[60, 12, 5, 6, 17])
    kinds: list[CodeKind] = ["right", "of the joint text", "none", "wrong", "of another person", "malformed"]
    [code] = rng.choices(kinds, weights=[35, 20, 22, 13, 5, 5])
    if meaning == "status":
        code = "none"
    elif meaning == "aside" and code != "none":
        code = "right"
    return Answer(at_s, who, meaning, question.id, code)


@dataclass
class _State:
    question: Question
    state: Literal["open", "acknowledged", "declined", "expired"] = "open"
    votes: set[str] = field(default_factory=set)
    wrong: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, list[str]] = field(default_factory=dict)
    """The gates that the text to a person asks about too."""

    def takes(self, who: str, at_s: float) -> bool:
        """Whether an answer of this person still counts."""
        in_time = at_s <= self.question.opens_at_s + WITHIN_S
        return self.state == "open" and in_time and self.wrong.get(who, 0) < LOCKED_AFTER


class Oracle:
    """What the rules say: the asked person, with the gate's code, or without where only one harmless gate is open, in time, once."""

    def __init__(self, sequence: Sequence) -> None:
        self._waiting = list(sequence.questions)
        self._gates: dict[str, _State] = {}

    def open_until(self, at_s: float) -> list[Question]:
        """Open what is asked by now."""
        due = [question for question in self._waiting if question.opens_at_s <= at_s]
        self._waiting = [question for question in self._waiting if question.opens_at_s > at_s]
        for question in due:
            self._gates[question.id] = _State(question, earlier={who: self._earlier(question, who) for who in question.asked})
        return due

    def _earlier(self, question: Question, who: str) -> list[str]:
        """What this person was asked less than ten seconds from it, and has not answered."""
        rows = [row for row in self._gates.values() if who in row.question.asked and row.state == "open" and who not in row.votes]
        return [row.question.id for row in rows if abs(row.question.opens_at_s - question.opens_at_s) < JOINT_WITHIN_S]

    def joint(self, gate: str, who: str | None) -> bool:
        """Whether this person's text for this gate asks about others too."""
        return self.asked(gate, who) and bool(self._gates[gate].earlier[str(who)])

    def expire(self, gate: str) -> None:
        """The drill has noticed that nobody answered in time."""
        self._gates[gate].state = "expired"

    def open_gates(self) -> list[Question]:
        """The gates that are open as far as the drill has noticed."""
        return [row.question for row in self._gates.values() if row.state == "open"]

    def asked(self, gate: str, who: str | None) -> bool:
        """Whether this person has a code for this gate by now."""
        return gate in self._gates and who in self._gates[gate].question.asked

    def hears(self, answer: Answer) -> Effect:
        """The effect that an answer must have."""
        mine = [row for row in self._gates.values() if answer.who in row.question.asked]
        if answer.again or answer.who is None or not mine:
            return "nothing", ""
        if answer.meaning == "abort":
            return ("nothing", "") if answer.code == "malformed" else ("abort", "")
        live = [row for row in mine if row.state == "open"]
        asked = self._gates.get(answer.gate)
        right = answer.code in {"right", "of the joint text"} and asked is not None and asked in mine
        if answer.code not in {"none", "malformed"} and not right:
            self._charge(answer.who, live if answer.meaning in {"yes", "no"} else [])
        elif answer.meaning in {"yes", "no"} and right and asked is not None:
            return self._votes_each(answer, asked)
        elif answer.meaning in {"yes", "no"} and answer.code == "none" and len(live) == 1 and not live[0].question.destructive:
            return self._votes(answer, live[0])
        return "nothing", ""

    @staticmethod
    def _charge(who: str, live: list[_State]) -> None:
        """A wrong code counts at every gate it may have been meant for."""
        if not all(row.wrong.get(who, 0) >= LOCKED_AFTER for row in live):
            for row in live:
                row.wrong[who] = row.wrong.get(who, 0) + 1

    def _votes_each(self, answer: Answer, gate: _State) -> Effect:
        """At each gate of the joint text that is still open, when its code is given; else at the one alone."""
        others = gate.earlier[str(answer.who)] if answer.code == "of the joint text" else []
        found = [self._votes(answer, row) for row in (*(self._gates[name] for name in others), gate)]
        done = sorted(name for did, name in found if did != "nothing")
        return ("decline" if answer.meaning == "no" else "confirm", "+".join(done)) if done else ("nothing", "")

    def _votes(self, answer: Answer, gate: _State | None) -> Effect:
        if gate is None or answer.who is None or not gate.takes(answer.who, answer.at_s):
            return "nothing", ""
        if answer.meaning == "no":
            gate.state = "declined"
            return "decline", gate.question.id
        if answer.who in gate.votes:
            return "nothing", ""
        gate.votes.add(answer.who)
        if len(gate.votes) >= gate.question.quorum:
            gate.state = "acknowledged"
        return "confirm", gate.question.id
