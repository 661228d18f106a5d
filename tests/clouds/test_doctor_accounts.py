"""The doctor's looks at real SDKs: AWS in moto, Alibaba Cloud in the signed emulator; nothing is written, no vendor error escapes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs

import boto3
import pytest
from moto import mock_aws

from drill.adapters.doctor_aliyun import AliyunLooks
from drill.adapters.doctor_aws import AwsLooks
from drill.adapters.doctor_clock import ahead_of_s
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.policy_rights import Condition, Right
from drill.adapters.sms_aliyun_sdk import Account as Keys
from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports_doctor import Cloud, Quota
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.ecs_account import AccountApi, StsApi
from tests.adapters.little_http import Answer, Asked, answering
from tests.clouds.policy_asking import asked_of_aws

SINGAPORE = "ap-southeast-1"
pytestmark = pytest.mark.usefixtures("no_account")


@pytest.fixture
def account() -> AccountApi:
    stock = {"ecs.g7.large": {"cn-shanghai-a": "WithStock", "cn-shanghai-b": "WithoutStock", "cn-shanghai-c": "ClosedWithStock"}}
    return AccountApi(stock=stock, processors={"ecs.g7.large": 2}, limit=50, used=46, images={"m-1"})


@pytest.fixture
def server(account: AccountApi) -> Iterator[AlidnsServer]:
    made = AlidnsServer([account, StsApi("drill")], {"key": "secret"})
    thread = made.start()
    yield made
    made.end()
    thread.join(10)


def aliyun(server: AlidnsServer, secret: str = "secret") -> Cloud:  # noqa: S107 - the emulator's own
    def calls(region: str) -> AliyunCalls:
        return AliyunCalls(region, lambda _product, _host: Keys(server.endpoint, "http", "key", secret), sleep=lambda _s: None)

    return AliyunLooks("cn-shanghai", calls, clock=f"http://{server.endpoint}")


@dataclass(frozen=True)
class Account:
    """One cloud's account: a region of it, a type of machine with the processors of one, images that it sees and does not see."""

    cloud: Cloud
    region: str
    kind: str
    each: int
    images: tuple[str, str]
    unknown: str


