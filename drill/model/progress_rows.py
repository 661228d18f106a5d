"""The state of one step and of one gate, as the progress of a drill holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

StepState = Literal["pending", "running", "succeeded", "failed", "skipped", "interrupted"]
GateState = Literal["closed", "open", "acknowledged", "declined", "expired"]


@dataclass
class StepProgress:
    """One step so far. `attempts` counts tries that started; `running` is the number of the one that has not ended."""

    state: StepState = "pending"
    attempts: int = 0
    running: int | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] | None = None
    undone: Literal["", "done", "failed"] = ""
    undo_fix: str = ""
    """What a person must do where the undo failed."""
    error: str = ""
    code: str = ""
    fix: str = ""
    failed_attempts: int = 0
    asked: int = 0
    """The try about which a person was asked; 0 when nobody is asked."""
    why_asked: str = ""
    decided: Literal["", "retry", "skip"] = ""
    """What the person said."""


@dataclass
class GateProgress:
    """One gate so far. `asked` grows with each escalation; `confirmed` are the people who said yes."""

    state: GateState = "closed"
    asked: tuple[str, ...] = ()
    deadline: datetime | None = None
    round: int = 0
    confirmed: tuple[str, ...] = ()
    answered_by: tuple[str, ...] = ()
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Wrong codes so far by contact."""
    by: str = "person"
    """Whose word closes it: person, receipt or system."""
    asked_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each contact was asked."""
