"""Reads a scenario file: every mistake of its grammar at once, each at its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from drill.adapters.scenario_yaml_document import Document, Place, parse, read_text
from drill.adapters.scenario_yaml_findings import problems_of, step_problems
from drill.adapters.scenario_yaml_merge import include, override
from drill.model.errors import Finding, ScenarioInvalid
from drill.model.problem import Problem
from drill.model.scenario import Scenario

Kinds = Mapping[str, type[BaseModel]]
"""The parameters of each step kind."""


@dataclass(frozen=True)
class Reading:
    """What one file says. `scenario` is there only when the grammar holds; `data` is there as far as it could be read."""

    document: Document
    scenario: Scenario | None
    findings: tuple[Finding, ...]

    @property
    def data(self) -> Mapping[str, Any]:
        """The file's own keys and values, shared files merged and overrides applied."""
        return self.document.data if isinstance(self.document.data, Mapping) else {}

    def locate(self, problems: Iterable[Problem]) -> list[Finding]:
        """The findings of problems, at their places in the file."""
        return [self.document.place(row.at, on_key=row.on_key).finding(row.code, row.what, row.fix) for row in problems]


def read(path: FilePath, kinds: Kinds, *, sets: Sequence[str] = ()) -> Reading:
    """Read a file with its shared files and overrides (`path.to.key=value`).

    Raises: ScenarioInvalid: nothing can be read at all (S001 to S006).
    """
    shown = os.fspath(path)
    document = parse(read_text(path, shown), shown)
    if not isinstance(document.data, dict):
        raise ScenarioInvalid([Place(shown).finding("S006", "a scenario is a mapping of keys to values.", "Start from 'drill init'.")])
    include(document, path.parent)
    override(document, sets)
    problems = step_problems(document, kinds)
    scenario = None
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        problems += problems_of(error, model=Scenario, prefix=(), document=document)
    reading = Reading(document, scenario, ())
    findings = tuple(in_order([*document.findings, *reading.locate(problems)]))
    return Reading(document, None if findings else scenario, findings)


def load(path: FilePath, kinds: Kinds, *, sets: Sequence[str] = ()) -> Scenario:
    """The scenario of a file. Raises: ScenarioInvalid: with every finding."""
    reading = read(path, kinds, sets=sets)
    if reading.scenario is None:
        raise ScenarioInvalid(reading.findings)
    return reading.scenario


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by place, each once."""
    return sorted(dict.fromkeys(findings), key=lambda row: (row.path, row.line, row.column, row.code, row.what))
