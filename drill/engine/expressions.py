"""The expressions a scenario may hold in its values: `{{ steps.capacity.outputs.addresses }}`, and nothing that acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from drill.model.errors import Fatal
from drill.model.graph import ancestors
from drill.model.plan import Plan
from drill.model.problem import did_you_mean

MAX_LENGTH: Final = 2000
_NODES: Final = (
    *(nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Keyword),
    *(nodes.Concat, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
)
"""No call, no loop, no product: an expression looks things up and cannot be made to run long."""
_FILTERS: Final = frozenset({"default", "first", "int", "join", "last", "length", "lower", "sort", "string", "tojson", "unique", "upper"})
_ROOTS: Final = ("steps", "sites")


class BadExpression(ValueError):
    """An expression that cannot be used; the text says why."""


@dataclass(frozen=True)
class Reference:
    """One thing an expression looks up: `steps` or `sites`, then the names below it as far as they are literal."""

    root: str
    names: tuple[str, ...]


class _Environment(ImmutableSandboxedEnvironment):
    """Looks up entries of mappings and lists only: no attribute of any Python object is ever reached."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, StrictUndefined):
            return obj  # what was missing first is what a person must know
        if isinstance(obj, Mapping) or (isinstance(obj, list | tuple) and isinstance(argument, int)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)


@cache
def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.globals.clear()
    return environment


def references(text: str) -> list[Reference]:
    """Everything a text looks up.

    Raises: BadExpression: it is no expression, too long, or does more than look things up.
    """
    tree = _parse(text)
    below: set[int] = set()
    found: list[Reference] = []
    for node in _walk(tree):
        if id(node) in below or not isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
            continue
        names: list[str] = []
        inner: nodes.Node = node
        while isinstance(inner, nodes.Getattr | nodes.Getitem):
            name = inner.attr if isinstance(inner, nodes.Getattr) else inner.arg.value if isinstance(inner.arg, nodes.Const) else None
            names = [*([str(name)] if name is not None else []), *names] if name is not None else []
            inner = inner.node
            below.add(id(inner))
        if isinstance(inner, nodes.Name):
            found.append(Reference(inner.name, tuple(names)))
    return found


def texts(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text that holds an expression in a value, with its path."""
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        yield at, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*at, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts(item, (*at, index))


def find_step(names: Sequence[str], steps: Sequence[str]) -> tuple[list[str], int]:
    """The dotted ids among `steps` that the first of `names` mean, and how many names that took.

    A step is named bare (`capacity`), as `phase.step` in two parts, or quoted in one (`steps["rebuild.capacity"]`).
    """
    if not names:
        return [], 0
    if names[0] in steps:
        return [names[0]], 1
    if len(names) > 1 and f"{names[0]}.{names[1]}" in steps:
        return [f"{names[0]}.{names[1]}"], 2
    return [step for step in steps if step.partition(".")[2] == names[0]], 1


def visible_steps(plan: Plan, step_id: str) -> tuple[str, ...]:
    """Steps whose outputs a step may use: those it waits for, and for a failback step everything of the drill proper."""
    phase = plan.phase(plan.step(step_id).phase)
    in_drill = phase in plan.phases
    part = plan.phases if in_drill else plan.failback
    earlier = ancestors({row.id: row.after for row in part}, phase.id)
    inside = ancestors({row.id: row.after for row in phase.steps}, step_id)
    open_phases = earlier | (set() if in_drill else {row.id for row in plan.phases})
    return tuple(row.id for row in plan.steps() if row.phase in open_phases or row.id in inside)


def render(value: Any, *, steps: Mapping[str, Mapping[str, Any]], sites: Mapping[str, Mapping[str, Any]]) -> Any:
    """A value with its expressions resolved; a text that is one expression alone yields what it stands for, of its own type.

    `steps` maps dotted ids to outputs and should hold `visible_steps` only; `sites` maps ids to attributes.
    Raises: Fatal: an expression names what is not there, or is none (A260).
    """
    if isinstance(value, Mapping):
        return {key: render(item, steps=steps, sites=sites) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, steps=steps, sites=sites) for item in value]
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    try:
        return _evaluate(value, {"steps": _by_name(steps), "sites": sites})
    except (BadExpression, TemplateError, ValueError, TypeError, ArithmeticError) as error:
        raise Fatal(f"'{value}' cannot be worked out: {error}.", code="A260", fix="Correct the expression in the scenario.") from error


def _by_name(steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Steps under every name they may be called by; a bare name that two steps share is left out."""
    by_name: dict[str, Any] = {}
    bare = Counter(step.partition(".")[2] for step in steps)
    phases = {step.partition(".")[0] for step in steps}
    for step, outputs in steps.items():
        phase, _, name = step.partition(".")
        if bare[name] == 1 and name not in phases:
            by_name[name] = {"outputs": outputs}
        by_name[step] = {"outputs": outputs}
        by_name.setdefault(phase, {})[name] = {"outputs": outputs}
    return by_name


def _evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    tree = _parse(text.strip())
    parts = [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
        inside = text.strip().removeprefix("{{").removesuffix("}}").strip("-+ \n")
        found = _environment().compile_expression(inside, undefined_to_none=False)(**variables)
        if isinstance(found, StrictUndefined):
            str(found)  # an undefined result speaks for itself: it raises
        return found
    return _environment().from_string(text).render(**variables)


def _parse(text: str) -> nodes.Template:
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"it is longer than {MAX_LENGTH} characters")
    try:
        tree = _environment().parse(text)
    except TemplateError as error:
        raise BadExpression(f"it is not an expression: {error.message}") from error
    except RecursionError as error:
        raise BadExpression("it is nested too deeply") from error
    for node in _walk(tree):
        if not isinstance(node, _NODES):
            raise BadExpression(f"'{type(node).__name__.lower()}' is not allowed: an expression only looks things up")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            raise BadExpression(f"there is no filter '{node.name}'. {did_you_mean(node.name, _FILTERS)}".strip())
        if isinstance(node, nodes.Name) and node.name not in _ROOTS:
            raise BadExpression(f"there is no '{node.name}': an expression starts at steps or sites")
    return tree


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    for child in tree.iter_child_nodes():
        yield child
        yield from _walk(child)
