"""The AWS module with the real provider against moto: planned, held to the policy, applied, destroyed, and proved gone by its tags."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.tagged_aws import tagged_in_aws
from drill.adapters.terraform import TerraformCli
from drill.model.errors import Fatal, StepError
from drill.model.ports import World
from drill.steps.terraform_apply import TerraformApply, TerraformApplyParams
from drill.steps.terraform_destroy import TerraformDestroy, TerraformDestroyParams
from tests.adapters.terraform_place import PROJECT
from tests.clouds.aws_provider import OVERRIDE, provider_mirror, share_plugins
from tests.fakes import FakeAttempt, FakeClock, FakeGround, fake_world

REGION = "ap-southeast-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing-key-id", "AWS_SECRET_ACCESS_KEY": "testing-secret"}
TAGS = {"drill-id": FakeAttempt.drill, "drill-step": "phase.step"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def clients(url: str) -> AwsClients:
    return AwsClients(REGION, lambda _service: url)


def test_everything_that_carries_the_tags_is_found_and_nothing_that_has_ended(cloud: str) -> None:
    made = clients(cloud)
    both = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    ec2, iam, elb = made.of("ec2"), made.of("iam"), made.of("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": both}])["Vpc"]["VpcId"]
    ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": both[:1]}])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    balancer = elb.create_load_balancer(Name="drill", Subnets=[subnet], Type="network", Tags=both)["LoadBalancers"][0]["LoadBalancerArn"]
    role = iam.create_role(RoleName="app", Path="/drill/", AssumeRolePolicyDocument="{}", Tags=both)["Role"]["Arn"]
    iam.create_role(RoleName="other", Path="/drill/", AssumeRolePolicyDocument="{}")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    tagged = [{"ResourceType": "instance", "Tags": both}]
    machines = [ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tagged)["Instances"][0] for _ in range(2)]
    alive, over = (machine["InstanceId"] for machine in machines)
    gone = ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": both}])["AllocationId"]
    ec2.release_address(AllocationId=gone)
    ec2.terminate_instances(InstanceIds=[over])

    assert sorted(tagged_in_aws(made, TAGS)) == sorted([vpc, balancer, role, alive])


def test_a_provider_that_does_not_answer_is_one_of_our_errors() -> None:
    with pytest.raises(StepError, match="A"):
        tagged_in_aws(AwsClients(REGION, lambda _service: "http://127.0.0.1:9"), TAGS)


@pytest.fixture
def place(tmp_path: Path, cloud: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose Terraform is real, and whose provider is real too but talks to the emulator."""
    monkeypatch.setenv("DRILL_TERRAFORM_MIRROR", str(provider_mirror()))
    shutil.copytree(PROJECT / "terraform/sites/aws", tmp_path / "aws")
    (tmp_path / "aws/emulator_override.tf").write_text(OVERRIDE.format(endpoint=cloud))
    share_plugins(tmp_path / "home")
    scans = {"aws": lambda region, tags: tagged_in_aws(AwsClients(region, lambda _service: cloud), tags)}
    cli = TerraformCli(tmp_path / "home", tmp_path, "test-aws-module", KEYS, scans=scans)
    ground = FakeGround({"standby": {"provider": "aws", "region": REGION}, "elsewhere": {"provider": "aws", "region": "eu-west-1"}})
    return fake_world(terraform=cli, ground=ground, clock=FakeClock())


def params(cloud: str, **more: Any) -> TerraformApplyParams:
    image = boto3.client("ec2", endpoint_url=cloud, region_name=REGION).describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    variables = {"region": REGION, "image": image, "clients": ["198.51.100.0/24"], **more.pop("variables", {})}
    return TerraformApplyParams(module="aws", variables=variables, **more)


@pytest.mark.sweep
def test_the_module_is_planned_applied_destroyed_and_proved_gone_and_keeps_what_was_taken_over(place: World, cloud: str) -> None:
    secrets = ["arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:app"]
    attempt, asked = FakeAttempt(), params(cloud, variables={"port": 443, "secrets": secrets})

    effects = TerraformApply().preview(asked, place)
    outputs = TerraformApply().run(asked, place, attempt)
    there = tagged_in_aws(clients(cloud), TAGS)
    tagging = clients(cloud).of("ec2")
    tagging.create_tags(Resources=[outputs["instance_ids"][0]], Tags=[{"Key": "drill-id", "Value": "another"}])
    with pytest.raises(Fatal, match=r"aws_instance\.app\[0\]: it would delete what carries drill-id = 'another' \[own\]"):
        TerraformDestroy().run(TerraformDestroyParams(of=attempt.step), place, attempt)
    drifted = place.terraform.plan(asked.workspace(attempt.drill, attempt.step)).drift
    tagging.create_tags(Resources=[outputs["instance_ids"][0]], Tags=[{"Key": "drill-id", "Value": attempt.drill}])
    gone = TerraformDestroy().run(TerraformDestroyParams(of=attempt.step), place, attempt)

    assert ("aws_instance.app[0]", "update") in drifted
    ours = {"drill": "allowed", "drill-id": "preview", "drill-step": "preview"}
    assert all(ours.items() <= effect.tags.items() for effect in effects if effect.tags)
    assert {effect.target for effect in effects} >= {"standby/aws_instance.app[0]", "standby/aws_lb.site", "standby/policy"}
    assert (len(outputs["instance_ids"]), len(outputs["addresses"])) == (2, 2)
    assert re.fullmatch(r"https://.*:443/health", outputs["health_url"])
    assert {*outputs["instance_ids"]} <= {*there}
    assert [name for name in there if ":role/drill/" in name]
    assert (gone["destroyed"], gone["count"]) == (outputs["created"], outputs["count"])
    assert attempt.said[-1][0] == "the provider knows of nothing that carries the drill's tags"
    assert tagged_in_aws(clients(cloud), TAGS) == []
    assert TerraformApply().leftovers(asked, place, attempt.drill, attempt.step) == []


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("variables", "site", "words"),
    [
        (
            {"port": 5432, "clients": ["0.0.0.0/0"]},
            "standby",
            r"aws_security_group\.app: port 5432 \(PostgreSQL\) is open to .*\[doors\]",
        ),
        ({"tags": {"team": "sre"}}, "standby", r"aws_vpc\.site: it would not carry the opt-in tag drill = 'allowed' \[tags\]"),
        ({}, "elsewhere", r"aws works in ap-southeast-1, the site is eu-west-1 \[place\]"),
    ],
)
def test_a_plan_of_the_real_provider_that_breaks_a_rule_builds_nothing(
    place: World, cloud: str, variables: dict[str, Any], site: str, words: str
) -> None:
    with pytest.raises(Fatal, match=words) as caught:
        TerraformApply().run(params(cloud, variables=variables, site=site), place, FakeAttempt())

    assert caught.value.code == "A246"
    assert tagged_in_aws(clients(cloud), TAGS) == []
