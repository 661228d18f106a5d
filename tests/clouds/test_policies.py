"""Least-privilege policies: every call that the adapters make is allowed, nothing else is, and not on what did not opt in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from drill.adapters.dns_route53 import Route53Dns
from drill.adapters.outage_aliyun import DOORS
from drill.adapters.policy_aliyun import aliyun_policy
from drill.adapters.policy_aws import aws_policy
from drill.adapters.policy_rights import Needs
from drill.model.ports import RecordSet
from drill.settings import Settings
from drill.wiring.scenarios import open_scenario
from tests.adapters.alidns_place import opened_alidns, running_alidns
from tests.clouds.outage_grounds import cloud
from tests.clouds.policy_asking import actions_of, allows, asked_of_aliyun, asked_of_aws

ROOT = Path(__file__).resolve().parents[2]
AWS, ALIYUN, ACROSS = "aws-singapore-to-tokyo", "aliyun-hangzhou-to-shanghai", "aliyun-to-aws-region-outage"
SINGAPORE = "arn:aws:ec2:ap-southeast-1:123456789012"
DOCTOR = "Doctor"
pytestmark = pytest.mark.usefixtures("no_account")


def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path / "reports", ROOT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)


def needs(name: str, *sets: str) -> Needs:
    """What a shipped scenario needs, without what its modules build."""
    return Needs(open_scenario(ROOT / "scenarios" / f"{name}.yaml", sets=sets).plan)


def outage_only(granted: Mapping[str, Any]) -> set[str]:
    """Its actions without the doctor's own, and those for names, messages and tags on what is made."""
    kept = [row for row in granted["Statement"] if row["Sid"].startswith(("Isolate", "Stop"))]
    return actions_of({"Statement": kept}) - {"ec2:CreateTags"}


# ---------------------------------------------------------------- against the emulators


def isolated(method: str) -> dict[str, Any]:
    return aws_policy(needs(AWS, f"sites.primary.cut={{method: {method}}}"))


@pytest.mark.parametrize("method", ["network-acl", "security-group"])
def test_what_an_isolation_asks_of_aws_is_allowed_and_nothing_else_is(method: str) -> None:
    with cloud(f"aws:{method}") as ground, asked_of_aws() as asked:
        snapshot = ground.outage().snapshot("primary")
        ground.outage().isolate("primary", snapshot)
        ground.outage().restore("primary", snapshot)

    made = {action for action, _ in asked}
    only_if_meddled_with = {"ec2:RevokeSecurityGroupIngress"}
    assert made <= outage_only(isolated(method))
    assert outage_only(isolated(method)) - made <= only_if_meddled_with


def test_what_a_stop_asks_of_aws_is_allowed_and_nothing_else_is() -> None:
    swapped = "phases.outage.steps.blackhole={outage.stop: {site: primary}}"
    granted = aws_policy(needs(AWS, swapped))
    with cloud("aws:stop") as ground, asked_of_aws() as asked:
        snapshot = ground.outage().snapshot("primary")
        ground.outage().isolate("primary", snapshot)
        ground.outage().restore("primary", snapshot)

    assert {action for action, _ in asked} == outage_only(granted)


def test_what_an_outage_asks_of_alibaba_cloud_is_allowed_and_nothing_else_is() -> None:
    for method, step in (("security-group", "outage.isolate"), ("stop", "outage.stop")):
        granted = aliyun_policy(
            needs(ALIYUN, f"phases.outage.steps.blackhole={{{step}: {{site: primary}}}}", "phases.data.steps.fence.skip=true")
        )
        with cloud(f"aliyun:{method}") as ground, asked_of_aliyun() as asked:
            snapshot = ground.outage().snapshot("primary")
            ground.outage().isolate("primary", snapshot)
            ground.outage().restore("primary", snapshot)
        allowed = {action for action in actions_of(granted) if action.startswith(("ecs:", *(f"{door}:" for door in (*DOORS, "tag"))))}

        assert set(asked) <= allowed
        fence = {"ecs:StartInstances", "ecs:StopInstances", "ecs:TagResources", "ecs:UntagResources"}
        looks = {f"ecs:Describe{name}" for name in ("AccountAttributes", "AvailableResource", "Images", "InstanceTypes", "Regions")}
        looks |= {"tag:ListTagResources"} if method == "stop" else set()  # of a rebuild
        assert allowed - set(asked) <= fence | looks