@pytest.fixture(params=["aws", "aliyun"])
def seen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Whatever is asked of it only reads."""
    if request.param == "aliyun":
        made: AlidnsServer = request.getfixturevalue("server")
        yield Account(aliyun(made), "cn-shanghai", "ecs.g7.large", 2, ("m-1", "m-2"), "ecs.unknown")
        assert all(action.startswith(("Describe", "Get")) for action in made.log)
        return
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        clients = _WithQuota(SINGAPORE)
        images = (str(clients.call("ec2", "register_image", Name="shop")["ImageId"]), "ami-00000000000000000")
        with asked_of_aws() as asked:
            yield Account(AwsLooks(SINGAPORE, lambda _region: clients), SINGAPORE, "t3.small", 2, images, "t3.unknown")
    assert all(action.partition(":")[2].startswith(("Describe", "Get")) for action, _ in asked)


def test_a_cloud_says_who_calls_and_where_it_may(seen: Account) -> None:
    assert seen.cloud.identity().partition(":")[0] in {"acs", "arn"}
    assert seen.region in seen.cloud.regions()
    assert not seen.cloud.denied([])


def test_a_type_of_machine_is_to_be_had_in_zones_of_the_region_and_an_unknown_one_nowhere(seen: Account) -> None:
    zones = seen.cloud.zones(seen.region, seen.kind)

    assert zones
    assert list(zones) == sorted(zones)
    assert all(zone.startswith(seen.region) for zone in zones)
    assert seen.cloud.zones(seen.region, seen.unknown) == []


def test_a_quota_counts_processors_and_is_none_for_a_type_that_nobody_knows(seen: Account) -> None:
    found = seen.cloud.quota(seen.region, seen.kind)

    assert (found.limit > 0, found.used >= 0, found.each) == (True, True, seen.each)
    with pytest.raises(Fatal, match="knows no type") as refused:
        seen.cloud.quota(seen.region, seen.unknown)
    assert refused.value.code == "A214"


def test_an_image_is_there_or_not(seen: Account) -> None:
    assert [seen.cloud.has_image(seen.region, image) for image in seen.images] == [True, False]


def test_what_is_in_stock_at_alibaba_cloud_counts_the_last_of_it_too(server: AlidnsServer) -> None:
    cloud = aliyun(server)

    assert cloud.zones("cn-shanghai", "ecs.g7.large") == ["cn-shanghai-a", "cn-shanghai-c"]
    assert cloud.quota("cn-shanghai", "ecs.g7.large") == Quota(50, 46, 2)
    assert abs(cloud.ahead_s()) < 3


def test_no_error_of_alibaba_clouds_sdk_escapes(server: AlidnsServer) -> None:
    with pytest.raises(Fatal, match="does not let the drill in") as refusal:
        aliyun(server, "wrong").identity()
    assert refusal.value.code == "A224"

    server.order("DescribeRegions", "unavailable", "unavailable", "unavailable", "unavailable")
    with pytest.raises(Retryable):
        aliyun(server).regions()


def test_the_quota_of_aws_counts_the_processors_that_run() -> None:
    with mock_aws():
        ec2 = boto3.client("ec2", region_name=SINGAPORE)
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        ec2.run_instances(ImageId=image, MinCount=3, MaxCount=3, InstanceType="t3.small")
        stopped = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small")["Instances"][0]["InstanceId"]
        ec2.stop_instances(InstanceIds=[stopped])
        clients = _WithQuota(SINGAPORE)

        found = AwsLooks(SINGAPORE, lambda _region: clients).quota(SINGAPORE, "t3.small")

    assert (found.limit, found.each) == (32, 2)
    assert found.used in {3, 6}  # moto counts a core of these as one processor or as two

    with pytest.raises(Fatal, match="counted apart"):
        AwsLooks(SINGAPORE, lambda _region: clients).quota(SINGAPORE, "p4d.24xlarge")


class _WithQuota(AwsClients):
    """moto knows no quota of processors."""

    def call(self, service: str, operation: str, **arguments: object) -> dict[str, object]:
        if service == "service-quotas":
            assert arguments == {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
            return {"Quota": {"Value": 32.0}}
        return dict(super().call(service, operation, **arguments))


def simulation(asked: Asked) -> Answer:
    """STS and IAM as they answer a role of which one action is denied; moto knows no simulation."""
    query = {name: values[0] for name, values in parse_qs(asked.body).items()}
    if query["Action"] == "GetCallerIdentity":
        arn = "arn:aws:sts::123456789012:assumed-role/drill/session"
        return (
            200,
            f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>",
        )
    decisions = {"ec2:StopInstances": "implicitDeny"}
    rows = "".join(
        f"<member><EvalActionName>{value}</EvalActionName><EvalDecision>{decisions.get(value, 'allowed')}</EvalDecision></member>"
        for name, value in query.items()
        if name.startswith("ActionNames.")
    )
    return 200, (
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
        f"<EvaluationResults>{rows}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )


def test_rights_of_aws_are_proved_by_its_own_simulation_of_the_role_on_resources_and_tags() -> None:
    tagged: Condition = {
        "StringEquals": {"aws:ResourceTag/drill": "allowed"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["drill-fenced"]},
    }
    right = Right("Stop", ("ec2:StartInstances", "ec2:StopInstances"), (f"arn:aws:ec2:{SINGAPORE}:*:instance/*",), tagged)

    with answering(simulation, {"Content-Type": "text/xml", "x-amzn-RequestId": "1"}) as server:
        denied = AwsLooks(SINGAPORE, lambda region: AwsClients(region, lambda _service: server.url)).denied([right])
        query = {name: values[0] for name, values in parse_qs(server.asked[-1].body).items()}

    assert denied == ["ec2:StopInstances"]
    assert query["PolicySourceArn"] == "arn:aws:iam::123456789012:role/drill"
    assert query["ResourceArns.member.1"] == f"arn:aws:ec2:{SINGAPORE}:123456789012:instance/drill-doctor"
    assert query["ContextEntries.member.1.ContextKeyName"] == "aws:ResourceTag/drill"
    assert query["ContextEntries.member.2.ContextKeyType"] == "stringList"


def test_no_error_of_awss_sdk_escapes() -> None:
    denial = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    with answering(lambda _asked: (403, denial), {"Content-Type": "text/xml"}) as server:
        cloud = AwsLooks(SINGAPORE, lambda region: AwsClients(region, lambda _service: server.url))
        with pytest.raises(StepError) as refusal:
            cloud.identity()
        assert refusal.value.code == "A224"
        with pytest.raises(StepError) as refusal:
            cloud.denied([Right("X", ("a:B",))])
        assert refusal.value.code == "A224"


@pytest.mark.parametrize("status", [200, 403, 503])
def test_the_date_of_any_answer_tells_how_far_the_clock_is_off(status: int) -> None:
    with answering(lambda _asked: (status, "")) as server:
        assert abs(ahead_of_s(server.url)) < 3


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_date_tells_nothing(monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.date_time_string", lambda _self: date)

    with answering(lambda _asked: (200, "")) as server, pytest.raises(Retryable, match="does not say what time it is"):
        ahead_of_s(server.url)


def test_a_server_whose_clock_is_ahead_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = formatdate(time.time() + 3600, usegmt=True)
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.date_time_string", lambda _self: ahead)

    with answering(lambda _asked: (200, "")) as server:
        assert -3603 < ahead_of_s(server.url) < -3597
