"""No vendor's error gets out of the adapters of outages: each becomes one of ours, that says whether trying again can help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import exceptions as vendor

from drill.adapters.outage_aliyun import AliyunSite, aliyun_outage
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws import AwsSite, aws_outage
from drill.adapters.outage_aws_client import AwsClients, translate
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import Outage
from drill.sandbox.alidns_http import Fault
from tests.adapters.loopback import say, serving
from tests.adapters.pg_pair import free_port
from tests.clouds.outage_aliyun_site import Aliyun
from tests.clouds.outage_calls import CAP, OPT_IN

GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>proxy</html>ok"
ENTRIES: list[Callable[[Outage], object]] = [
    lambda outage: outage.preview("primary"),
    lambda outage: outage.snapshot("primary"),
    lambda outage: outage.isolated("primary"),
    lambda outage: outage.restore("primary", {"method": "x", "parts": []}),
]


def aws_at(endpoint: str) -> Outage:
    return aws_outage({"primary": AwsSite("ap-southeast-1", OPT_IN, CAP)}, lambda region: AwsClients(region, lambda _service: endpoint))


def aliyun_at(endpoint: str, signed_with: str = "secret") -> Outage:
    def calls(region: str) -> AliyunCalls:
        return AliyunCalls(region, lambda _product, _host: Account(endpoint, "http", "key", signed_with, 500, 500), sleep=lambda _s: None)

    return aliyun_outage({"primary": AliyunSite("cn-hangzhou", OPT_IN, CAP)}, calls)


@pytest.fixture
def cloud() -> Iterator[Aliyun]:
    made = Aliyun("security-group")
    made.server.start()
    try:
        yield made
    finally:
        made.server.end()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.mark.parametrize("entry", ENTRIES, ids=["preview", "snapshot", "isolated", "restore"])
@pytest.mark.parametrize("cloud_at", [lambda port: aws_at(f"http://127.0.0.1:{port}"), lambda port: aliyun_at(f"127.0.0.1:{port}")])
def test_a_cloud_that_cannot_be_reached_may_be_tried_again(entry: Callable[[Outage], object], cloud_at: Callable[[int], Outage]) -> None:
    with pytest.raises(Retryable) as failed:
        entry(cloud_at(free_port()))

    assert failed.value.code == "A124"


@pytest.mark.parametrize("cloud_at", [lambda port: aws_at(f"http://127.0.0.1:{port}"), lambda port: aliyun_at(f"127.0.0.1:{port}")])
def test_an_answer_that_is_none_of_the_clouds_becomes_one_of_our_errors(cloud_at: Callable[[int], Outage]) -> None:
    with serving(say(GARBAGE)) as server, pytest.raises(StepError):
        cloud_at(server.port).preview("primary")


def refusal(code: str, status: int = 400) -> vendor.ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "in its words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return vendor.ClientError(answer, "StopInstances")


@pytest.mark.parametrize(
    ("error", "sort", "code"),
    [
        (refusal("UnauthorizedOperation", 403), Fatal, "A224"),
        (refusal("ExpiredToken"), Fatal, "A224"),
        (vendor.NoCredentialsError(), Fatal, "A224"),
        (refusal("InvalidInstanceID.NotFound"), Fatal, "A214"),
        (refusal("DBInstanceNotFound", 404), Fatal, "A214"),
        (refusal("RequestLimitExceeded", 503), Retryable, "A124"),
        (refusal("IncorrectInstanceState"), Retryable, "A124"),
        (refusal("InternalError", 500), Retryable, "A124"),
        (vendor.EndpointConnectionError(endpoint_url="https://ec2"), Retryable, "A124"),
        (vendor.ReadTimeoutError(endpoint_url="https://ec2"), Retryable, "A124"),
        (refusal("UnsupportedOperation"), Fatal, "A222"),
        (vendor.ParamValidationError(report="bad"), Fatal, "A222"),
    ],
)
def test_what_aws_says_is_told_in_our_words(error: Exception, sort: type[StepError], code: str) -> None:
    ours = translate(error, "stop_instances")

    assert (type(ours) if code != "A214" else Fatal, ours.code) == (sort, code)
    assert ours.fix


def test_without_credentials_aws_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    boto3.DEFAULT_SESSION = None

    with pytest.raises(Fatal) as refused:
        aws_at(f"http://127.0.0.1:{free_port()}").preview("primary")

    assert refused.value.code == "A224"


@pytest.mark.parametrize("fault", ["throttled", "unavailable", "lost", "garbage"])
def test_a_read_of_alibaba_that_stumbles_once_is_repeated(cloud: Aliyun, fault: Fault) -> None:
    cloud.server.order("DescribeInstances", fault)

    assert len(cloud.outage().preview("primary")) > 0


@pytest.mark.parametrize("fault", ["lost", "garbage"])
def test_a_change_whose_answer_was_lost_is_read_back_and_not_repeated(cloud: Aliyun, fault: Fault) -> None:
    cloud.server.order("ModifyInstanceAttribute", fault)
    outage = cloud.outage()

    outage.isolate("primary", outage.snapshot("primary"))

    assert cloud.server.log.count("ModifyInstanceAttribute") == len(cloud.machines)


def test_a_change_that_was_not_even_carried_out_is_in_doubt_until_it_is_tried_again(cloud: Aliyun) -> None:
    cloud.server.order("ModifyInstanceAttribute", "gone")
    outage = cloud.outage()
    snapshot = outage.snapshot("primary")

    with pytest.raises(InDoubt) as doubt:
        outage.isolate("primary", snapshot)
    assert doubt.value.code == "A350"
    outage.isolate("primary", snapshot)

    assert outage.preview("primary") == []


def test_a_throttled_change_may_be_tried_again(cloud: Aliyun) -> None:
    cloud.server.order("CreateSecurityGroup", "throttled")
    outage = cloud.outage()

    with pytest.raises(Retryable) as failed:
        outage.isolate("primary", outage.snapshot("primary"))

    assert failed.value.code == "A124"


def test_a_wrong_key_is_told_and_no_secret_with_it(cloud: Aliyun) -> None:
    with pytest.raises(Fatal) as refused:
        aliyun_at(cloud.server.endpoint, signed_with="wrong-secret").preview("primary")

    assert refused.value.code == "A224"
    assert "wrong-secret" not in str(refused.value)


def test_signed_calls_are_never_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(Fatal) as refused:
        aliyun_at("ecs.example.com").preview("primary")

    assert refused.value.code == "A224"


def test_a_machine_that_the_cloud_would_not_stop_is_found_before_any_is_stopped() -> None:
    made = Aliyun("stop")
    made.server.start()
    try:
        made.ecs.machines[made.machines[2]].locked = "InstanceLockedForSecurity"
        outage = made.outage()

        with pytest.raises(Fatal) as refused:
            outage.isolate("primary", outage.snapshot("primary"))

        assert refused.value.code == "A222"
        assert {machine.status for machine in made.ecs.machines.values()} == {"Running"}
    finally:
        made.server.end()


def test_a_stop_always_goes_on_being_paid_for_so_that_the_machine_is_there_to_start(cloud: Aliyun) -> None:
    cloud.method = "stop"
    outage = cloud.outage()

    outage.isolate("primary", outage.snapshot("primary"))

    assert {cloud.ecs.machines[machine].stopped_mode for machine in cloud.machines} == {"KeepCharging"}


def test_more_machines_than_one_page_are_all_found(cloud: Aliyun) -> None:
    cloud.grow(210)

    assert len([effect for effect in cloud.outage().preview("primary") if effect.target.startswith("primary/i-")]) == 213
