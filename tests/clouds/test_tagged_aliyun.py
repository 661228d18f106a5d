"""What carries a drill's tags at Alibaba Cloud, through the SDK against a signed emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.sms_aliyun_sdk import Account
from drill.adapters.tagged_aliyun import tagged_in_aliyun
from drill.model.errors import Fatal, Retryable, StepError
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.tag_api import TagApi

TAGS = {"drill-id": "d1", "drill-step": "rebuild.capacity"}
REGION = "cn-shanghai"


@pytest.fixture
def api() -> TagApi:
    return TagApi(REGION, page=2)


@pytest.fixture
def server(api: TagApi) -> Iterator[AlidnsServer]:
    server = AlidnsServer([api], {"testing": "testing-secret"})
    server.start()
    yield server
    server.end()


def calls(server: AlidnsServer, key: str = "testing", region: str = REGION) -> AliyunCalls:
    return AliyunCalls(region, lambda _product, _host: Account(server.endpoint, "http", key, "testing-secret"), sleep=lambda _s: None)


def test_everything_that_carries_all_of_the_tags_is_found_over_all_pages(api: TagApi, server: AlidnsServer) -> None:
    ours = [f"arn:acs:ecs:{REGION}:1:instance/i-{number}" for number in range(5)]
    api.resources = {arn: {**TAGS, "drill": "allowed"} for arn in ours}
    api.resources[f"arn:acs:vpc:{REGION}:1:vpc/vpc-1"] = {"drill-id": "d1"}

    assert tagged_in_aliyun(calls(server), TAGS) == ours
    assert server.log == ["ListTagResources"] * 3


def test_a_service_that_is_busy_is_asked_again(api: TagApi, server: AlidnsServer) -> None:
    api.resources = {"arn:acs:vpc:cn-shanghai:1:vpc/vpc-1": TAGS}
    server.order("ListTagResources", "throttled", "unavailable")

    assert tagged_in_aliyun(calls(server), TAGS) == [*api.resources]


def test_no_error_of_the_sdk_gets_out(server: AlidnsServer) -> None:
    with pytest.raises(Fatal, match="A224"):
        tagged_in_aliyun(calls(server, "another-key"), TAGS)
    with pytest.raises(StepError, match="A222"):
        tagged_in_aliyun(calls(server, region="cn-beijing"), TAGS)
    server.end()
    with pytest.raises(Retryable, match="A124"):
        tagged_in_aliyun(calls(server), TAGS)
