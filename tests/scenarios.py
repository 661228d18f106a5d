"""A small sound scenario and step kinds that do nothing, for tests of what reads, checks and compiles scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs
from drill.model.ports import Attempt, World
from drill.model.scenario import Scenario
from drill.steps.base import Params, Step


class SiteParams(Params):
    site: str
    ttl: Duration = 1.0
    values: tuple[str, ...] = ()


class ProbeParams(Params):
    probe: str
    every: Duration = 3.0
    misses: int = 3


class OfParams(Params):
    of: str


class NoParams(Params):
    pass


class Idle(Step[Any]):
    """A kind that changes nothing and does nothing."""

    def preview(self, params: Any, world: World) -> list[Effect]:
        return []

    def run(self, params: Any, world: World, attempt: Attempt) -> Outputs:
        return {}


def _kind(name: str, params: type[Params], *marks: str, no_return: bool = False) -> Step[Any]:
    fields = {"params": params, "title": (name, name), "marks": frozenset(marks), "no_return": no_return}
    made: Step[Any] = type(f"Test{name.title()}", (Idle,), fields)()
    return made


KINDS: Mapping[str, Step[Any]] = {
    "lose": _kind("lose", SiteParams, "outage"),
    "fence": _kind("fence", SiteParams, "fence"),
    "promote": _kind("promote", SiteParams, "promote", no_return=True),
    "watch": _kind("watch", ProbeParams),
    "release": _kind("release", OfParams),
    "idle": _kind("idle", NoParams),
}
"""Step kinds that are not in the registry: they have no `kind`."""

MODELS: Mapping[str, type[BaseModel]] = {name: kind.params for name, kind in KINDS.items()}

_SOUND: dict[str, Any] = {
    "scenario": "sample",
    "title": "Sample",
    "objectives": {"rto": "60s", "rpo": "10s"},
    "sites": {"primary": {"provider": "sandbox", "region": "a"}, "standby": {"provider": "sandbox", "region": "b"}},
    "probes": {"checkout": {"http": "http://shop.drill.test/checkout"}},
    "limits": {"max_changes": 10, "allow": ["primary/*", "standby/*"]},
    "contacts": {name: {"title": name, "sms": f"secret:{name.upper()}"} for name in ("oncall", "lead", "manager")},
    "messages": {"sms": {"provider": "aliyun", "sign": "secret:SIGN"}},
    "defaults": {"acknowledge": {"ask": ["oncall"], "then": ["lead"], "within": "30s"}},
    "phases": {
        "outage": {"steps": {"lose": {"lose": {"site": "primary"}}}},
        "data": {
            "after": ["outage"],
            "steps": {"fence": {"fence": {"site": "primary"}}, "promote": {"promote": {"site": "standby"}, "after": ["fence"]}},
        },
    },
}


def sound(**changes: Any) -> dict[str, Any]:
    """The data of a sound scenario, with some top-level keys replaced."""
    return {**deepcopy(_SOUND), **changes}


def scenario(**changes: Any) -> Scenario:
    """A sound scenario, with some top-level keys replaced."""
    return Scenario.model_validate(sound(**changes))
