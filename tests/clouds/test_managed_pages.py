"""A page that a proxy puts in the place of a cloud's answer is none to the playbooks' modules either: nothing is taken for done or gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.adapters.portal import PAGES, Portal, portal
from tests.clouds.modules import module_util

ASKED = {
    "managed_aws": ("ap-southeast-1", "describe_db_instances", "reboot_db_instance", {"DBInstanceIdentifier": "orders"}),
    "managed_aliyun": ("cn-hangzhou", "DescribeDBInstanceAttribute", "RestartDBInstance", {"DBInstanceId": "rm-orders"}),
}


@pytest.fixture(scope="module")
def serving() -> Iterator[Portal]:
    with portal() as opened, pytest.MonkeyPatch.context() as patch:
        url = f"http://127.0.0.1:{opened.server_port}"
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        for name, value in {**dict.fromkeys(names, "key"), "AWS_ENDPOINT_URL": url, "ALIBABA_ENDPOINT_RDS": url}.items():
            patch.setenv(name, value)
        yield opened


@cache
def api(util: str) -> Any:
    return module_util(util).Api("rds", ASKED[util][0])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("util", ASKED)
def test_a_look_finds_nobody_and_a_change_is_in_doubt(serving: Portal, util: str, page: str) -> None:
    serving.page = PAGES[page]
    _, look, change, which = ASKED[util]
    managed = module_util("managed")

    with pytest.raises(managed.Refused, match="DB_UNREACHABLE"):
        api(util).read(look, **which)
    with pytest.raises(managed.InDoubt):
        api(util).act(change, **which)
