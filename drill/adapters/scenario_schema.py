"""The JSON Schema that editors complete scenarios from: the grammar's models and the parameters of every step kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from drill.adapters.scenario_yaml_merge import SHARED
from drill.model.scenario import RESERVED, Scenario

_EXPRESSION: Final = {"type": "string", "pattern": "\\{\\{"}


def scenario_schema(kinds: Mapping[str, tuple[type[BaseModel], str]]) -> dict[str, Any]:
    """The schema of a scenario file. `kinds` maps each step kind to its parameters and to a line that says what it does."""
    names = {kind: f"params:{kind}" for kind in kinds}
    rows = [(model, "validation") for model in (Scenario, *(model for model, _ in kinds.values()))]
    refs, shared = models_json_schema(rows, by_alias=True, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    definitions: dict[str, Any] = shared["$defs"]
    top = definitions.pop(_name(refs[Scenario, "validation"]))
    models = {_name(refs[model, "validation"]) for model, _ in kinds.values()}
    for name in models:
        definitions[name] = _open_to_expressions(definitions[name])
    definitions["StepForm"] = _step(definitions["StepForm"], {kind: _name(refs[kinds[kind][0], "validation"]) for kind in names}, kinds)
    include = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": f"Shared files that hold {', '.join(SHARED)}.",
    }
    top["properties"] = {**top["properties"], "include": include}
    top["required"] = [name for name in top["required"] if name not in SHARED]  # a shared file may bring them
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of a disaster-recovery drill",
        **{key: value for key, value in top.items() if key != "title"},
        "$defs": dict(sorted(definitions.items())),
    }


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[1]


def _step(form: dict[str, Any], params: Mapping[str, str], kinds: Mapping[str, tuple[type[BaseModel], str]]) -> dict[str, Any]:
    """A step as it is written: the reserved keys, and exactly one kind."""
    reserved = {key: form["properties"][key] for key in RESERVED}
    kind_keys = {kind: {"$ref": f"#/$defs/{params[kind]}", "description": kinds[kind][1]} for kind in sorted(kinds)}
    return {
        "type": "object",
        "description": form.get("description", ""),
        "properties": {**reserved, **kind_keys},
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in sorted(kinds)],
    }


def _open_to_expressions(model: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a kind, each of which may be an expression instead."""
    properties = {}
    for name, schema in model.get("properties", {}).items():
        about = {key: schema[key] for key in ("description", "default", "title") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in about}
        properties[name] = schema if rest.get("type") == "string" and "pattern" not in rest else {"anyOf": [rest, _EXPRESSION], **about}
    return {**model, "properties": properties} if properties else model
