"""A page that a proxy puts in the place of AWS's answer is no answer: nothing of the client's own escapes, and a change is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from drill.adapters.arc_controls import RoutingControls
from drill.adapters.dns_route53 import Route53Dns
from drill.adapters.dns_route53_client import Route53Account
from drill.adapters.dns_route53_health import Route53HealthCheck
from drill.model.errors import InDoubt, Retryable
from drill.model.ports import RecordSet, Steering
from tests.adapters.portal import PAGES, Portal, portal

NAME = "shop.drill.test"
PANEL = f"arn:aws:route53-recovery-control::123456789012:controlpanel/{'a' * 32}/routingcontrol/"
CONTROLS = {"home": PANEL + "b" * 16, "away": PANEL + "c" * 16}


@pytest.fixture(scope="module")
def serving() -> Iterator[Portal]:
    with portal() as opened:
        yield opened


@pytest.fixture(params=list(PAGES.values()), ids=list(PAGES))
def url(serving: Portal, request: pytest.FixtureRequest) -> str:
    serving.page = request.param
    return f"http://127.0.0.1:{serving.server_port}"


class _KnownZone(Route53Dns):
    """Has found its zone already, so that a call behind that is the first to meet the proxy."""

    def _find_zone(self, full: str) -> str:
        return f"Z{len(full)}"


def reads(url: str) -> dict[str, Callable[[], object]]:
    dns, known = Route53Dns(url, "us-east-1", "key", "secret"), _KnownZone(url, "us-east-1", "key", "secret")
    check = Route53HealthCheck(NAME, Route53Account(url, "us-east-1", "key", "secret"), "check", primary="home", standby="away")
    return {
        "find the zone": lambda: dns.read(NAME),
        "read the name": lambda: known.read(NAME),
        "read the health check": check.read,
        "read the controls": controls(url).read,
    }


def controls(url: str) -> RoutingControls:
    return RoutingControls(NAME, [("us-east-1", url)], CONTROLS, access_key="key", secret_key="secret")


@pytest.mark.parametrize("what", ["find the zone", "read the name", "read the health check", "read the controls"])
def test_reading_it_says_that_the_service_does_not_answer(url: str, what: str) -> None:
    with pytest.raises(Retryable) as caught:
        reads(url)[what]()

    assert caught.value.code == "A120"
    assert "does not answer" in caught.value.what or "no endpoint" in caught.value.what


def test_a_change_that_a_page_answers_is_in_doubt(url: str) -> None:
    form = {"Name": f"{NAME}.", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "127.0.1.1"}]}
    before, after = RecordSet(NAME, "A", 1, ("127.0.1.1",), raw=[form]), RecordSet(NAME, "A", 1, ("127.0.2.1",))

    with pytest.raises(InDoubt) as caught:
        _KnownZone(url, "us-east-1", "key", "secret").swap(before, after)

    assert caught.value.code == "A320"


def test_routing_controls_are_not_taken_for_switched(url: str, serving: Portal) -> None:
    asked = serving.calls

    with pytest.raises(Retryable):
        controls(url).steer(Steering(NAME, "home", forced=True, raw={}), "away")

    assert serving.calls == asked + 1  # the look before it; nothing was written
