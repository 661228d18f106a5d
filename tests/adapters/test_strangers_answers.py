"""What somebody else says is no answer of a cloud: neither that nothing is there, nor that a change was made."""

from __future__ import annotations

from typing import Any

import pytest

from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import InDoubt, Retryable
from tests.adapters.loopback import say, serving

PAGE = b"<html><body><p>Welcome to this network</p></body></html>"
MODIFY = {"DBInstanceIdentifier": "db1", "VpcSecurityGroupIds": ["sg-1"], "ApplyImmediately": True}
CHANGES: list[tuple[str, str, dict[str, Any], bytes]] = [
    ("rds", "modify_db_instance", MODIFY, PAGE),
    ("elbv2", "set_security_groups", {"LoadBalancerArn": "arn:aws:lb", "SecurityGroups": ["sg-1"]}, PAGE),
    ("ec2", "stop_instances", {"InstanceIds": ["i-1"]}, PAGE),
    ("fis", "stop_experiment", {"id": "EXP1"}, b'{"experiment": {}}'),
    ("resourcegroupstaggingapi", "get_resources", {}, b'{"ResourceTagMappingList": []}'),
]


def whole(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%bConnection: close\r\n\r\n%b" % (len(body), more, body)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@pytest.mark.parametrize(("service", "operation", "arguments", "body"), CHANGES, ids=[row[1] for row in CHANGES])
def test_an_answer_without_a_request_id_is_nobody_s(service: str, operation: str, arguments: dict[str, Any], body: bytes) -> None:
    with serving(say(whole(body))) as server, pytest.raises(Retryable):
        AwsClients("eu-west-1", lambda _service: f"http://127.0.0.1:{server.port}").call(service, operation, **arguments)


def test_an_answer_with_its_request_id_is_taken() -> None:
    body = b'{"ResourceTagMappingList": []}'

    with serving(say(whole(body, b"x-amzn-RequestId: 7f\r\n"))) as server:
        clients = AwsClients("eu-west-1", lambda _service: f"http://127.0.0.1:{server.port}")
        found = clients.call("resourcegroupstaggingapi", "get_resources")

    assert found["ResourceTagMappingList"] == []


def test_alibaba_cloud_numbers_its_answers_too() -> None:
    with serving(say(whole(b"{}", b"Content-Type: application/json\r\n"))) as server:
        account = Account(f"127.0.0.1:{server.port}", "http", "key", "secret", 500, 500)
        calls = AliyunCalls("cn-hangzhou", lambda _product, _host: account, sleep=lambda _s: None)
        with pytest.raises(Retryable):
            calls.read("ecs", "DescribeSecurityGroups", {"RegionId": "cn-hangzhou"})
        with pytest.raises(InDoubt):
            calls.write("ecs", "StopInstances", {"InstanceId.1": "i-1"})
