"""The step `verify.rows`: counts the rows of tables and sums their digests, before the loss and after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from drill.model.effects import Effect, Outputs
from drill.model.errors import Fatal
from drill.model.own_runs import until_true
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step
from drill.steps.verify_sql import DatabaseParams

_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?")
_QUESTION_S: Final = 60.0


def _table(name: str) -> str:
    if not _TABLE.fullmatch(name):
        raise ValueError(f"'{name}' is no table name: write table or schema.table")
    return name


class VerifyRowsParams(DatabaseParams):
    """Which tables, and what is compared with them."""

    tables: Annotated[tuple[Annotated[str, AfterValidator(_table)], ...], Field(min_length=1)]
    where: Annotated[str, Field(description="Only these rows, the same in every table: created_at < '2027-01-01'.")] = ""
    equal: Annotated[
        dict[str, Any] | None,
        Field(description="Counts and sums that must be the same: '{{ steps.before.outputs.tables }}'. Without it they are only taken."),
    ] = None
    at_least: Annotated[dict[str, Any] | None, Field(description="Counts that must at least be there, given in the same way.")] = None


class VerifyRows(Step[VerifyRowsParams]):
    """Outputs `tables`: of each its `rows`, `sum` and `engine`, to be compared by a later step of this kind."""

    kind: ClassVar[str] = "verify.rows"
    params: ClassVar[type[Params]] = VerifyRowsParams
    title: ClassVar[tuple[str, str]] = ("Compare the rows of tables", "核对数据行")
    default_timeout_s: ClassVar[float] = 300.0

    def preview(self, params: VerifyRowsParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifyRowsParams, world: World, attempt: Attempt) -> Outputs:
        found: dict[str, Any] = {}

        def look() -> str:
            found.clear()
            for table in params.tables:
                counted = world.own.databases.count(params.access(world), table, where=params.where, timeout_s=_QUESTION_S)
                if counted is None:
                    return "nobody was asked"
                found[table] = asdict(counted)
            return _wrong(found, params.equal, params.at_least)

        looks, took_s = until_true(look, params.name, world, attempt, within_s=params.until, every_s=params.every)
        attempt.progress("counted", tables={name: row["rows"] for name, row in found.items()})
        return {"tables": dict(found), "looks": looks, "took_s": took_s}


def _wrong(found: Mapping[str, Any], equal: Mapping[str, Any] | None, at_least: Mapping[str, Any] | None) -> str:
    for name, row in found.items():
        if equal is not None and name not in equal:
            return f"nothing is known to compare {name} with"
        if equal is not None and (row["rows"], row["sum"]) != (equal[name]["rows"], _comparable(name, row, equal[name])):
            known = equal[name]["rows"]
            return f"{name} has {row['rows']} rows{' with other contents' if row['rows'] == known else f', not {known}'}"
        if at_least is not None and row["rows"] < at_least.get(name, {}).get("rows", 0):
            return f"{name} has {row['rows']} rows, less than {at_least[name]['rows']}"
    return ""


def _comparable(name: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """The sum it is compared with. Raises: Fatal: another engine made it, and digests its rows in its own way (A290)."""
    engine = known.get("engine", row["engine"])
    if engine != row["engine"]:
        what = f"{name} was counted by {engine} and now by {row['engine']}: their sums cannot be compared."
        raise Fatal(what, code="A290", fix="Compare two databases of one engine, or only the counts: at_least.")
    return str(known["sum"])
