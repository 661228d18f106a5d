"""Sees the calls of an outage's adapters, and can end the engine at one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

OPT_IN: Final = {"drill": "allowed"}
CAP: Final = 12
_READS: Final = ("describe", "Describe", "List")


class EngineDied(BaseException):
    """Stands for a `kill -9` of the engine between two calls."""


class Calls:
    """Sees every call that changes something, and can end the engine at one of them.

    `made` names them, `done` counts those that were carried out; both begin anew when `made` is emptied. `die_before` counts as `made`
    does, `die_after` as `done` does.
    """

    def __init__(self) -> None:
        self.made: list[str] = []
        self.done = 0
        self.die_before: int | None = None
        self.die_after: int | None = None
        self.die_at: tuple[str, str] | None = None
        """`before` or `after` the first call of a name."""
        self._counting = threading.Lock()
        self._refused: list[tuple[str, str]] = []

    def refuse(self, name: str, code: str) -> None:
        """The next call of this name is refused by the provider."""
        self._refused.append((name, code))

    def refused(self, name: str) -> str:
        """Why this call is refused; empty: it is not."""
        found = next((row for row in self._refused if row[0] == name), ("", ""))
        if found[0]:
            self._refused.remove(found)
        return found[1]

    def carry(self, name: str, act: Callable[[], Any]) -> Any:
        """Do it, unless the engine dies first; it may also die right afterwards."""
        if name.startswith(_READS):
            return act()
        with self._counting:
            number = len(self.made)
            self.made.append(name)
            self.done = self.done if number else 0
        if number == self.die_before or self.die_at == ("before", name):
            raise EngineDied(name)
        answer = act()
        with self._counting:
            self.done += 1
            last = self.done - 1 == self.die_after
        if last or self.die_at == ("after", name):
            raise EngineDied(name)
        return answer
