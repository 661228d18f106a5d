"""boto3 sends a call again whose answer was lost: whatever of an outage or a fence AWS then hears twice, it is as if it were once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.adapters.pg_pair import Servers
from tests.clouds.fence_grounds import machines
from tests.clouds.outage_calls import Calls
from tests.clouds.outage_grounds import cloud

pytestmark = pytest.mark.xdist_group("moto")


@pytest.fixture(autouse=True)
def _no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")


def send_twice(calls: Calls) -> set[str]:
    """From now on the first call of each name is carried out, its answer lost, and sent again; returns their names, as they come."""
    plain, seen = calls.carry, set[str]()

    def carry(name: str, act: Callable[[], Any]) -> Any:
        def twice() -> Any:
            if name not in seen and not name.startswith("describe"):
                seen.add(name)
                act()
            return act()

        return plain(name, twice)

    calls.carry = carry  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("aws:network-acl", {"create_network_acl", "replace_network_acl_association", "create_security_group", "delete_security_group"}),
        ("aws:stop", {"stop_instances", "start_instances"}),
        pytest.param("aws:security-group", {"modify_network_interface_attribute", "create_security_group"}, marks=pytest.mark.sweep),
    ],
)
def test_a_site_is_cut_off_and_comes_back_as_it_was(name: str, least: set[str]) -> None:
    with cloud(name) as ground:
        before = ground.state()
        snapshot = json.loads(json.dumps(ground.outage().snapshot("primary")))
        sent = send_twice(ground.calls)

        ground.outage().isolate("primary", snapshot)
        assert ground.outage().preview("primary") == []
        ground.outage().restore("primary", snapshot)

        assert ground.state() == before
    assert least <= sent


def test_a_database_is_fenced_and_given_back_as_it_was() -> None:
    servers = Servers()
    try:
        sent = _fenced_and_released(servers)
    finally:
        servers.end()

    assert {"create_tags", "stop_instances", "start_instances", "delete_tags"} <= sent


def _fenced_and_released(servers: Servers) -> set[str]:
    with machines("aws machines", servers) as ground:
        before = ground.state()
        sent = send_twice(ground.calls)

        ground.fence().fence("primary")
        ground.fence().release("primary")

        assert ground.state() == before
    return sent
