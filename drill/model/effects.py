"""What a step would change and what it hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

Outputs = Mapping[str, Any]


class Resume(StrEnum):
    """What to do with a step that was running when the engine died."""

    RERUN = "rerun"
    """Running it again converges."""
    ASK = "ask"
    """A person must decide."""


class Verb(StrEnum):
    """How a step touches the world."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    STOP = "stop"
    SEND = "send"
    READ = "read"


@dataclass(frozen=True)
class Stale:
    """How long users may go on finding a name at its old place once it has moved: the life of the answers that are out."""

    name: str
    for_s: float
    limit_s: float | None = None
    """What the step itself allows; else the budget of its phase holds."""


class Effect(BaseModel):
    """One change a step would make. An empty preview means there is nothing left to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: Verb
    target: str
    """What is changed, as `limits.allow` matches it: `standby/app-1`, `shop.example.com`."""
    detail: str = ""
    tags: dict[str, str] = {}
    count: int = 1
    """How many changes this stands for, against `limits.max_changes`."""
    undo: str = "none"
    """How it is taken back: `automatic`, `failback`, `rebuild` or `none`."""
    marks: frozenset[str] = frozenset()
    """What safety rules look at: `fence`, `promote`, `outage`, `dns`, `data`, `destroy`; `control-plane` is warned of."""
