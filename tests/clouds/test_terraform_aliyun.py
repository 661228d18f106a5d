"""The Alibaba module under the rules that every plan is held to, over the values that Terraform works out for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill.model.plan_policy import bounds_of, broken_rules
from tests.clouds.aliyun_plan import addresses_of, module_text, planned, taking_tags

SHANGHAI = {"provider": "aliyun", "region": "cn-shanghai", "tags": {"drill": "allowed"}}


def broken(place: Path, text: str = "", site: dict[str, Any] = SHANGHAI, **variables: Any) -> list[str]:
    return [str(row) for row in broken_rules(planned(place, text or module_text(), **variables), bounds_of(site, "preview"))]


def test_the_module_keeps_every_rule_in_everything_that_it_describes(tmp_path: Path) -> None:
    plan = planned(tmp_path, module_text())

    assert {change.address.partition("[")[0] for change in plan.changes} == addresses_of(module_text())
    assert broken_rules(plan, bounds_of(SHANGHAI, "preview")) == []
    assert {"alicloud_vpc.site", "alicloud_instance.app[1]", "alicloud_ram_role.app"} <= {*taking_tags(plan)}


def test_the_app_may_be_open_to_all_users_where_no_data_is_kept(tmp_path: Path) -> None:
    assert broken(tmp_path, port=443, clients=["0.0.0.0/0"]) == []


def test_a_port_of_data_that_is_open_to_the_internet_is_found(tmp_path: Path) -> None:
    address = 'alicloud_security_group_rule.clients["0.0.0.0/0"]'

    assert broken(tmp_path, port=5432, clients=["0.0.0.0/0"]) == [f"{address}: port 5432 (PostgreSQL) is open to 0.0.0.0/0 [doors]"]


def test_a_caller_s_tags_without_the_opt_in_are_found_on_everything_that_takes_tags(tmp_path: Path) -> None:
    found = broken(tmp_path, tags={"team": "sre"})

    assert found == [
        f"{address}: it would not carry the opt-in tag drill = 'allowed' [tags]"
        for address in taking_tags(planned(tmp_path, module_text()))
    ]


def test_nobody_else_s_drill_is_named_by_a_caller_s_tags(tmp_path: Path) -> None:
    assert broken(tmp_path, tags={"drill": "allowed", "drill-id": "another"}) == []


def test_another_region_than_the_site_s_and_another_cloud_are_found(tmp_path: Path) -> None:
    elsewhere, other = {**SHANGHAI, "region": "cn-hangzhou"}, {**SHANGHAI, "provider": "aws"}

    assert broken(tmp_path, site=elsewhere) == ["the provider: alicloud works in cn-shanghai, the site is cn-hangzhou [place]"]
    assert broken(tmp_path, site=other) == ["the provider: alicloud is not the site's: it is of aws [place]"]


@pytest.mark.parametrize(
    ("written", "instead", "found"),
    [
        (
            "  vpc_name   = local.name\n  cidr_block = var.cidr\n  tags       = local.tags\n",
            "  vpc_name   = local.name\n  cidr_block = var.cidr\n",
            "alicloud_vpc.site: it would not carry the opt-in tag drill = 'allowed' [tags]",
        ),
        (
            'cidr_ip           = "100.64.0.0/10"',
            'cidr_ip           = "0.0.0.0/1"',
            "alicloud_security_group_rule.health: port 22 (SSH) is open to 0.0.0.0/1 [doors]",
        ),
        (
            'cidr_ip           = "100.64.0.0/10"',
            "cidr_ip           = alicloud_slb_load_balancer.site.id",
            "alicloud_security_group_rule.health: port 22 (SSH) is open to a source that is known only after apply [doors]",
        ),
    ],
)
def test_a_module_that_were_written_otherwise_would_be_found(tmp_path: Path, written: str, instead: str, found: str) -> None:
    assert written in module_text()

    assert found in broken(tmp_path, module_text().replace(written, instead), port=22)
