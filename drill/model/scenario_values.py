"""The single values of a scenario file: names, durations, secrets, words in both languages, addresses."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from drill.model.durations import Duration
from drill.model.freeze import parse_freeze
from drill.model.plan import Text


def _above_zero(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


def _reference(text: str) -> str:
    name = text.removeprefix("secret:")
    if name == text or not name or not name.replace("_", "a").isalnum() or name != name.upper():
        raise ValueError("expected a reference such as secret:NAME, never the value itself")
    return text


def _words(value: Any) -> Any:
    return {"en": value, "zh": value} if isinstance(value, str) else value


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _window(text: str) -> str:
    parse_freeze(text)
    return text


NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,39}$"
_SECRET_SCHEMA: Final = {"type": "string", "pattern": "^secret:[A-Z0-9_]+$", "examples": ["secret:ONCALL_PHONE"]}
_TEXT_SCHEMA: Final = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
            "required": ["en", "zh"],
            "additionalProperties": False,
        },
    ]
}

Id = Annotated[str, Field(pattern=NAME_PATTERN)]
Span = Annotated[Duration, AfterValidator(_above_zero)]
"""Seconds, above zero."""
Secret = Annotated[str, AfterValidator(_reference), WithJsonSchema(_SECRET_SCHEMA)]
Secrets = Annotated[
    tuple[Annotated[str, AfterValidator(_reference)], ...],
    BeforeValidator(_many),
    WithJsonSchema({"anyOf": [_SECRET_SCHEMA, {"type": "array", "items": _SECRET_SCHEMA}]}),
]
Words = Annotated[Text, BeforeValidator(_words), WithJsonSchema(_TEXT_SCHEMA)]
"""Text in both languages; a plain string stands for both."""
Freeze = Annotated[str, AfterValidator(_window)]


class Form(BaseModel):
    """A mapping of the file. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
