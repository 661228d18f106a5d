"""The ways on from a hold: which commands a person may choose from, and what each does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drill.model.progress import Progress

_DOES: Final = {
    "abort": "takes it back",
    "failback": "brings it home",
    "proceed": "goes on",
    "not-promoted": "takes it back when you know that nothing was promoted",
}
_WORDS: Final = {"abort": "abort", "failback": "failback", "proceed": "proceed", "not-promoted": "not-promoted"}


@dataclass(frozen=True)
class Way:
    """One command that a drill on hold takes now."""

    verb: str
    command: str
    does: str

    def __str__(self) -> str:
        return f"`{self.command}` {self.does}"


def ways_on(progress: Progress, drill: str) -> tuple[Way, ...]:
    """What may be chosen for a drill that is on hold, or that would hold as it is now; the way back comes first."""
    verbs = ["proceed"]
    if progress.no_return or progress.failback:
        verbs.insert(0, "failback")
    else:
        verbs.insert(0, "abort")
    if progress.doubtful:
        verbs.append("not-promoted")
    return tuple(Way(verb, _command(verb, drill), _DOES[verb]) for verb in verbs)


def _command(verb: str, drill: str) -> str:
    return f"drill abort {drill} --not-promoted --reason WHY" if verb == "not-promoted" else f"drill {verb} {drill}"


def told_ways(ways: Sequence[Way]) -> str:
    """The ways as one sentence."""
    return ", ".join(str(way) for way in ways)


def short_ways(ways: Sequence[Way]) -> str:
    """The ways in the few characters that a text has room for."""
    return ", ".join(_WORDS[way.verb] for way in ways)
