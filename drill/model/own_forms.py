"""What a scenario writes for the steps on a team's own ground: declared changes, programs, web calls, and what is expected of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from drill.model.durations import Duration
from drill.model.effects import Effect, Verb
from drill.model.ports import Answered, Call

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that mean the same when they are sent twice."""


class Change(BaseModel):
    """One change that a step makes, as `limits` see it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Annotated[str, Field(min_length=1, description="What is changed, as limits.allow names it: standby/cache.")]
    verb: Verb = Verb.UPDATE
    detail: str = ""
    tags: dict[str, str] = {}
    count: Annotated[int, Field(ge=1)] = 1


def _changes(value: Any) -> Any:
    return [{"target": row} if isinstance(row, str) else row for row in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Any:
    return [str(row) if isinstance(row, int | float) and not isinstance(row, bool) else row for row in value] if _is_list(value) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


Changes = Annotated[
    tuple[Change, ...],
    BeforeValidator(_changes),
    WithJsonSchema({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object"}]}}),
    Field(description="Everything it changes, each as limits.allow names it; [] when it changes nothing."),
]
Argv = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_texts)] | str,
    Field(description="A program and its arguments as a list; one text only with `shell: true`."),
]


class Written(BaseModel):
    """A part of a step's parameters. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def effects_of(changes: Sequence[Change], *, undo: bool) -> list[Effect]:
    """The declared changes as effects."""
    way = "automatic" if undo else "none"
    return [
        Effect(verb=row.verb, target=row.target, detail=row.detail, tags=row.tags, count=row.count, undo="" if row.verb == "read" else way)
        for row in changes
    ]


class Expect(Written):
    """What an answer must be."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    status: Annotated[
        tuple[int, ...],
        BeforeValidator(lambda value: [value] if isinstance(value, int) else value),
        WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
        Field(description="The status, or several; without it any from 200 to 299."),
    ] = ()
    json_: dict[str, Any] = Field(
        default_factory=dict, alias="json", description="Values by their place in a JSON answer: {status: UP, items.0.id: 7}."
    )
    text: Annotated[str, Field(description="What the answer must contain.")] = ""

    def unmet(self, answer: Answered) -> str:
        """Why an answer is not what is expected; empty when it is."""
        if not answer.status:
            return answer.error or "no answer"
        if not (answer.status in self.status if self.status else 200 <= answer.status < 300):
            return f"status {answer.status}"
        if self.text not in answer.body:
            return f"'{self.text}' is not in the answer"
        return self._unmet_json(answer.body)

    def _unmet_json(self, body: str) -> str:
        if not self.json_:
            return ""
        try:
            held = json.loads(body)
        except ValueError:
            return "the answer is no JSON"
        for place, wanted in self.json_.items():
            found = value_at(held, place)
            if found != wanted:
                return f"{place} is {_short(found)}, not {_short(wanted)}"
        return ""


class CallForm(Written):
    """One HTTP request, and what its answer must be."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str
    headers: Annotated[dict[str, str], Field(default_factory=dict, description="A value may be secret:NAME, or hold {secret:NAME}.")]
    body: Annotated[Any, Field(description="A text, or anything else to be sent as JSON.")] = ""
    address: Annotated[str, Field(description="Ask this address instead of the host's own, as before the traffic moves.")] = ""
    expect: Expect = Expect()
    within: Annotated[Duration, Field(gt=0, description="How long one answer may take.")] = 10.0

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, url: str) -> str:
        if "secret:" in url:
            raise ValueError("a secret in an address ends up in logs: put it into a header or the body")
        return url

    def call(self, extra: Mapping[str, str] | None = None, *, target: str = "") -> Call:
        """The request; `target` stands for every `$target`."""
        is_text = isinstance(self.body, str)
        body = self.body if is_text else json.dumps(self.body, ensure_ascii=False)
        as_json = {} if is_text else {"Content-Type": "application/json"}
        headers = {name: value.replace("$target", target) for name, value in {**as_json, **self.headers, **(extra or {})}.items()}
        return Call(self.method, self.url.replace("$target", target), headers, body.replace("$target", target), self.address)


def value_at(held: Any, place: str) -> Any:
    """What stands at a place such as `items.0.id` in a JSON value; nothing when there is no such place."""
    for name in place.split("."):
        if isinstance(held, Mapping):
            held = held.get(name)
        elif isinstance(held, list) and name.isdigit() and int(name) < len(held):
            held = held[int(name)]
        else:
            return None
    return held


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"
