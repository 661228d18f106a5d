"""What pydantic found, as problems a person can act on: own words, the nearest key, the true path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from drill.adapters.scenario_yaml_document import Document
from drill.model.problem import Path, Problem, did_you_mean, dotted
from drill.model.scenario import RESERVED, is_expression, kind_keys
from drill.model.scenario_values import NAME_PATTERN

_NAME: Final = "expected a name of small letters, digits, _ and - that starts with a letter"
_WORDS: Final[Mapping[str, str]] = {
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "too_short": "expected at least one entry",
    "string_too_short": "expected text that is not empty",
}


def problems_of(error: ValidationError, *, model: type[BaseModel], prefix: Path, document: Document) -> list[Problem]:
    """Every error of a model that was validated on the part of the document at `prefix`."""
    keys = _Keys(model)
    return [_problem(row, prefix, document, keys) for row in error.errors(include_url=False)]


def step_problems(document: Document, kinds: Mapping[str, type[BaseModel]]) -> list[Problem]:
    """What is wrong with the kinds of steps and their parameters, in every part of the document."""
    found: list[Problem] = []
    for at, step in written_steps(document.data):
        names = kind_keys(step)
        known = [name for name in names if name in kinds]
        for name in names:
            if name not in kinds:
                fix = did_you_mean(name, [*kinds, *RESERVED]) or "'drill schema' lists every kind."
                found.append(Problem((*at, name), "S013", f"'{name}' is neither a step kind nor a key of a step.", fix, on_key=True))
        if not names:
            found.append(Problem(at, "S014", f"{dotted(at)} names no step kind.", "Write the kind as a key, its parameters below it."))
        for name in known[1:]:
            what = f"{dotted(at)} names two step kinds, '{known[0]}' and '{name}'."
            found.append(Problem((*at, name), "S014", what, "Make it two steps.", on_key=True))
        for name in known:
            found += _params_problems((*at, name), step[name], kinds[name], document)
    return found


def written_steps(data: Any) -> list[tuple[Path, Mapping[str, Any]]]:
    """Every step that is at least a mapping, with its path."""
    found: list[tuple[Path, Mapping[str, Any]]] = []
    failback = data.get("failback") if isinstance(data, Mapping) else None
    for top, part in ((("phases",), data), (("failback", "phases"), failback)):
        phases = part.get("phases") if isinstance(part, Mapping) else None
        for phase_id, phase in phases.items() if isinstance(phases, Mapping) else ():
            steps = phase.get("steps") if isinstance(phase, Mapping) else None
            for step_id, step in steps.items() if isinstance(steps, Mapping) else ():
                if isinstance(step, Mapping):
                    found.append(((*top, phase_id, "steps", step_id), step))
    return found


def _params_problems(at: Path, params: Any, model: type[BaseModel], document: Document) -> list[Problem]:
    try:
        model.model_validate({} if params is None else params)
    except ValidationError as error:
        rows = error.errors(include_url=False)
        keys = _Keys(model)
        return [_problem(row, at, document, keys) for row in rows if not _known_later(row)]
    return []


def _known_later(row: Any) -> bool:
    """An expression may yield anything: its value is checked when it is there."""
    return row["type"] not in ("missing", "extra_forbidden") and is_expression(row["input"])


def _problem(row: Any, prefix: Path, document: Document, keys: _Keys) -> Problem:
    kind, loc = row["type"], tuple(row["loc"])
    on_key = bool(loc) and loc[-1] == "[key]"
    loc = loc[:-1] if on_key else loc
    at = _true_path(document, prefix, loc[:-1] if kind in ("missing", "extra_forbidden") else loc)
    if kind == "missing":
        return Problem(at, "S011", f"'{loc[-1]}' is missing in {dotted(at)}.", "Add it.")
    if kind == "extra_forbidden":
        name = str(loc[-1])
        fix = did_you_mean(name, keys.below(at[len(prefix) :])) or "Remove it."
        return Problem((*at, name), "S010", f"unknown key '{name}' in {dotted(at)}.", fix, on_key=True)
    if _holds_secret(at) and kind != "value_error":
        return Problem(at, "S012", f"{dotted(at)}: expected a reference such as secret:NAME, never the value itself.")
    what, fix = _say(row)
    return Problem(at, "S012", f"{dotted(at)}: {what}.", fix, on_key=on_key)


def _holds_secret(at: Path) -> bool:
    """Whether a reference belongs here: what stands in its place may be the secret, and is not repeated."""
    known = (("canary", "postgres"), ("canary", "mysql"), ("messages", "sms", "sign"))
    return at in known or (at[:1] == ("contacts",) and at[2:3] in (("sms",), ("email",)))


def _say(row: Any) -> tuple[str, str]:
    kind, context = row["type"], row.get("ctx", {})
    got = f", got {_short(row['input'])}"
    if kind == "value_error":
        return str(context["error"]), ""
    if kind == "literal_error":
        expected = str(context["expected"])
        near = did_you_mean(str(row["input"]), expected.replace("'", "").replace(" or ", ", ").split(", "))
        return f"expected {expected}{got}", near if near.startswith("Did") else ""
    if kind == "string_pattern_mismatch" and context["pattern"] == NAME_PATTERN:
        return f"{_NAME}{got}", ""
    if kind in _WORDS:
        return _WORDS[kind] + ("" if kind.endswith("too_short") else got), ""
    text = str(row["msg"])
    return text[:1].lower() + text[1:] + got, ""


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}...'"


def _true_path(document: Document, prefix: Path, loc: tuple[Any, ...]) -> Path:
    """The part of a location that was written: pydantic adds the tags of unions."""
    at = prefix
    for part in loc:
        if (*at, part) in document.values:
            at = (*at, part)
    return at


class _Keys:
    """The keys a model knows at each path, read from its JSON schema."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self._schema: dict[str, Any] = {}

    def below(self, at: Path) -> list[str]:
        self._schema = self._schema or self._model.model_json_schema(by_alias=True)
        nodes = self._flat(self._schema)
        for part in at:
            nodes = [deeper for node in nodes for deeper in self._step(node, part)]
        return sorted({name for node in nodes for name in node.get("properties", {})})

    def _step(self, node: dict[str, Any], part: str | int) -> list[dict[str, Any]]:
        ways: Callable[[str], Any] = node.get
        children = [ways("items"), *(ways("prefixItems") or [])] if isinstance(part, int) else [(ways("properties") or {}).get(part)]
        if children == [None]:
            children = [ways("additionalProperties"), *(ways("patternProperties") or {}).values()]
        return [flat for child in children if isinstance(child, dict) for flat in self._flat(child)]

    def _flat(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            return self._flat(self._schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
        return [node, *(flat for way in ("anyOf", "oneOf", "allOf") for option in node.get(way, []) for flat in self._flat(option))]
