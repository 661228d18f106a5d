"""A letter is one reason to tell or ask one person: what the outbox keeps of it until it has gone, and what counts a number's texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from drill.model.ports_people import Limit
from drill.model.wording import ASKS, Purpose

Fate = Literal["queued", "taken", "told", "refused", "late"]
"""`taken`: a provider took it. `told`: only a group did, which cannot answer. `refused`: no way took it. `late`: no longer wanted."""


@dataclass(frozen=True)
class Letter:
    """What is said to whom and why. Holds no number and no reply code: both are found again when it is sent."""

    id: str
    drill: str
    contact: str
    purpose: Purpose
    why: str
    until: datetime
    """After this it is not worth sending."""
    words: Mapping[str, str] = field(default_factory=dict)
    gate: str | None = None
    phase: str | None = None
    place: str = ""
    only: tuple[str, ...] = ()
    """Only over these channels; over all of the person's when empty."""

    @property
    def asks(self) -> bool:
        """Whether it wants an answer."""
        return self.purpose in ASKS

    @property
    def transaction(self) -> str:
        """The same for every letter of one reason and person."""
        return f"{self.drill}:{self.why}:{self.contact}"

    def text(self) -> str:
        """As JSON."""
        return json.dumps({**self.__dict__, "until": self.until.isoformat(), "words": dict(self.words)}, ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> Letter:
        """The letter written as `text`."""
        row = json.loads(text)
        return cls(**{**row, "until": datetime.fromisoformat(row["until"]), "only": tuple(row["only"])})


class Letters(Protocol):
    """Where letters wait, through crashes. An owner is an engine's life or a sender: who has a letter in hand.

    Every call raises JournalBroken when the store cannot be used.
    """

    def put(self, letter: Letter, *, owner: str) -> Fate:
        """Keep it, unless it is kept already; what has become of it. Without an owner it waits for somebody to claim it."""

    def begun(self, message: str) -> bool:
        """Whether a send of this message was begun, by whomever."""

    def begin(self, letter: str, message: str) -> bool:
        """Write down that a message is about to be sent; whether nobody had before."""

    def settle(self, letter: str, fate: Fate) -> None:
        """Write down what became of a letter."""

    def requeue(self, letter: str, *, owner: str) -> Letter | None:
        """Queue a settled letter again; nothing when it is not kept."""

    def fate(self, letter: str) -> Fate:
        """What has become of a letter."""

    def claim(self, owner: str, *, drill: str = "", limit: int, stale_s: float = 0.0) -> list[Letter]:
        """Take queued letters in hand: of one drill, those of any other owner; else those without a living owner, oldest first."""

    def beat(self, owner: str) -> None:
        """Say that the owner lives."""

    def holds(self, letter: str, owner: str) -> bool:
        """Whether the owner still has the letter in hand."""

    def waiting(self, drill: str) -> int:
        """How many letters of a drill are queued, in hand or not."""

    def forget(self, drill: str) -> None:
        """Remove the letters of a drill that has ended."""


class Ledger(Protocol):
    """Counts texts by who gets them. `who` is a keyed hash, never a number; times are seconds since 1970."""

    def reserve(self, message: str, who: Sequence[tuple[str, Limit]], *, at_s: float) -> float:
        """Count a message, once, if every limit allows; else count nothing. How many seconds to wait; 0 when it is counted."""

    def release(self, message: str) -> None:
        """The message was not taken after all."""

    def block(self, who: str, *, until_s: float) -> None:
        """The provider takes nothing for it until then."""

    def used(self, who: str, *, since_s: float) -> int:
        """How many texts since a moment."""
