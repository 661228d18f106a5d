"""The step `verify.sql`: one read-only question to a database, and what its answer must be."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs
from drill.model.own_runs import until_true
from drill.model.ports import Attempt, DatabaseAccess, World
from drill.steps.base import Params, Step

QUESTION_S = 10.0
_EXPECTED = ("equals", "at_least", "at_most", "rows")


class DatabaseParams(Params):
    """Which database is asked."""

    site: Annotated[str | None, Field(description="The site whose database is asked.")] = None
    dsn: Annotated[str | None, Field(description="Or a connection string, as secret:NAME; one of MySQL begins with mysql://.")] = None
    until: Annotated[Duration, Field(ge=0, description="How long it is asked again while it is wrong; 0s asks once.")] = 0.0
    every: Annotated[Duration, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if (self.site is None) == (self.dsn is None):
            raise ValueError("name exactly one of site and dsn")
        if self.dsn is not None and not self.dsn.startswith("secret:"):
            raise ValueError("'dsn' must be secret:NAME: a connection string holds a password")
        return self

    def access(self, world: World) -> DatabaseAccess | str:
        """How it is reached. Raises: Fatal: the site has no database (A250)."""
        return world.ground.database(self.site) if self.site is not None else str(self.dsn)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"the database of {self.site}" if self.site is not None else "the database"


class VerifySqlParams(DatabaseParams):
    """Which question, and which answer is right."""

    sql: Annotated[str, Field(min_length=1, description="One statement that only reads; its first value is compared.")]
    equals: Any = None
    at_least: float | None = None
    at_most: float | None = None
    rows: Annotated[int | None, Field(ge=0, description="How many rows there must be.")] = None

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not any(name in self.model_fields_set for name in _EXPECTED):
            raise ValueError(f"say what is right: {', '.join(_EXPECTED)}")
        return self

    def wrong(self, found: Sequence[Sequence[Any]] | None) -> str:
        """Why an answer is not right; empty when it is."""
        if found is None:
            return "nobody was asked"
        if self.rows is not None and len(found) != self.rows:
            return f"{len(found)} rows, not {self.rows}"
        value = plain(found[0][0]) if found and found[0] else None
        if "equals" in self.model_fields_set and value != self.equals:
            return f"{value!r}, not {self.equals!r}"
        return self._outside(value) if self.at_least is not None or self.at_most is not None else ""

    def _outside(self, value: Any) -> str:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return f"{value!r} is no number"
        if self.at_least is not None and value < self.at_least:
            return f"{value}, less than {self.at_least:g}"
        return f"{value}, more than {self.at_most:g}" if self.at_most is not None and value > self.at_most else ""


class VerifySql(Step[VerifySqlParams]):
    """Outputs `value` (the first one), `looks` and `took_s`."""

    kind: ClassVar[str] = "verify.sql"
    params: ClassVar[type[Params]] = VerifySqlParams
    title: ClassVar[tuple[str, str]] = ("Ask the database", "查询数据库验证")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: VerifySqlParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifySqlParams, world: World, attempt: Attempt) -> Outputs:
        found: Sequence[Sequence[Any]] | None = None

        def look() -> str:
            nonlocal found
            found = world.own.databases.ask(params.access(world), params.sql, timeout_s=QUESTION_S)
            return params.wrong(found)

        looks, took_s = until_true(look, f"the answer of {params.name}", world, attempt, within_s=params.until, every_s=params.every)
        return {"value": plain(found[0][0]) if found and found[0] else None, "looks": looks, "took_s": took_s}


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
