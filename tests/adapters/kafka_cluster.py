"""A broker that Kafka's own client library carries for tests: the wire is real."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, TopicPartition

from drill.model.ports import KafkaAccess


class Cluster:
    """One broker with a topic of two partitions; it lives as long as the producer."""

    def __init__(self) -> None:
        self.producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.access = KafkaAccess(",".join(f"{row.host}:{row.port}" for row in brokers))

    def put(self, topic: str, count: int, *, at_s: float, partition: int = 0) -> None:
        for number in range(count):
            self.producer.produce(topic, f"row {number}", partition=partition, timestamp=round(at_s * 1000))
        assert self.producer.flush(10) == 0

    def read_up_to(self, topic: str, offset: int, *, group: str) -> None:
        consumer = Consumer({"bootstrap.servers": self.access.bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0})
        consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
        consumer.close()
