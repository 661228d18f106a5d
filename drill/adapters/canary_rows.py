"""The canary's rows on any engine: written one at a time, with the moments that say what was promised, and read back as ranges."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from drill.adapters.canary_connection import ConnectionBroken
from drill.model.errors import Retryable

AGAIN_S = 0.1
"""A refusing or read-only host is asked ten times a second: what a promote costs is known to that precision."""


class Closable(Protocol):
    """An open connection."""

    def close(self) -> None:
        """Drop it at once, answered or not."""


C = TypeVar("C", bound=Closable)
C_co = TypeVar("C_co", bound=Closable, covariant=True)
LacksTable = Callable[[ConnectionBroken], bool]
"""Whether that is why a statement failed."""


class Race(Protocol[C_co]):
    """Tries every host of a connection string at once; `why` is what the last host to refuse said."""

    why: str

    def winner(self, *, until_s: float) -> C_co | None:
        """The first connection that takes writes by the monotonic moment. None: none yet, call again."""

    def close(self) -> None:
        """Drop what is still opening."""


class RowWriter(ABC, Generic[C]):
    """Writes the rows of one drill into the table `canary`, made when it is missing. One statement at a time; for one thread."""

    def __init__(self, race: Race[C], lacks_table: LacksTable) -> None:
        self._race = race
        self._lacks_table = lacks_table
        self._connection: C | None = None
        self.last_error = ""
        """Why the last row was not acknowledged; without secrets."""

    def write(self, row: int, *, connect_within_s: float, answer_within_s: float) -> tuple[float, float] | None:
        """Write one row; the monotonic moments of its sending and its acknowledgement, or None when it was not acknowledged.

        A row that was not acknowledged may be there all the same. Never longer than both limits together.
        """
        self._connection = self._connection or self._race.winner(until_s=time.monotonic() + connect_within_s)
        if self._connection is None:
            self.last_error = self._race.why or "no host takes writes"
            return None
        sent_s = time.monotonic()
        try:
            self._insert(self._connection, row, until_s=sent_s + answer_within_s)
        except ConnectionBroken as broken:
            self._connection = None
            self.last_error = str(broken)
            if self._lacks_table(broken):
                self._create(time.monotonic() + answer_within_s)
            return None
        return sent_s, time.monotonic()

    def close(self) -> None:
        """Drop every connection."""
        self._race.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _create(self, until_s: float) -> None:
        connection = self._race.winner(until_s=until_s)
        if connection is None:
            return
        try:
            self._make_table(connection, until_s=until_s)
        except ConnectionBroken as broken:
            self.last_error = str(broken)
            return
        self._connection = connection

    @abstractmethod
    def _insert(self, connection: C, row: int, *, until_s: float) -> None:
        """Raises: ConnectionBroken: it was not acknowledged by then, and the connection is dropped."""

    @abstractmethod
    def _make_table(self, connection: C, *, until_s: float) -> None:
        """Raises: as `_insert`."""


def first_that_writes(race: Race[C], *, until_s: float) -> C:
    """A connection to the first host that takes writes; the race is over. Raises: ConnectionBroken: none does by then."""
    try:
        winner = race.winner(until_s=until_s)
        if winner is None:
            raise ConnectionBroken(race.why or "no host takes writes")
        return winner
    finally:
        race.close()


def read_back(ask: Callable[[], Sequence[Sequence[Any]]], lacks_table: LacksTable) -> list[list[int]]:
    """The ranges that a question answers; none where the table is missing. Raises: Retryable: the site does not answer (A163)."""
    try:
        rows = ask()
    except ConnectionBroken as broken:
        if lacks_table(broken):
            return []
        raise Retryable(
            f"the canary rows could not be read back: {broken}.", code="A163", fix="Check that the site's database accepts connections."
        ) from broken
    return [[int(first), int(last)] for first, last in rows]