@pytest.fixture
def zone() -> Iterator[str]:
    with mock_aws():
        client = boto3.client("route53", region_name="us-east-1")
        made = client.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        for name in ("shop.example.com", "other.example.com"):
            record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.30"}]}
            client.change_resource_record_sets(
                HostedZoneId=made, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
            )
        yield str(made).rpartition("/")[2]


def changes(asked: list[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Each call to Route 53 with the values of its condition keys, as the service fills them in."""
    for action, arguments in asked:
        rows = [row["ResourceRecordSet"] for row in arguments.get("ChangeBatch", {}).get("Changes", [])]
        names = [str(row["Name"]).rstrip(".").lower() for row in rows]
        context = {"Names": names, "Types": [row["Type"] for row in rows]}
        yield (
            action,
            {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": context["Names"],
                "route53:ChangeResourceRecordSetsRecordTypes": context["Types"],
            },
        )


def test_a_switch_of_the_plans_name_is_allowed_and_one_of_another_name_in_its_zone_is_not(zone: str) -> None:
    granted = aws_policy(needs(AWS))
    resource = f"arn:aws:route53:::hostedzone/{zone}"

    def verdicts(name: str) -> dict[str, bool]:
        with asked_of_aws() as asked:
            dns = Route53Dns(None, "us-east-1", "none", "none", [("127.0.0.1", 53)])
            before = dns.read(name)
            dns.swap(before, RecordSet(name, "A", 60, ("198.51.100.30",)))
        return {action: allows(granted, action, resource, context) for action, context in changes(asked)}

    assert all(verdicts("shop.example.com").values())
    assert verdicts("other.example.com")["route53:ChangeResourceRecordSets"] is False


def test_what_alidns_is_asked_is_allowed(tmp_path: Path) -> None:
    granted = aliyun_policy(needs(ACROSS, "zones.example.com={provider: alidns}"))
    with running_alidns({"drill.test": 1}, {"shop.drill.test": ["192.0.2.10"]}) as server:
        dns = opened_alidns(server, tmp_path)
        before = dns.read("shop.drill.test")
        dns.swap(before, RecordSet("shop.drill.test", "A", 60, ("198.51.100.10",)))
        dns.facts("shop.drill.test")

    assert {f"alidns:{action}" for action in server.log} <= actions_of(granted)


# ---------------------------------------------------------------- what they keep out


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:StopInstances", f"{SINGAPORE}:instance/i-1"),
        ("ec2:ReplaceNetworkAclAssociation", f"{SINGAPORE}:subnet/subnet-1"),
        ("rds:ModifyDBInstance", "arn:aws:rds:ap-southeast-1:123456789012:db:orders"),
        ("rds:ModifyDBCluster", "arn:aws:rds:ap-southeast-1:123456789012:cluster:orders"),
        ("elasticloadbalancing:SetSecurityGroups", "arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:loadbalancer/net/shop/1"),
    ],
)
def test_nothing_without_the_opt_in_tag_or_in_another_region_may_be_cut(action: str, resource: str) -> None:
    granted = aws_policy(needs(AWS, "phases.outage.steps.stop={outage.stop: {site: primary}}"))
    opted_in = {"aws:ResourceTag/drill": ["allowed"]}

    assert allows(granted, action, resource, opted_in)
    assert not allows(granted, action, resource, {})
    assert not allows(granted, action, resource, {"aws:ResourceTag/drill": ["forbidden"]})
    assert not allows(granted, action, resource.replace("ap-southeast-1", "eu-west-1"), opted_in)


def test_a_fence_may_write_its_own_tag_and_no_other() -> None:
    granted = aws_policy(needs(AWS))
    machine, opted_in = f"{SINGAPORE}:instance/i-1", {"aws:ResourceTag/drill": ["allowed"]}

    assert allows(granted, "ec2:CreateTags", machine, {**opted_in, "aws:TagKeys": ["drill-fenced"]})
    assert not allows(granted, "ec2:CreateTags", machine, {**opted_in, "aws:TagKeys": ["drill"]})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ecs:StopInstances", "acs:ecs:cn-hangzhou:1234567890123456:instance/i-1"),
        ("slb:StopLoadBalancerListener", "acs:slb:cn-hangzhou:1234567890123456:loadbalancer/lb-1"),
        ("alb:StopListener", "acs:alb:cn-hangzhou:1234567890123456:loadbalancer/alb-1"),
        ("nlb:StopListener", "acs:nlb:cn-hangzhou:1234567890123456:loadbalancer/nlb-1"),
        ("rds:ModifySecurityIps", "acs:rds:cn-hangzhou:1234567890123456:dbinstance/rm-1"),
        ("polardb:ModifyDBClusterAccessWhitelist", "acs:polardb:cn-hangzhou:1234567890123456:dbcluster/pc-1"),
    ],
)
def test_nothing_of_alibaba_cloud_without_the_opt_in_tag_may_be_stopped_or_shut(action: str, resource: str) -> None:
    granted = aliyun_policy(needs(ALIYUN))

    assert allows(granted, action, resource, {"acs:ResourceTag/drill": ["allowed"]})
    assert not allows(granted, action, resource, {})
    assert not allows(granted, action, resource.replace("cn-hangzhou", "cn-beijing"), {"acs:ResourceTag/drill": ["allowed"]})


def test_doors_that_a_site_leaves_out_are_not_in_its_policy() -> None:
    actions = actions_of(aliyun_policy(needs(ALIYUN, "sites.primary.cut={doors: [slb]}")))

    assert {action.partition(":")[0] for action in actions} & {"slb", "alb", "nlb", "rds", "polardb"} == {"slb"}


def test_messages_and_the_queue_of_answers_are_in_the_policy() -> None:
    abroad = "messages.sms.abroad={provider: aws, region: ap-southeast-1, replies: 'secret:REPLIES'}"
    asked = needs(AWS, abroad)
    plan = Needs(asked.plan, queues={"secret:REPLIES": "https://sqs.ap-southeast-1.amazonaws.com/123456789012/replies"})
    granted = aws_policy(plan)

    assert allows(granted, "sms-voice:SendTextMessage", "*", {"aws:RequestedRegion": ["ap-southeast-1"]})
    assert allows(granted, "sqs:ReceiveMessage", "arn:aws:sqs:ap-southeast-1:123456789012:replies", {})
    assert not allows(granted, "sqs:ReceiveMessage", "arn:aws:sqs:ap-southeast-1:123456789012:orders", {})
    assert {"dysms:SendSms", "dybase:QueryTokenForMnsQueue"} <= actions_of(aliyun_policy(plan))
    assert "dybase:QueryTokenForMnsQueue" not in actions_of(aliyun_policy(needs(ALIYUN, "messages.sms.inbound=push")))


def test_a_lever_may_move_what_the_zone_names_and_nothing_beside_it() -> None:
    arn = "arn:aws:route53-recovery-control::123456789012:controlpanel/p/routingcontrol/%s"
    written = {"shop.example.com": {"check": "check-1", "primary": "primary", "standby": "standby"}}
    written["api.example.com"] = {"controls": {"primary": arn % "a", "standby": arn % "b"}, "endpoints": {}}  # type: ignore[dict-item]
    granted = aws_policy(needs(AWS, f"zones.example.com={json.dumps({'provider': 'route53', 'levers': written})}"))

    assert allows(granted, "route53:UpdateHealthCheck", "arn:aws:route53:::healthcheck/check-1", {})
    assert not allows(granted, "route53:UpdateHealthCheck", "arn:aws:route53:::healthcheck/check-2", {})
    assert allows(granted, "route53-recovery-cluster:UpdateRoutingControlStates", arn % "a", {})
    assert not allows(granted, "route53-recovery-cluster:UpdateRoutingControlStates", arn % "c", {})


@pytest.mark.parametrize(
    ("name", "managed", "restart"), [(AWS, "rds", "rds:RebootDBInstance"), (ALIYUN, "aliyun_rds", "rds:RestartDBInstance")]
)
def test_the_fence_of_a_managed_database_may_restart_it_and_stop_no_machine(name: str, managed: str, restart: str) -> None:
    make, stop = (aws_policy, "ec2:StopInstances") if name == AWS else (aliyun_policy, "ecs:StopInstances")
    machines, database = actions_of(make(needs(name))), actions_of(make(needs(name, f"sites.primary.database.managed={managed}")))

    assert (stop in machines, restart in machines) == (True, False)
    assert (stop in database, restart in database) == (False, True)


def test_an_experiment_may_be_started_from_the_sites_own_template_only() -> None:
    sets = ["phases.outage.steps.blackhole={outage.fis: {site: primary}}", "sites.primary.cut={fis: EXT1}"]
    granted = aws_policy(needs(AWS, *sets))

    assert allows(granted, "fis:StartExperiment", "arn:aws:fis:ap-southeast-1:123456789012:experiment-template/EXT1", {})
    assert not allows(granted, "fis:StartExperiment", "arn:aws:fis:ap-southeast-1:123456789012:experiment-template/EXT2", {})
