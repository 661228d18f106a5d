"""The step `verify.kafka`: a consumer group, or the mirror of a cluster, is no further behind than it may be."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs
from drill.model.own_runs import until_true
from drill.model.ports import Attempt, KafkaAccess, PartitionEnd, World
from drill.steps.base import Params, Step


class ClusterForm(Params):
    """A Kafka cluster."""

    bootstrap: Annotated[str, Field(min_length=1, description="host:port,host:port")]
    settings: Annotated[
        dict[str, str], Field(default_factory=dict, description="Of librdkafka: security.protocol and the like; may hold secret:NAME.")
    ]

    def access(self) -> KafkaAccess:
        """How it is reached."""
        return KafkaAccess(self.bootstrap, self.settings)


class VerifyKafkaParams(Params):
    """Which lag: that of a `group` at a cluster, or that of a `mirror` of it."""

    cluster: ClusterForm
    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    group: Annotated[str, Field(description="The consumer group whose unread records are counted.")] = ""
    mirror: Annotated[ClusterForm | None, Field(description="The cluster that mirrors `cluster`; the newest records are compared.")] = None
    prefix: Annotated[str, Field(description="What the mirror puts before a topic's name: `primary.`")] = ""
    max_lag: Annotated[int, Field(ge=0, description="Most unread records of the group, all partitions together.")] = 0
    max_lag_time: Annotated[Duration, Field(ge=0, description="How much older the mirror's newest record may be.")] = 5.0
    until: Annotated[Duration, Field(ge=0, description="How long it is looked at again while it lags too far.")] = 30.0
    every: Annotated[Duration, Field(gt=0)] = 1.0
    within: Annotated[Duration, Field(gt=0, description="How long one look may take.")] = 20.0

    @model_validator(mode="after")
    def _one_lag(self) -> Self:
        if bool(self.group) == (self.mirror is not None):
            raise ValueError("name exactly one of group and mirror")
        return self


class VerifyKafka(Step[VerifyKafkaParams]):
    """Outputs `lag` (records of the group) or `lag_s` (of the mirror), `looks` and `took_s`."""

    kind: ClassVar[str] = "verify.kafka"
    params: ClassVar[type[Params]] = VerifyKafkaParams
    title: ClassVar[tuple[str, str]] = ("Check the lag of a queue", "检查消息队列延迟")
    default_timeout_s: ClassVar[float] = 120.0

    def preview(self, params: VerifyKafkaParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifyKafkaParams, world: World, attempt: Attempt) -> Outputs:
        seen: dict[str, Any] = {}

        def look() -> str:
            seen.clear()
            return _group(params, world, seen) if params.group else _mirror(params, world, seen)

        looks, took_s = until_true(look, "the queue", world, attempt, within_s=params.until, every_s=params.every)
        return {**seen, "looks": looks, "took_s": took_s}


def _group(params: VerifyKafkaParams, world: World, seen: dict[str, Any]) -> str:
    ends = world.own.queues.ends(params.cluster.access(), params.topics, group=params.group, newest=False, timeout_s=params.within)
    if ends is None:
        return "nobody was asked"
    never = [row for row in ends if row.committed is None and row.next_offset > 0]
    if never:
        return f"{params.group} has never read {never[0].topic}/{never[0].partition}"
    seen["lag"] = sum(max(0, row.next_offset - (row.committed or 0)) for row in ends)
    return f"{seen['lag']} records are unread, more than {params.max_lag}" if seen["lag"] > params.max_lag else ""


def _mirror(params: VerifyKafkaParams, world: World, seen: dict[str, Any]) -> str:
    """By the time of the newest record of each partition: offsets of two clusters cannot be compared."""
    if params.mirror is None:
        raise AssertionError(params)
    copies = tuple(f"{params.prefix}{topic}" for topic in params.topics)
    theirs = world.own.queues.ends(params.mirror.access(), copies, group="", newest=True, timeout_s=params.within)
    ours = world.own.queues.ends(params.cluster.access(), params.topics, group="", newest=True, timeout_s=params.within)
    if ours is None or theirs is None:
        return "nobody was asked"
    held = {(row.topic, row.partition): row for row in theirs}
    worst = 0.0
    for row in ours:
        lag_s = _behind_s(row, held.get((f"{params.prefix}{row.topic}", row.partition)))
        if lag_s is None:
            return f"the mirror holds nothing of {row.topic}/{row.partition}"
        worst = max(worst, lag_s)
    seen["lag_s"] = round(worst, 3)
    late = worst > params.max_lag_time
    return f"the mirror is {format_duration(seen['lag_s'])} behind, more than {format_duration(params.max_lag_time)}" if late else ""


def _behind_s(ours: PartitionEnd, copy: PartitionEnd | None) -> float | None:
    """How much older the newest record of the copy is; nothing when it has none of what there is."""
    if ours.newest_s is None:
        return 0.0
    return None if copy is None or copy.newest_s is None else max(0.0, ours.newest_s - copy.newest_s)
