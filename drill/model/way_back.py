"""What a step wrote down as its way back, for the step that goes it on the way home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.model.errors import Retryable
from drill.model.events import Kind
from drill.model.ports import Attempt

_FOUND_WITHIN_S = 1.0


def undo_written_by(step: str, attempt: Attempt) -> Mapping[str, Any]:
    """The way back that a step registered; empty when it never began or changed nothing. Raises: Retryable: stopped (A190)."""
    try:
        fact = attempt.wait_for(Kind.UNDO_REGISTERED, lambda fact: fact.data.get("step") == step, within_s=_FOUND_WITHIN_S)
    except Retryable:
        if attempt.stopping():
            raise
        return {}
    found: Mapping[str, Any] = fact.data["undo"]
    return found
