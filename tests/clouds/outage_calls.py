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
