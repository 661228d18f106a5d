"""What can happen to a region, and that everything but a promotion can be taken back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest

from drill.model.errors import Fatal
from drill.sandbox.world import Sandbox
from tests.sandbox.running import eventually, request

pytestmark = pytest.mark.real


@pytest.fixture
def whole(calm: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox; it has to be as fresh after a test as before."""
    yield calm
    assert eventually(lambda: calm.healthy(()))


def statuses(sandbox: Sandbox, region: str) -> set[str]:
    """The states of every process of a region."""
    live = sandbox.status()["regions"][region]
    roots = [psutil.Process(live["postgres"]["pid"]), *(psutil.Process(one["pid"]) for one in live["instances"])]
    return {each.status() for root in roots for each in (root, *root.children(recursive=True))}


def test_a_frozen_region_accepts_connections_and_answers_nothing(whole: Sandbox) -> None:
    answer = whole.ask("freeze", region="a")

    assert answer["processes"] >= 8
    assert statuses(whole, "a") == {psutil.STATUS_STOPPED}
    with socket.create_connection(("127.0.1.1", whole.details["shop_port"]), timeout=1) as connected:
        connected.settimeout(0.3)
        connected.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            connected.recv(1)
    whole.ask("thaw", region="a")
    assert request(whole, "127.0.1.1", "POST", "/checkout").status == 200


def test_freezing_and_thawing_may_be_repeated(whole: Sandbox) -> None:
    for _ in range(2):
        whole.ask("freeze", region="a")
    for _ in range(2):
        whole.ask("thaw", region="a")

    assert whole.status()["regions"]["a"]["cut"] == ""


def test_a_frozen_region_refuses_changes(whole: Sandbox) -> None:
    whole.ask("freeze", region="a")

    with pytest.raises(Fatal) as refused:
        whole.ask("instance", action="create", name="a3", region="a", address="127.0.1.3")

    assert refused.value.code == "A263"
    whole.ask("thaw", region="a")


def test_a_killed_region_refuses_connections_and_comes_back_whole(whole: Sandbox) -> None:
    whole.ask("kill", region="a")

    assert "refused" in request(whole, "127.0.1.1", "GET", "/health").error
    whole.ask("thaw", region="a")
    assert request(whole, "127.0.1.2", "POST", "/checkout").status == 200


def test_the_last_position_of_a_lost_primary_is_still_known(whole: Sandbox) -> None:
    with psycopg.connect(whole.details["regions"]["a"]["conninfo"], autocommit=True) as primary:
        row = primary.execute("select pg_current_wal_lsn()::text").fetchone()
    assert row is not None
    time.sleep(0.7)  # the sample is at most half a second old

    whole.ask("freeze", region="a")

    last = whole.status()["last_primary"]
    assert last["region"] == "a"
    assert [int(part, 16) for part in last["lsn"].split("/")] >= [int(part, 16) for part in row[0].split("/")]
    whole.ask("thaw", region="a")


def test_a_fenced_database_does_not_start_and_is_not_unfenced_as_a_primary(whole: Sandbox) -> None:
    assert whole.ask("fence", region="a")["say"] == "fenced"
    assert whole.ask("fence", region="a")["say"] == "already fenced"

    with pytest.raises(Fatal) as start:
        whole.ask("start-postgres", region="a")
    with pytest.raises(Fatal) as unfence:
        whole.ask("unfence", region="a")

    assert (start.value.code, unfence.value.code) == ("A212", "A211")
    assert request(whole, "127.0.1.1", "POST", "/checkout").status == 503
    whole.ask("release", region="a")
    assert request(whole, "127.0.1.1", "POST", "/checkout").status == 200


def test_a_frozen_region_that_was_fenced_wakes_up_without_its_database(whole: Sandbox) -> None:
    whole.ask("freeze", region="a")
    whole.ask("fence", region="a")

    whole.ask("thaw", region="a")

    assert whole.status()["regions"]["a"]["role"] == "down"
    assert request(whole, "127.0.1.1", "POST", "/checkout").status == 503
    whole.ask("release", region="a")


