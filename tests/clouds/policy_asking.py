"""Writes down what the SDKs of both clouds are asked for, as the actions of policies, and judges a policy document about a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from botocore.client import BaseClient

from drill.adapters.outage_aliyun_calls import AliyunCalls


@contextmanager
def asked_of_aws() -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """Every call of boto3 in this process, as action and arguments."""
    made: list[tuple[str, Mapping[str, Any]]] = []
    plain = BaseClient._make_api_call

    def seen(self: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
        service = {"tagging": "tag"}.get(name := self.meta.service_model.signing_name, name)
        made.append((f"{service}:{operation}", arguments))
        return plain(self, operation, arguments)

    BaseClient._make_api_call = seen
    try:
        yield made
    finally:
        BaseClient._make_api_call = plain


@contextmanager
def asked_of_aliyun() -> Iterator[list[str]]:
    """Every call of outages in this process, as action."""
    made: list[str] = []
    plain = AliyunCalls._send

    def seen(self: AliyunCalls, product: str, action: str, query: dict[str, Any]) -> Mapping[str, Any]:
        made.append(f"{product}:{action}")
        return plain(self, product, action, query)

    AliyunCalls._send = seen  # type: ignore[method-assign]
    try:
        yield made
    finally:
        AliyunCalls._send = plain  # type: ignore[method-assign]


def actions_of(document: Mapping[str, Any]) -> set[str]:
    """Every action that a policy allows."""
    return {action for row in document["Statement"] for action in row["Action"]}


def allows(document: Mapping[str, Any], action: str, resource: str, context: Mapping[str, Sequence[str]]) -> bool:
    """Whether one statement allows an action on a resource. `context` holds the values of condition keys."""
    return any(
        action in row["Action"] and _names(row["Resource"], resource) and _holds(row.get("Condition", {}), context)
        for row in document["Statement"]
    )


def _names(written: str | Sequence[str], resource: str) -> bool:
    return any(fnmatchcase(resource, pattern) for pattern in ([written] if isinstance(written, str) else written))


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, Sequence[str]]) -> bool:
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            values = list(context.get(key, ()))
            if operator == "StringEquals" and not (values and values[0] in ([wanted] if isinstance(wanted, str) else wanted)):
                return False
            if operator == "ForAllValues:StringEquals" and not set(values) <= set(wanted):
                return False
            if operator == "Null" and (wanted == "true") != (not values):
                return False
    return True
