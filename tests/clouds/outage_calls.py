"""Sees the calls of an outage's adapters, and can end the engine at one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

OPT_IN: Final = {"drill": "allowed"}
CAP: Final = 12
_READS: Final = ("describe", "Describe", "List")


class EngineDied(BaseException):
    """Stands for a `kill -9` of the engine between two calls."""


class Calls:
    """Sees every call that changes something, and can end the engine at one of them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.die_before: int | None = None
        self.die_after: int | None = None
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
        number = len(self.made)
        self.made.append(name)
        if number == self.die_before:
            raise EngineDied(name)
        answer = act()
        if number == self.die_after:
            raise EngineDied(name)
        return answer
