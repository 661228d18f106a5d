"""Durations in the models of files: text in, seconds out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from drill.model.written_time import format_duration, parse_duration_s

__all__ = ["Duration", "format_duration", "parse_duration_s"]


LONGEST_S: Final = 31 * 86_400.0
"""A drill is an exercise of hours; what is longer is a slip of the pen, and its timers would overflow."""


def _to_seconds(value: Any) -> float:
    if isinstance(value, str):
        seconds = parse_duration_s(value)
        if seconds > LONGEST_S:
            raise ValueError(f"expected at most {format_duration(LONGEST_S)}, got {value!r}")
        return seconds
    if isinstance(value, float):  # a plan read back from JSON
        return value
    raise ValueError(f"expected a duration such as 250ms, 30s, 8m or 1m48s, got {value!r}")


Duration = Annotated[
    float,
    BeforeValidator(_to_seconds),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(\d+ms)?$", "examples": ["250ms", "30s", "1m48s"]}),
]
