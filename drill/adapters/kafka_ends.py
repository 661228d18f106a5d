"""Asks a Kafka cluster where its partitions end and what a group has read, without joining the group or committing anything."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports import KafkaAccess, PartitionEnd

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition

_REFUSALS: Final = ("AUTHENTICATION", "AUTHENTICATION_FAILED", "AUTHORIZATION_FAILED", "TOPIC_EXCEPTION", "INVALID_GROUP_ID")
"""How the names of errors end that no second try mends."""
_ABSENT: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})
_NOBODY: Final = "drill-looks-only"
_LOG: Final = logging.getLogger(__name__)


class KafkaEnds:
    """Ends of partitions (port Queues)."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values

    def ends(self, access: KafkaAccess, topics: Sequence[str], *, group: str, newest: bool, timeout_s: float) -> list[PartitionEnd] | None:
        try:
            from confluent_kafka import Consumer, KafkaException
        except ImportError as error:
            fix = "Install it: pip install 'dr-drill[kafka]'."
            raise Fatal("there is no Kafka client here.", code="A289", fix=fix) from error
        settings = {
            "log_level": 0,
            "socket.timeout.ms": 5000,
            **self._values.filled_all(access.settings),
            "bootstrap.servers": access.bootstrap,
            "group.id": group or _NOBODY,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
        }
        until_s = time.monotonic() + timeout_s
        try:
            consumer = Consumer(settings, logger=_LOG)
        except (KafkaException, ValueError, TypeError) as error:
            raise Fatal(f"the Kafka settings are not right: {error}.", code="A288", fix="Correct them in the scenario.") from error
        try:
            return [row for topic in topics for row in _topic(consumer, topic, group=group, newest=newest, until_s=until_s)]
        except KafkaException as error:
            raise self._translated(error, access) from error
        finally:
            consumer.close()

    def _translated(self, error: Exception, access: KafkaAccess) -> StepError:
        cause: Any = error.args[0] if error.args else None
        name = cause.name() if cause is not None and hasattr(cause, "name") else type(error).__name__
        words = self._values.hidden(cause.str() if cause is not None and hasattr(cause, "str") else str(error))
        if name.endswith(_REFUSALS) or name in _ABSENT:
            return Fatal(f"Kafka at {access.bootstrap} refuses: {words}.", code="A288", fix="Correct topic, credentials or rights.")
        fix = "See that it is up and can be reached from here."
        return Retryable(f"Kafka at {access.bootstrap} gives no answer: {words}.", code="A182", fix=fix)


def _topic(consumer: Consumer, topic: str, *, group: str, newest: bool, until_s: float) -> list[PartitionEnd]:
    from confluent_kafka import KafkaException, TopicPartition

    found = consumer.list_topics(topic, timeout=_left(until_s)).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    places = [TopicPartition(topic, number) for number in sorted(found.partitions)]
    read = _read_up_to(consumer, places, until_s=until_s) if group else {}
    rows = []
    for place in places:
        low, high = consumer.get_watermark_offsets(place, timeout=_left(until_s))
        committed = read.get(place.partition, -1)
        newest_s = _newest_s(consumer, topic, place.partition, span=(low, high), until_s=until_s) if newest else None
        rows.append(PartitionEnd(topic, place.partition, high, newest_s, committed if committed >= 0 else None))
    return rows


def _read_up_to(consumer: Consumer, places: Sequence[TopicPartition], *, until_s: float) -> dict[int, int]:
    """The next offset that the group reads, by partition. A partition that cannot be told of is no partition that nobody has read."""
    from confluent_kafka import KafkaException

    rows = consumer.committed(list(places), timeout=_left(until_s))
    for row in rows:
        if row.error is not None:
            raise KafkaException(row.error)
    return {row.partition: row.offset for row in rows}


def _newest_s(consumer: Consumer, topic: str, partition: int, *, span: tuple[int, int], until_s: float) -> float | None:
    """When the newest record was made; the offset before the end may be a transaction's mark, so it is looked for a little before."""
    from confluent_kafka import KafkaException, TopicPartition

    low, high = span
    if high <= low:
        return None
    found: float | None = None
    consumer.assign([TopicPartition(topic, partition, max(low, high - 3))])
    try:
        while (found is None or consumer.position([TopicPartition(topic, partition)])[0].offset < high) and time.monotonic() < until_s:
            message = consumer.poll(0.2)
            if message is None:
                if found is not None:
                    break
                continue
            if message.error():
                raise KafkaException(message.error())
            found = message.timestamp()[1] / 1000
    finally:
        consumer.unassign()
    return found


def _left(until_s: float) -> float:
    """Seconds that are left, never none: no time at all means for ever to the client."""
    return max(0.1, until_s - time.monotonic())
