"""The record as the engine needs it: time, journal, artifacts, secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from drill.model.events import Draft, Fact, Kind


class Clock(Protocol):
    """Time as one process sees it."""

    @property
    def epoch(self) -> str:
        """Boot id and process: `mono_s` of two facts compare only within one boot."""

    def now(self) -> datetime:
        """Aware UTC."""

    def mono_s(self) -> float:
        """Monotonic seconds, the same for every process of this boot."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Journal(Protocol):
    """The append-only chain of facts of many drills. Any process may append; one call is one transaction."""

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        """Store the drafts in order and return them as facts; a draft whose key is stored already yields the stored fact.

        Raises: JournalBroken: `token` is stale (J010), or the store cannot be written (J020: full, read-only, unreachable).
        """

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        """Facts with `seq` above `after`, in order. An unknown drill has none."""

    def follow(self, drill: str, *, after: int, wait_s: float) -> list[Fact]:
        """As `read`, but waits up to `wait_s` for the first fact; neither repeats nor skips."""

    def find(self, drill: str, key: str) -> Fact | None:
        """The fact stored under this key."""

    def drills(self) -> list[str]:
        """Ids of every drill, oldest first."""

    def head(self, drill: str) -> tuple[int, str]:
        """`seq` and digest of the last fact, as kept beside the facts: what a cut tail is noticed by. An unknown drill: 0 and GENESIS."""

    def take_token(self, drill: str) -> int:
        """A fencing token above every earlier one; from now on writes that carry an older one are refused."""

    def check(self, drill: str, token: int) -> None:
        """Look whether the token still holds. Raises: JournalBroken: another engine has taken the drill over (J010)."""


class Artifacts(Protocol):
    """Raw tool output, kept outside the journal and named by its content."""

    def put(self, drill: str, name: str, content: bytes) -> str:
        """Store and return the SHA-256 in hex. The same content twice is stored once."""

    def get(self, drill: str, sha256: str) -> bytes:
        """Raises: KeyError: nothing is stored under it."""

    def names(self, drill: str) -> Mapping[str, str]:
        """Name of each artifact by its SHA-256."""


class Secrets(Protocol):
    """Values that never enter a plan, a fact or a log."""

    def get(self, reference: str) -> str:
        """The value of `secret:NAME`. Raises: PreflightFailed: it is not set (F010)."""
