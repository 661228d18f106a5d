"""The step `verify.replication`: the standby of a PostgreSQL database streams, and lacks no more than it may."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.own_runs import until_true
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step
from drill.steps.verify_sql import QUESTION_S

_PRIMARY: Final = "select pg_current_wal_lsn()::text"
_STANDBY: Final = """
select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn()::text, ''),
  exists(select from pg_stat_wal_receiver),
  case when pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn() then 0
       else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8
"""


class VerifyReplicationParams(Params):
    """Which standby, and how far it may be behind."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    site: Annotated[str, Field(description="The site of the standby.")]
    from_: str | None = Field(
        default=None,
        alias="from",
        description="The site of the primary; without it the bytes behind are not known.",
        json_schema_extra={"refers": "site"},
    )
    max_lag: Annotated[Duration, Field(ge=0)] = 5.0
    max_lag_bytes: Annotated[int, Field(ge=0)] = 16_777_216
    until: Annotated[Duration, Field(ge=0, description="How long it is looked at again while it lags too far.")] = 30.0
    every: Annotated[Duration, Field(gt=0)] = 0.5


class VerifyReplication(Step[VerifyReplicationParams]):
    """Outputs `lag_bytes` (nothing when the primary is not asked), `lag_s`, `looks` and `took_s`."""

    kind: ClassVar[str] = "verify.replication"
    params: ClassVar[type[Params]] = VerifyReplicationParams
    title: ClassVar[tuple[str, str]] = ("Check the replication", "检查复制延迟")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: VerifyReplicationParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifyReplicationParams, world: World, attempt: Attempt) -> Outputs:
        seen: dict[str, Any] = {}

        def look() -> str:
            seen.clear()
            seen.update(_lag(params, world))
            return _wrong(seen, params)

        looks, took_s = until_true(look, f"the standby of {params.site}", world, attempt, within_s=params.until, every_s=params.every)
        attempt.progress("replicates", lag_bytes=seen["lag_bytes"], lag_s=seen["lag_s"])
        return {"lag_bytes": seen["lag_bytes"], "lag_s": seen["lag_s"], "looks": looks, "took_s": took_s}


def _lag(params: VerifyReplicationParams, world: World) -> dict[str, Any]:
    """The primary is asked first: what it had written by then must have been replayed a moment later."""
    own = world.own.databases
    head = own.ask(world.ground.database(params.from_), _PRIMARY, timeout_s=QUESTION_S) if params.from_ is not None else None
    rows = own.ask(world.ground.database(params.site), _STANDBY, timeout_s=QUESTION_S)
    if rows is None or (params.from_ is not None and head is None):
        return {"asked": False, "lag_bytes": None, "lag_s": None}
    standby, replayed, streams, behind_s = rows[0]
    lag_bytes = max(0, _position(str(head[0][0])) - _position(replayed)) if head is not None and replayed else None
    lag_s = None if behind_s is None else round(max(0.0, float(behind_s)), 3)
    return {"asked": True, "standby": standby, "streams": streams, "lag_bytes": lag_bytes, "lag_s": lag_s}


def _wrong(seen: dict[str, Any], params: VerifyReplicationParams) -> str:
    if not seen["asked"]:
        return "nobody was asked"
    if not seen["standby"]:
        return "it is no standby: it takes writes"
    if not seen["streams"]:
        return "it does not stream from the primary"
    if params.from_ is not None and seen["lag_bytes"] is None:
        return "it is not known how far it is"
    if seen["lag_bytes"] is not None and seen["lag_bytes"] > params.max_lag_bytes:
        return f"it lacks {seen['lag_bytes']} bytes, more than {params.max_lag_bytes}"
    late = seen["lag_s"] is not None and seen["lag_s"] > params.max_lag
    return f"it is {format_duration(seen['lag_s'])} behind, more than {format_duration(params.max_lag)}" if late else ""


def _position(lsn: str) -> int:
    """Bytes since the beginning, of a position such as 16/B374D848."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
