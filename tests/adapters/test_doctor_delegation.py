"""Delegations are asked of a real name server: whom users ask for a zone, and what is said when nobody delegates it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drill.adapters.doctor_delegation import delegated_to
from drill.model.errors import Fatal, Retryable
from tests.adapters.name_servers import ZONE, NameServer, running

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    with running("bind", tmp_path_factory.mktemp("bind"), {f"shop.{ZONE}": ["192.0.2.10"]}) as found:
        yield found


def test_the_servers_of_a_zone_are_found_by_their_addresses(server: NameServer) -> None:
    assert delegated_to(ZONE, server.address) == {"127.0.0.1"}


def test_a_zone_that_nothing_delegates_says_so(server: NameServer) -> None:
    with pytest.raises(Fatal, match="nothing delegates") as refusal:
        delegated_to(f"nowhere.{ZONE}", server.address)

    assert refusal.value.code == "A228"


def test_a_resolver_that_does_not_answer_is_no_missing_delegation() -> None:
    with pytest.raises(Retryable, match="does not say who answers"):
        delegated_to(ZONE, ("127.0.0.1", 9))
