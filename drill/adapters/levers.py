"""Picks the lever that moves a name."""

from __future__ import annotations

from collections.abc import Mapping

from drill.model.errors import Fatal
from drill.model.ports import Lever


class NamedLevers:
    """The levers of a plan, by the name they move (port Levers)."""

    def __init__(self, levers: Mapping[str, Lever]) -> None:
        self._levers = {_plain(name): lever for name, lever in levers.items()}

    def lever(self, name: str) -> Lever:
        found = self._levers.get(_plain(name))
        if found is None:
            known = ", ".join(sorted(self._levers)) or "none"
            raise Fatal(
                f"no global load balancer is named for {name}.",
                code="A226",
                fix=f"Name it in the scenario (those that are: {known}), or move the name with dns.switch.",
            )
        return found


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
