"""Something wrong in a scenario, by its path of keys: whoever knows the file turns it into a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Keys and indices from the top of the file: `("phases", "data", "after", 0)`."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong. `on_key` points at the last key of `at` rather than at its value."""

    at: Path
    code: str
    what: str
    fix: str = ""
    on_key: bool = False


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the nearest one, or all when they are few."""
    names = sorted({str(name) for name in known})
    near = get_close_matches(str(wrong), names, 1, 0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(names)}." if 0 < len(names) <= 12 else ""


def dotted(path: Sequence[str | int]) -> str:
    """A path as a person writes it: `phases.data.after[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "the file"
