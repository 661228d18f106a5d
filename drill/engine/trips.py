"""What the couriers of texts share: the texts of a letter, how far it has come, and what an engine's outbox is made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.quota import Pace
from drill.model.letters import Fate, Ledger, Letter, Letters
from drill.model.ports import Messenger, OutboundMessage, SendResult


@dataclass(frozen=True)
class Text:
    """One message on its channel; `about` is what its fact tells. Not `enough`: it tells, but gives no way to answer."""

    messenger: Messenger
    message: OutboundMessage
    about: Mapping[str, Any]
    enough: bool = True


@dataclass(frozen=True)
class Next:
    """What a letter needs next: to be moved again after a wait in seconds, in another lane when one is named, or nothing: its fate."""

    fate: Fate = "queued"
    wait_s: float = 0.0
    lane: str = ""


@dataclass
class Trip:
    """How far one letter has come in this life of the engine. Not `send`: only what has left already is of interest."""

    letter: Letter
    send: bool = True
    texts: Sequence[Text] | None = None
    place: int = 0
    told: bool = False
    lane: str = ""
    tries: list[str] = field(default_factory=list)
    """Codes of the refused tries of the text at `place`."""
    doubt: SendResult | None = None
    looks: int = 0
    resend: bool = False
    sure: bool = False
    """It is known that the text at `place` has not left yet."""
    begun: bool = False
    """It was begun by this trip, so no other has a hand in it."""
    sending: bool = False
    given_up: bool = False

    def turn(self) -> None:
        """Go to the next text."""
        self.place += 1
        self.tries, self.doubt, self.looks, self.resend, self.sure, self.begun = [], None, 0, False, False, False

    def codes(self, result: SendResult) -> list[str]:
        """The code of every try of this text, the last one too."""
        final = [result.code] if not self.tries or result.code != self.tries[-1] or result.state != "rejected" else []
        return [*self.tries, *final]


class Lanes(Protocol):
    """Where moves run: one lane per provider account, so that none waits for another."""

    def submit(
        self, work: Callable[[], Next], *, lane: str, wait_s: float, stuck: Callable[[], None], done: Callable[[Next], None]
    ) -> None:
        """Run `work` after a wait; `done` takes what it says. `stuck` is called once when it does not come back."""

    def close(self) -> None:
        """Run nothing more."""


@dataclass(frozen=True)
class Office:
    """What an outbox works with. Without lanes everything is sent at once, by the caller."""

    letters: Letters = field(default_factory=MemoryLetters)
    ledger: Ledger = field(default_factory=MemoryLedger)
    pace: Pace = field(default_factory=Pace)
    lanes: Lanes | None = None
    owner: str = "here"
    elsewhere: bool = False
    """Senders take the letters from the store: nothing leaves from here."""
    claims: bool = True
    """Letters that another life of the drill's engine had in hand are its own; a sender has only those that it is handed."""
    chance: Callable[[], float] = random.random
    room: int = 1000
    """Letters in memory; more wait in the store."""
