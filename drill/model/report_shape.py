"""What every part of a report is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A part of the report. Lengths in seconds, rounded to the millisecond; `t` values count from `zero_at`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(Shape):
    """Words in both languages."""

    en: str
    zh: str
