"""The inbox as the engine uses it: what came in from carriers, kept sealed until every drill it may concern has judged it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from drill.model.ports_people import InboundMessage


@dataclass(frozen=True)
class Kept:
    """One message in the inbox. `place` grows; `message` is None when the local key cannot open it any more."""

    place: int
    message: InboundMessage | None


class Inbox(Protocol):
    """Messages of one world: one carrier account, or one sandbox. Safe for threads and processes.

    Everything raises JournalBroken when the database cannot be used; J023 may pass by itself.
    """

    def store(self, messages: Sequence[InboundMessage]) -> int:
        """Keep what is new, in one transaction, and say how much that was: what came over another transport already is kept once."""

    def enter(self, drill: str) -> None:
        """Let a drill read what comes from now on; one that reads already goes on where it was."""

    def read(self, drill: str, limit: int) -> list[Kept]:
        """The next messages the drill has not passed, oldest first; their `id` is the inbox's own, the same for both transports."""

    def advance(self, drill: str, place: int, mine: Collection[int]) -> None:
        """The drill has dealt with everything up to `place`; those in `mine` concern it and are kept until it leaves."""

    def leave(self, drill: str) -> None:
        """The drill is over: remove what concerned it."""

    def readers(self) -> list[str]:
        """The drills that read."""

    def sweep(self) -> int:
        """Remove what every reader has passed and nobody wanted, after a while; says how much that was."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until this process has stored something; whether it has."""
