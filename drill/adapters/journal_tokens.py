"""What both journals say to an engine whose drill another one has taken over."""

from __future__ import annotations

from drill.model.errors import JournalBroken


def stale(drill: str, *, present: int, ours: int) -> JournalBroken:
    """The refusal of a write, or of a step, under an old token (J010)."""
    return JournalBroken(
        f"another engine has taken over the drill {drill!r} (its token is {present}, ours is {ours}).",
        code="J010",
        fix="This engine stops; look at `drill status` for the one that goes on.",
    )
