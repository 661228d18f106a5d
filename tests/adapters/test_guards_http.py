"""Guards asked over HTTP: a condition holds only while a server says so, and everything else is seen for what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from drill.adapters.guards_http import HttpGuards
from drill.model.errors import Fatal, PreflightFailed
from drill.model.guards import Look
from drill.model.plan import Guard
from tests.adapters.loopback import OK, closed_port, frozen, reset, say, serving
from tests.adapters.monitoring import Monitoring, alert, monitoring

QUERY = 'sum(rate(errors{job="neighbour"}[1m])) < 2'


@pytest.fixture
def servers() -> Iterator[Monitoring]:
    with monitoring() as state:
        yield state


def prometheus(url: str, *, for_s: float = 2.0) -> Look:
    return HttpGuards([Guard(id="errors", asks="prometheus", url=url, query=QUERY, for_s=for_s)]).ask("errors")


def alertmanager(url: str, name: str = "NeighbourDown") -> Look:
    return HttpGuards([Guard(id="pager", asks="alertmanager", url=url, alert=name, for_s=2.0)]).ask("pager")


def test_a_query_that_returns_a_series_holds_whatever_its_value(servers: Monitoring) -> None:
    look = prometheus(f"{servers.url}/monitoring/")

    assert look.holds
    assert look.received_s >= look.sent_s
    assert servers.asked == [("/monitoring/api/v1/query", {"query": [QUERY], "timeout": ["2000ms"]})]


def test_a_query_that_returns_nothing_is_broken(servers: Monitoring) -> None:
    servers.result = []

    assert (prometheus(servers.url).state, prometheus(servers.url).detail) == ("broken", "the query returned nothing")


def test_a_query_that_returns_no_series_but_a_number_says_nothing(servers: Monitoring) -> None:
    servers.result_type = "scalar"

    assert prometheus(servers.url).state == "lost"
    assert "returned scalar" in prometheus(servers.url).detail


def test_a_query_that_prometheus_refuses_is_lost_from_sight_and_told_in_its_words(servers: Monitoring) -> None:
    servers.status = 400

    look = prometheus(servers.url)

    assert (look.state, look.detail) == ("lost", "Prometheus answered 400: parse error: unexpected end of input")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'"x"', b'{"status":"success"}', b'{"status":"success","data":{"resultType":"vector"}}']
)
def test_an_answer_that_says_nothing_is_lost_from_sight(servers: Monitoring, body: bytes) -> None:
    servers.body = body

    assert prometheus(servers.url).state == "lost"


def test_an_alert_that_does_not_fire_holds(servers: Monitoring) -> None:
    servers.alerts = [alert("Another")]

    assert alertmanager(servers.url).holds
    assert servers.asked == [("/api/v2/alerts", {"filter": ['alertname="NeighbourDown"']})]


@pytest.mark.parametrize("state", ["active", "suppressed", "unprocessed"])
def test_an_alert_that_fires_counts_although_it_is_kept_from_people(servers: Monitoring, state: str) -> None:
    servers.alerts = [alert("NeighbourDown", state)]

    look = alertmanager(servers.url)

    assert (look.state, look.detail) == ("firing", "the alert NeighbourDown has been firing since 2027-01-01T00:00:00Z")


def test_the_name_of_an_alert_cannot_leave_its_quotes(servers: Monitoring) -> None:
    alertmanager(servers.url, 'x" , severity="none\\')

    assert servers.asked[0][1] == {"filter": ['alertname="x\\" , severity=\\"none\\\\"']}


@pytest.mark.parametrize("status", [401, 404, 503])
def test_an_alertmanager_that_refuses_is_lost_from_sight(servers: Monitoring, status: int) -> None:
    servers.status = status

    assert (alertmanager(servers.url).state, alertmanager(servers.url).detail) == ("lost", f"Alertmanager answered {status}")


def test_no_server_no_name_and_a_broken_connection_are_lost_from_sight() -> None:
    with serving(reset) as rude, serving(say(OK[:20])) as short:
        looks = [
            prometheus(url)
            for url in (f"http://127.0.0.1:{closed_port()}", f"http://127.0.0.1:{rude.port}", f"http://127.0.0.1:{short.port}")
        ]
    nameless = prometheus(f"http://{'x' * 70}.invalid")

    assert [look.state for look in looks] == ["lost", "lost", "lost"]
    assert "cannot be reached" in looks[0].detail
    assert nameless.state == "lost"


def test_a_server_that_never_answers_is_waited_for_no_longer_than_the_guard_allows() -> None:
    with frozen() as port:
        before_s = time.monotonic()
        look = prometheus(f"http://127.0.0.1:{port}", for_s=0.3)
        took_s = time.monotonic() - before_s

    assert (look.state, look.detail) == ("lost", f"127.0.0.1:{port} does not answer")
    assert look.received_s - look.sent_s >= 0.299
    assert took_s < 2


def test_an_unknown_guard_and_one_that_is_a_probe_cannot_be_asked() -> None:
    guards = HttpGuards([Guard(id="shop", asks="probe", probe="shop")])

    with pytest.raises(Fatal) as refused:
        guards.ask("shop")

    assert refused.value.code == "A261"


def test_an_address_that_came_out_of_an_expression_wrong_is_refused_before_anything_runs() -> None:
    with pytest.raises(PreflightFailed) as refused:
        HttpGuards([Guard(id="pager", asks="alertmanager", url="alerts:9093", alert="A")])

    assert refused.value.code == "F063"
