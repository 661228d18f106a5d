"""The extension point: a step kind is one class in one file; this registry finds it without any other file changing."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from drill.model.effects import Effect, Outputs, Resume, Stale
from drill.model.errors import Fatal
from drill.model.ports import Attempt, World


class Params(BaseModel):
    """What a scenario may write under a step kind. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Params)


class Step(ABC, Generic[P]):
    """One kind of work. Stateless: everything it knows comes in its parameters, its world and its attempt.

    A step knows nothing of time-outs, retries, journal, threads or the engine.
    """

    kind: ClassVar[str]
    params: ClassVar[type[Params]]
    title: ClassVar[tuple[str, str]]
    """What it does, in English and Chinese, for people."""
    resume: ClassVar[Resume] = Resume.RERUN
    no_return: ClassVar[bool] = False
    """Once it has started, nothing rolls back by itself."""
    default_timeout_s: ClassVar[float] = 600.0
    marks: ClassVar[frozenset[str]] = frozenset()
    """Marks that its effects carry, known before any preview: `fence`, `promote`, `outage`, `dns`, `data`, `destroy`."""
    by_hand: ClassVar[bool] = False
    """A person does it: they are asked as at a gate, and it runs when they have said that it is done. Parameters as of `manual`."""

    zone_resolvers: ClassVar[bool] = False
    """Its `resolvers` are those of the zone that its `name` lies in, where it writes none."""

    def pulls(self, params: Mapping[str, Any]) -> Literal["", "record", "lever"]:
        """What it moves the traffic of `name` by, with these parameters as they are written: its record, its lever, or nothing."""
        return ""

    def undo_ahead(self, params: P) -> Mapping[str, Any] | None:
        """What to register before a person is asked to do it: they may begin as soon as they are. Nothing: it is not taken back."""
        return None

    def resume_with(self, params: Mapping[str, Any]) -> Resume:
        """What to do with one that has these parameters, as they are written, when the engine died while it ran."""
        return self.resume

    def ready(self, params: P, world: World) -> list[str]:
        """What stands in the way of this step, seen before the drill touches anything; read-only. Empty: nothing."""
        return []

    def stale(self, params: P, world: World) -> Stale | None:
        """What users may keep of a name that this step moves, as it is now; read-only. None: it moves none, or waits that out itself."""
        return None

    def leftovers(self, params: P, world: World, drill: str, step: str) -> list[str]:
        """What of this step's effect is still there, by a second look at the end of the drill. Empty: nothing."""
        return []

    def found(self, params: P, world: World) -> Outputs | None:
        """What running it would put out, when the world shows that it has worked; read-only. None: it has not, or that cannot be told."""
        return None

    @abstractmethod
    def preview(self, params: P, world: World) -> list[Effect]:
        """What running it now would change; changes nothing. Empty: nothing is left to do."""

    def foresee(self, params: P, world: World) -> Outputs:
        """Those of its outputs that are known before it runs, so that a dry run can look at later steps; changes nothing."""
        return {}

    @abstractmethod
    def run(self, params: P, world: World, attempt: Attempt) -> Outputs:
        """Do it and return what later steps may use. Raises: StepError."""

    def undo(self, params: P, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        """Take the effect back, from what `register_undo` wrote. Idempotent.

        Raises: StepError: it could not be taken back (A901: a kind that registers an undo must know how to carry it out).
        """
        raise Fatal(
            f"{attempt.step} registered an undo, but its kind {self.kind} cannot take anything back.",
            code="A901",
            fix="Take it back by hand, and give the step kind an undo.",
        )


ENTRY_POINT_GROUP = "drill.steps"


@cache
def registry() -> Mapping[str, Step[Any]]:
    """Every step kind by its name: ours, and those of installed packages that declare a `drill.steps` entry point."""
    found: dict[str, Step[Any]] = {}
    package = importlib.import_module("drill.steps")
    for module in pkgutil.iter_modules(package.__path__, "drill.steps."):
        importlib.import_module(module.name)
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        entry.load()
    for cls in _leaves(Step):  # type: ignore[type-abstract]  # those that stay abstract have no kind
        if hasattr(cls, "kind"):
            found[cls.kind] = cls()
    return found


def _leaves(cls: type[Step[Any]]) -> list[type[Step[Any]]]:
    below = cls.__subclasses__()
    return [cls, *(leaf for sub in below for leaf in _leaves(sub))]
