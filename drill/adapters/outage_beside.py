"""What carries a site's opt-in tags and no outage touches by itself: caches, buckets, queues and the like, by name for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.tagged_aliyun import tagged_in_aliyun

_AWS: Final = frozenset(
    {
        "apigateway",
        "cassandra",
        "cloudfront",
        "dynamodb",
        "ecs",
        "eks",
        "elasticache",
        "elasticfilesystem",
        "es",
        "fsx",
        "globalaccelerator",
        "kafka",
        "kinesis",
        "lambda",
        "memorydb",
        "mq",
        "redshift",
        "s3",
        "sns",
        "sqs",
    }
)
_ALIYUN: Final = frozenset(
    {
        "adb",
        "alikafka",
        "amqp",
        "cdn",
        "clickhouse",
        "cs",
        "dds",
        "elasticsearch",
        "fc",
        "ga",
        "gpdb",
        "hbase",
        "kvstore",
        "mns",
        "mq",
        "nas",
        "ons",
        "oss",
        "ots",
        "rocketmq",
    }
)
"""Services that keep something or answer somebody, so that a part of the site lives on in them. Others (keys, logs, images) are no part."""
_MOST: Final = 10


def beside_in_aws(clients: AwsClients, tags: Mapping[str, str]) -> list[str]:
    """A sentence for each service. Raises: StepError: AWS could not be asked."""
    filters = [{"Key": name, "Values": [value]} for name, value in tags.items()]
    rows = clients.every("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters)
    return _told((row["ResourceARN"] for row in rows), _AWS)


def beside_in_aliyun(calls: AliyunCalls, tags: Mapping[str, str]) -> list[str]:
    """A sentence for each service. Raises: StepError: the tag service could not be asked."""
    return _told(tagged_in_aliyun(calls, tags), _ALIYUN)


def _told(arns: Iterable[str], services: frozenset[str]) -> list[str]:
    """Both clouds write `arn:CLOUD:SERVICE:REGION:ACCOUNT:NAME`."""
    found: dict[str, list[str]] = {}
    for arn in sorted(set(arns)):
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[2] in services:
            found.setdefault(parts[2], []).append(parts[5])
    return [f"{service}, of which no outage touches anything: {_listed(names)}" for service, names in sorted(found.items())]


def _listed(names: list[str]) -> str:
    more = [f"and {len(names) - _MOST} more"] if len(names) > _MOST else []
    return ", ".join([*names[:_MOST], *more])
