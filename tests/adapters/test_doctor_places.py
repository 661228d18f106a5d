"""Places: what an address or a resource name says about the region it stands in, and the machine's own region from its cloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.doctor_metadata import own_place
from drill.adapters.doctor_places import Place, places_in
from tests.adapters.little_http import Answer, Asked, answering

NOWHERE = ("127.0.0.1", 9)


@pytest.mark.parametrize(
    ("text", "provider", "region"),
    [
        ("https://sqs.ap-southeast-1.amazonaws.com/123456789012/replies", "aws", "ap-southeast-1"),
        ("shop.abc123.eu-west-1.rds.amazonaws.com", "aws", "eu-west-1"),
        ("123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/shop:3", "aws", "us-gov-west-1"),
        ("https://drill-state.s3-ap-northeast-1.amazonaws.com/x", "aws", "ap-northeast-1"),
        ("ec2.cn-north-1.amazonaws.com.cn", "aws", "cn-north-1"),
        ("arn:aws:kms:ap-southeast-1:123456789012:key/1", "aws", "ap-southeast-1"),
        ("1943695596114318.mns.cn-hangzhou.aliyuncs.com", "aliyun", "cn-hangzhou"),
        ("https://state.oss-cn-shanghai-internal.aliyuncs.com", "aliyun", "cn-shanghai"),
        ("registry-vpc.ap-southeast-1.aliyuncs.com/shop/web", "aliyun", "ap-southeast-1"),
        ("ecs-cn-hangzhou.aliyuncs.com", "aliyun", "cn-hangzhou"),
        ("acs:kms:cn-hangzhou:1234567890123456:key/1", "aliyun", "cn-hangzhou"),
    ],
)
def test_a_region_in_a_host_or_a_resource_name_is_found(text: str, provider: str, region: str) -> None:
    assert places_in(text) == [Place(provider, region)]


@pytest.mark.parametrize(
    "text", ["", "db.example.com", "route53.amazonaws.com", "dysmsapi.aliyuncs.com", "arn:aws:iam::123456789012:role/x"]
)
def test_what_names_no_region_has_no_place(text: str) -> None:
    assert places_in(text) == []


def test_a_host_that_only_looks_like_a_clouds_has_no_place() -> None:
    assert places_in("cn-hangzhou.aliyuncs.com.example.com and notaliyuncs.com") == []


@given(st.text())
def test_no_text_breaks_the_search(text: str) -> None:
    assert all(place.provider in {"aws", "aliyun"} and place.region for place in places_in(text))


def test_a_machine_of_aws_says_its_region_to_who_shows_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)

    def answer(asked: Asked) -> Answer:
        if asked.method == "PUT":
            return 200, "token-1"
        return (200, "eu-west-1") if asked.headers.get("x-aws-ec2-metadata-token") == "token-1" else (401, "no")

    with answering(answer) as server:
        assert own_place(("127.0.0.1", server.port), NOWHERE) == Place("aws", "eu-west-1")


def test_a_machine_of_alibaba_cloud_says_its_region() -> None:
    with answering(lambda asked: (200, "cn-hangzhou") if asked.path == "/latest/meta-data/region-id" else None) as server:
        assert own_place(NOWHERE, ("127.0.0.1", server.port)) == Place("aliyun", "cn-hangzhou")


@pytest.mark.parametrize("said", [(404, "eu-west-1"), (200, "<html>a proxy</html>"), (200, "x" * 100), (200, ""), None])
def test_a_machine_elsewhere_has_no_region(said: Answer | None) -> None:
    with answering(lambda _asked: said) as server:
        assert own_place(NOWHERE, ("127.0.0.1", server.port)) is None


def test_a_machine_that_may_not_ask_aws_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with answering(lambda _asked: (200, "eu-west-1")) as server:
        assert own_place(("127.0.0.1", server.port), NOWHERE) is None
        assert server.asked == []
