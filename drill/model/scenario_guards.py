"""What a scenario may say about guards: conditions that end the drill when they break."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drill.model.scenario_values import Form, Id, Span

_TEXTS: Final = re.compile(r"""\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`""")
_SELECTORS: Final = re.compile(r"\{[^{}]*\}")
"""Texts and label matchers of a query: what looks like a comparison in there compares no value."""
_COMPARES: Final = re.compile(r"==|!=|>|<|\babsent(_over_time)?\b|\bunless\b|\band\b")


def _address(text: str) -> str:
    if "{{" in text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected an address such as http://prometheus.example.com:9090")
    if parts.username or parts.password:
        raise ValueError("expected an address without a user and password")
    if parts.query or parts.fragment:
        raise ValueError("expected the server's address, without a query")
    return text


def _condition(text: str) -> str:
    plain = _SELECTORS.sub("", _TEXTS.sub("", text))
    if not _COMPARES.search(plain):
        raise ValueError("expected a query that returns nothing once the condition breaks, such as up == 1: it must compare")
    if re.search(r"\bbool\b", plain):
        raise ValueError("expected a query without 'bool', which returns a series whether the condition holds or not")
    return text


Address = Annotated[str, AfterValidator(_address)]


class PrometheusForm(Form):
    """A query that returns at least one series while the condition holds, and nothing once it is broken."""

    url: Address = Field(description="Of the Prometheus server, without /api.")
    query: Annotated[str, AfterValidator(_condition)]
    for_: Span = Field(default=5.0, alias="for", description="How long it may not hold, or not be answered, before it counts as broken.")
    every: Span = 2.0


class AlertmanagerForm(Form):
    """An alert that must not fire."""

    url: Address = Field(description="Of the Alertmanager server, without /api.")
    alert: str = Field(min_length=1, description="The alert's name; it counts although silenced or inhibited.")
    for_: Span = Field(default=5.0, alias="for", description="How long it may give no answer; firing breaks it at once.")
    every: Span = 2.0


class GuardForm(Form):
    """Something the drill must not harm; exactly one of `probe`, `prometheus` and `alertmanager`."""

    probe: str | None = None
    misses: int = Field(default=3, ge=2, le=1000, strict=True, description="How many missed answers of the probe in a row break it.")
    prometheus: PrometheusForm | None = None
    alertmanager: AlertmanagerForm | None = None

    @model_validator(mode="after")
    def _watches_one_thing(self) -> GuardForm:
        if sum(source is not None for source in (self.probe, self.prometheus, self.alertmanager)) != 1:
            raise ValueError("expected exactly one of probe, prometheus and alertmanager")
        if self.probe is None and "misses" in self.model_fields_set:
            raise ValueError("expected 'misses' beside a probe only; the others have 'for'")
        return self


def _named(value: Any) -> Any:
    """A bare list of probes guards each under its own name."""
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return {name: {"probe": name} for name in value}
    return value


Guards = Annotated[dict[Id, GuardForm], BeforeValidator(_named, json_schema_input_type=dict[Id, GuardForm] | list[Id])]
