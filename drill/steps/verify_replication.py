"""The step `verify.replication`: the standby of a database follows its primary, and lacks no more than it may."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.own_runs import until_true
from drill.model.ports import Attempt, StandbyState, World
from drill.steps.base import Params, Step
from drill.steps.verify_sql import QUESTION_S


class VerifyReplicationParams(Params):
    """Which standby, and how far it may be behind."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    site: Annotated[str, Field(description="The site of the standby.")]
    from_: str | None = Field(
        default=None,
        alias="from",
        description="The site of the primary; without it only the time behind is known.",
        json_schema_extra={"refers": "site"},
    )
    max_lag: Annotated[Duration, Field(ge=0)] = 5.0
    max_lag_bytes: Annotated[int, Field(ge=0, description="Where lag is counted in bytes: PostgreSQL.")] = 16_777_216
    max_lag_transactions: Annotated[int, Field(ge=0, description="Where transactions are counted: MySQL, MariaDB.")] = 1000
    until: Annotated[Duration, Field(ge=0, description="How long it is looked at again while it lags too far.")] = 30.0
    every: Annotated[Duration, Field(gt=0)] = 0.5


class VerifyReplication(Step[VerifyReplicationParams]):
    """Outputs `lag_bytes` or `lag_transactions` (nothing when the primary is not asked), `lag_s`, `looks` and `took_s`."""

    kind: ClassVar[str] = "verify.replication"
    params: ClassVar[type[Params]] = VerifyReplicationParams
    title: ClassVar[tuple[str, str]] = ("Check the replication", "检查复制延迟")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: VerifyReplicationParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifyReplicationParams, world: World, attempt: Attempt) -> Outputs:
        seen: StandbyState | None = None

        def look() -> str:
            nonlocal seen
            seen = _state(params, world)
            return "nobody was asked" if seen is None else _wrong(seen, params)

        looks, took_s = until_true(look, f"the standby of {params.site}", world, attempt, within_s=params.until, every_s=params.every)
        lags = _lags(seen) if seen is not None else {}
        attempt.progress("replicates", **lags)
        return {**lags, "looks": looks, "took_s": took_s}


def _state(params: VerifyReplicationParams, world: World) -> StandbyState | None:
    primary = world.ground.database(params.from_) if params.from_ is not None else None
    return world.own.databases.standby(world.ground.database(params.site), primary=primary, timeout_s=QUESTION_S)


def _lags(seen: StandbyState) -> dict[str, float | None]:
    lag_s = None if seen.lag_s is None else round(seen.lag_s, 3)
    return {"lag_bytes": seen.lag_bytes, "lag_transactions": seen.lag_transactions, "lag_s": lag_s}


def _wrong(seen: StandbyState, params: VerifyReplicationParams) -> str:
    if not seen.standby:
        return "it is no standby: it takes writes"
    if not seen.streams:
        return f"it does not stream from the primary{f': {seen.why}' if seen.why else ''}"
    if params.from_ is not None and seen.lag_bytes is None and seen.lag_transactions is None:
        return "it is not known how far it is"
    if seen.lag_bytes is not None and seen.lag_bytes > params.max_lag_bytes:
        return f"it lacks {seen.lag_bytes} bytes, more than {params.max_lag_bytes}"
    if seen.lag_transactions is not None and seen.lag_transactions > params.max_lag_transactions:
        return f"it lacks {seen.lag_transactions} transactions, more than {params.max_lag_transactions}"
    late = seen.lag_s is not None and seen.lag_s > params.max_lag
    return f"it is {format_duration(seen.lag_s or 0.0)} behind, more than {format_duration(params.max_lag)}" if late else ""
