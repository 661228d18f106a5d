"""The rules that a Terraform plan is held to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.errors import Fatal
from drill.model.open_ports import DATA_PORTS, is_world
from drill.model.plan_policy import Bounds, bounds_of, broken_rules, refuse_broken
from drill.model.ports import TerraformChange, TerraformPlan

AWS = "registry.terraform.io/hashicorp/aws"
ALICLOUD = "registry.terraform.io/aliyun/alicloud"
OURS = {"drill": "allowed", "drill-id": "d1"}
HERE = Bounds("aws", "ap-southeast-1", "d1")


def create(kind: str = "aws_vpc", /, **after: Any) -> TerraformChange:
    return TerraformChange(f"{kind}.it", kind, ("create",), {"tags": OURS, **after}, provider=AWS)


def delete(before: dict[str, Any]) -> TerraformChange:
    return TerraformChange("aws_instance.it", "aws_instance", ("delete",), {}, before, provider=AWS)


def broken(*changes: TerraformChange, bounds: Bounds = HERE, **more: Any) -> list[tuple[str, str]]:
    plan = TerraformPlan(changes, "0" * 64, **{"regions": {"aws": HERE.region}, **more})
    return [(row.address, row.rule) for row in broken_rules(plan, bounds)]


def test_what_carries_its_tags_at_its_site_keeps_every_rule() -> None:
    ingress = [{"from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}]

    assert broken(create(), create("aws_security_group", ingress=ingress)) == []


@pytest.mark.parametrize(
    "after",
    [
        {"tags": None},
        {"tags": {"drill-id": "d1"}},
        {"tags": {"drill": "allowed"}},
        {"tags": {"drill": "allowed", "drill-id": "another"}},
        {"tags": {"drill": "no", "drill-id": "d1"}},
    ],
)
def test_whatever_takes_tags_must_carry_both(after: dict[str, Any]) -> None:
    assert ("aws_vpc.it", "tags") in broken(create(**after))


def test_the_provider_s_default_tags_count_and_a_group_s_own_list_of_tags_too() -> None:
    listed = [{"key": name, "value": value, "propagate_at_launch": True} for name, value in OURS.items()]
    group = TerraformChange("aws_autoscaling_group.it", "aws_autoscaling_group", ("create",), {"tag": listed}, provider=AWS)

    assert broken(create(tags=None, tags_all=OURS), group) == []


def test_what_takes_no_tags_needs_none() -> None:
    assert broken(TerraformChange("aws_route.it", "aws_route", ("create",), {"gateway_id": "g"}, provider=AWS)) == []


def test_tags_that_nobody_can_look_at_are_refused() -> None:
    late = replace(create(), after={}, unknown={"tags_all": True})
    hidden = replace(create(), after={}, hidden=frozenset({"tags"}))

    assert broken(late) == broken(hidden) == [("aws_vpc.it", "tags")]


def test_a_preview_needs_a_drill_s_tag_but_no_certain_one() -> None:
    preview = replace(HERE, drill="")

    assert broken(create(tags={"drill": "allowed", "drill-id": "preview"}), bounds=preview) == []
    assert broken(create(tags={"drill": "allowed"}), bounds=preview) == [("aws_vpc.it", "tags")]


@pytest.mark.parametrize("tags", [None, {}, {"drill": "allowed"}, {"drill": "allowed", "drill-id": "another"}])
def test_nothing_is_removed_that_the_drill_did_not_create(tags: dict[str, str] | None) -> None:
    assert broken(delete({"tags": tags})) == [("aws_instance.it", "own")]
    assert broken(replace(delete({"tags": tags}), actions=("delete", "create"), after={"tags": OURS})) == [("aws_instance.it", "own")]


def test_what_the_drill_created_may_be_removed() -> None:
    assert broken(delete({"tags": OURS}), delete({})) == []


def test_nothing_is_adopted_and_nothing_is_left_behind() -> None:
    imported = replace(create(), imported=True)
    forgotten = replace(create(), actions=("forget",))

    assert broken(imported, create("aws_default_vpc"), forgotten) == [
        ("aws_vpc.it", "own"),
        ("aws_default_vpc.it", "own"),
        ("aws_vpc.it", "own"),
    ]


@pytest.mark.parametrize("regions", [{"aws": "eu-west-1"}, {"aws": ""}, {"aws.other": "eu-west-1"}, {"module.a:aws": "eu-west-1"}])
def test_a_provider_works_in_the_site_s_region_only_and_says_so(regions: dict[str, str]) -> None:
    assert broken(create(), regions=regions) == [("the provider", "place")]


def test_a_resource_of_another_region_or_another_cloud_is_refused() -> None:
    other = replace(create(), provider=ALICLOUD)

    assert broken(create(region="eu-west-1")) == [("aws_vpc.it", "place")]
    assert broken(other) == [("the provider", "place")]
    assert broken(create(), bounds=Bounds("sandbox", "b", "d1"), regions={}) == [("the provider", "place")]
    assert broken(other, bounds=Bounds("aliyun", "cn-shanghai", "d1"), regions={"alicloud": "cn-shanghai"}) == []


def _ingress(**rule: Any) -> TerraformChange:
    whole = {"from_port": 5432, "to_port": 5432, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"], **rule}
    return create("aws_security_group", ingress=[whole])


@pytest.mark.parametrize(
    "change",
    [
        _ingress(),
        _ingress(cidr_blocks=None, ipv6_cidr_blocks=["::/0"]),
        _ingress(cidr_blocks=["10.0.0.0/8", "128.0.0.0/1"]),
        _ingress(from_port=0, to_port=65535),
        _ingress(from_port=0, to_port=0, protocol="-1"),
        _ingress(from_port=3300, to_port=3310),
        create("aws_security_group_rule", type="ingress", from_port=22, to_port=22, protocol="tcp", cidr_blocks=["0.0.0.0/0"]),
        create("aws_vpc_security_group_ingress_rule", from_port=6379, to_port=6379, ip_protocol="tcp", cidr_ipv4="0.0.0.0/0"),
        create("aws_vpc_security_group_ingress_rule", ip_protocol="-1", cidr_ipv6="::/0"),
        create("alicloud_security_group_rule", type="ingress", ip_protocol="tcp", port_range="3306/3306", cidr_ip="0.0.0.0/0"),
        create("alicloud_security_group_rule", type="ingress", ip_protocol="all", port_range="-1/-1", cidr_ip="0.0.0.0/0"),
        create("alicloud_db_instance", security_ips=["10.0.0.0/8", "0.0.0.0/0"]),
        create("alicloud_polardb_cluster", security_ips=["0.0.0.0"]),
        create("aws_db_instance", publicly_accessible=True),
        replace(_ingress(cidr_blocks=None), unknown={"ingress": [{"cidr_blocks": [True]}]}),
        replace(create("aws_security_group"), hidden=frozenset({"ingress"})),
    ],
)
def test_a_door_to_the_world_on_a_data_port_is_refused(change: TerraformChange) -> None:
    assert broken(change, bounds=replace(HERE, provider="hosts")) == [(change.address, "doors")]


@pytest.mark.parametrize(
    "change",
    [
        _ingress(cidr_blocks=["10.0.0.0/8"]),
        _ingress(from_port=80, to_port=80),
        _ingress(from_port=8, to_port=0, protocol="icmp"),
        create("aws_security_group_rule", type="egress", from_port=0, to_port=0, protocol="-1", cidr_blocks=["0.0.0.0/0"]),
        create("alicloud_security_group_rule", type="ingress", ip_protocol="tcp", port_range="443/443", cidr_ip="0.0.0.0/0"),
        create("alicloud_security_group_rule", type="ingress", policy="drop", ip_protocol="all", cidr_ip="0.0.0.0/0"),
        replace(create("aws_security_group"), unknown={"ingress": True}),
        create("alicloud_db_instance", security_ips=["10.1.2.3", "192.0.2.0/24"]),
    ],
)
def test_other_doors_are_the_team_s_business(change: TerraformChange) -> None:
    assert broken(change, bounds=replace(HERE, provider="hosts")) == []


@given(port=st.sampled_from(sorted(DATA_PORTS)), below=st.integers(0, 2000), above=st.integers(0, 2000))
def test_a_range_is_as_open_as_the_worst_port_in_it(port: int, below: int, above: int) -> None:
    assert broken(_ingress(from_port=max(port - below, 0), to_port=port + above)) == [("aws_security_group.it", "doors")]


@given(st.integers(0, 2**32 - 1), st.integers(8, 32))
def test_a_block_that_one_organisation_may_own_is_not_the_world(address: int, prefix: int) -> None:
    from ipaddress import ip_network

    network = ip_network((address, prefix), strict=False)

    assert is_world(str(network)) == (int(network.network_address) == 0)


def test_what_the_team_s_own_rego_denies_is_refused_too() -> None:
    assert broken(denied=("aws_vpc.it: too big",)) == [("terraform/policy", "rego")]


def test_the_refusal_names_every_address_and_rule() -> None:
    plan = TerraformPlan((create(tags=None), _ingress()), "0" * 64, regions={"aws": HERE.region})

    with pytest.raises(
        Fatal, match=r"nothing was applied: aws_vpc\.it: .*\[tags\].*aws_security_group\.it: port 5432 \(Postgre.*\[doors\]"
    ) as caught:
        refuse_broken(plan, HERE)

    assert caught.value.code == "A246"


def test_the_bounds_are_what_the_ground_says_of_the_site() -> None:
    assert bounds_of({"provider": "aws", "region": "eu-west-1", "tags": {"dr": "yes"}}, "d1") == Bounds(
        "aws", "eu-west-1", "d1", {"dr": "yes"}
    )
    assert bounds_of({"region": "b"}) == Bounds("sandbox", "b")