def test_a_release_in_a_frozen_region_takes_effect_with_the_thaw(whole: Sandbox) -> None:
    whole.ask("freeze", region="a")
    whole.ask("fence", region="a")

    whole.ask("release", region="a")

    assert whole.status()["regions"]["a"]["role"] == "down"
    whole.ask("thaw", region="a")
    assert whole.status()["regions"]["a"]["role"] == "primary"


def test_a_database_that_was_stopped_on_purpose_stays_down_through_a_thaw(whole: Sandbox) -> None:
    assert whole.ask("stop-postgres", region="b")["say"] == "stopped"
    assert whole.ask("stop-postgres", region="b")["say"] == "already stopped"

    whole.ask("freeze", region="b")
    whole.ask("thaw", region="b")

    assert whole.status()["regions"]["b"]["role"] == "down"
    assert whole.ask("start-postgres", region="b")["say"] == "started"
    assert whole.ask("start-postgres", region="b")["say"] == "already running"


def test_app_servers_are_created_and_destroyed_once(whole: Sandbox) -> None:
    wanted: dict[str, Any] = {"action": "create", "name": "b1", "region": "b", "address": "127.0.2.1"}

    assert [whole.ask("instance", **wanted)["say"] for _ in range(2)] == ["created", "already there"]
    assert request(whole, "127.0.2.1", "GET", "/health").body["instance"] == "b1"
    with pytest.raises(Fatal) as clash:
        whole.ask("instance", **{**wanted, "name": "b2"})
    assert clash.value.code == "A264"
    assert [whole.ask("instance", action="destroy", name="b1")["say"] for _ in range(2)] == ["destroyed", "already gone"]
    assert "refused" in request(whole, "127.0.2.1", "GET", "/health").error


def test_unknown_verbs_and_regions_are_refused_by_name(whole: Sandbox) -> None:
    questions: list[tuple[str, dict[str, Any]]] = [("explode", {}), ("freeze", {"region": "c"}), ("freeze", {})]

    for verb, fields in questions:
        with pytest.raises(Fatal) as refused:
            whole.ask(verb, **fields)
        assert refused.value.code in {"A260", "A261"}


def test_a_shop_takes_orders_right_after_its_databases_promotion(sandbox: Sandbox) -> None:
    sandbox.ask("instance", action="create", name="b1", region="b", address="127.0.2.1")
    before = request(sandbox, "127.0.2.1", "POST", "/checkout")
    assert (before.status, before.body["sqlstate"]) == (503, "25006")

    with psycopg.connect(sandbox.details["regions"]["b"]["conninfo"], autocommit=True) as standby:
        standby.execute("select pg_promote(true, 30)")
        promoted_s = time.monotonic()
        assert eventually(lambda: request(sandbox, "127.0.2.1", "POST", "/checkout").status == 200)
        recovered_s = time.monotonic()

    assert recovered_s - promoted_s < 1.5  # a tenth of a second on a quiet machine


def test_a_shop_serves_again_at_once_after_its_database_was_started_anew(sandbox: Sandbox) -> None:
    assert request(sandbox, "127.0.1.1", "POST", "/checkout").status == 200

    sandbox.ask("stop-postgres", region="a")
    assert request(sandbox, "127.0.1.1", "GET", "/health").status == 503
    sandbox.ask("start-postgres", region="a")

    assert [request(sandbox, "127.0.1.1", "POST", "/checkout").status for _ in range(8)] == [200] * 8


def test_a_database_is_not_given_back_while_another_region_takes_writes(sandbox: Sandbox) -> None:
    sandbox.ask("fence", region="a")
    with psycopg.connect(sandbox.details["regions"]["b"]["conninfo"], autocommit=True) as standby:
        standby.execute("select pg_promote(true, 30)")

    with pytest.raises(Fatal) as refused:
        sandbox.ask("release", region="a")

    assert refused.value.code == "A211"
