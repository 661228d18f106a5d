"""A kept probe is a client that never resolves again: one address, its connection while it lasts, then another one to the same place."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from drill.adapters.probes import Probes
from drill.adapters.probes_http import target_of
from drill.adapters.probes_kept import KeptClient
from drill.model.plan import Probe
from drill.model.ports import Sample
from drill.model.scenario import ProbeForm
from tests.adapters.loopback import OK, Handler, Server, frozen, naming, say, serving

SITES = {"127.0.1.1": "primary", "127.0.2.1": "standby"}
KEEP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def keep(answer: bytes = KEEP, *, most: int = 1000, after_s: float = 0.0) -> Handler:
    """Answers up to `most` requests on one connection."""

    def handle(peer: socket.socket) -> None:
        for _ in range(most):
            if not peer.recv(4096):
                return
            time.sleep(after_s)
            peer.sendall(answer)

    return handle


def test_first_questions_that_overlap_agree_on_one_address() -> None:
    client = KeptClient(target_of(Probe(id="sticky", http="http://shop.drill.test/", connection="kept")))

    async def choose(address: str, after_s: float) -> str:
        await asyncio.sleep(after_s)
        return address

    async def both() -> list[str]:
        slow, fast = (client.settle(lambda: choose("127.0.2.1", 0.05)), client.settle(lambda: choose("127.0.1.1", 0.0)))
        return list(await asyncio.gather(slow, fast))

    assert asyncio.run(both()) == ["127.0.1.1", "127.0.1.1"]


class Client:
    """A kept probe in an event loop of its own, which outlives each question."""

    def __init__(self, url: str, *, resolver_port: int | None = None, **wanted: Any) -> None:
        probe = Probe.model_validate({"id": "sticky", "timeout_s": 1.0, "connection": "kept", "http": url, **wanted})
        resolver = ("127.0.0.1", resolver_port) if resolver_port else None
        self.probes = Probes({"sticky": probe}, resolver, lambda address: SITES.get(address, ""))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def ask(self, times: int = 1) -> list[Sample]:
        """Ask one after the other."""
        return [self.together(1)[0] for _ in range(times)]

    def together(self, times: int) -> list[Sample]:
        """Ask all at once."""

        async def all_of_them() -> list[Sample]:
            return await asyncio.gather(*(self.probes.sample("sticky") for _ in range(times)))

        return asyncio.run_coroutine_threadsafe(all_of_them(), self.loop).result(10)


@contextmanager
def client(url: str, **wanted: Any) -> Iterator[Client]:
    found = Client(url, **wanted)
    found.thread.start()
    try:
        yield found
    finally:
        found.loop.call_soon_threadsafe(found.loop.stop)
        found.thread.join(5)
        found.loop.close()


def _url(server: Server, host: str = "shop.drill.test") -> str:
    return f"http://{host}:{server.port}/health"


def test_it_resolves_once_and_asks_on_one_connection_whatever_the_name_says_later() -> None:
    with (
        naming("127.0.1.1") as names,
        serving(keep(), "127.0.1.1") as old,
        serving(keep(), "127.0.2.1", old.port) as new,
        client(_url(old), resolver_port=names.port) as sticky,
    ):
        before = sticky.ask(5)
        names.addresses = ["127.0.2.1"]
        after = sticky.ask(5)

    assert {(sample.ok, sample.site) for sample in (*before, *after)} == {(True, "primary")}
    assert (names.asked, old.connections, new.connections) == (1, 1, 0)


def test_it_asks_to_keep_the_connection() -> None:
    with serving(keep()) as server, client(_url(server, "127.0.0.1")) as sticky:
        sticky.ask()

    assert b"Connection: keep-alive\r\n" in server.requests[0]


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (say(OK), "the server says close"),
        (keep(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), "an old server closes unless it says otherwise"),
        (keep(KEEP + b"HTTP/1.1 200 OK\r\n"), "more came than was asked for"),
        (say(b"HTTP/1.1 200 OK\r\n\r\nok"), "the answer ends with the connection"),
    ],
)
def test_a_connection_that_cannot_be_kept_is_replaced_by_one_to_the_same_address(handler: Handler, why: str) -> None:
    with serving(handler) as server, client(_url(server, "127.0.0.1")) as sticky:
        samples = sticky.ask(3)

    assert all(sample.ok for sample in samples), why
    assert server.connections == 3


def test_a_connection_that_the_server_closes_while_nobody_asks_costs_no_sample() -> None:
    with serving(keep(most=2)) as server, client(_url(server, "127.0.0.1")) as sticky:
        first = sticky.ask(2)
        time.sleep(0.3)
        then = sticky.ask(2)

    assert all(sample.ok for sample in (*first, *then))
    assert server.connections == 2


def test_a_time_out_drops_the_connection_and_the_next_question_has_another_to_the_same_address() -> None:
    slow = [0.6, 0.0, 0.0]

    def handle(peer: socket.socket) -> None:
        while peer.recv(4096):
            time.sleep(slow.pop(0) if slow else 0)
            peer.sendall(KEEP)

    with serving(handle) as server, client(_url(server, "127.0.0.1"), timeout_s=0.3) as sticky:
        late, *well = sticky.ask(3)

    assert (late.ok, late.error) == (False, "deadline")
    assert [sample.ok for sample in well] == [True, True]
    assert server.connections == 2


def test_an_address_that_is_dead_is_asked_for_ever_even_when_the_name_has_moved() -> None:
    with naming("127.0.1.1") as names, serving(keep(), "127.0.2.1") as new, client(_url(new), resolver_port=names.port) as sticky:
        refused = sticky.ask(2)
        names.addresses = ["127.0.2.1"]
        moved = sticky.ask(2)

    assert {(sample.error, sample.address) for sample in (*refused, *moved)} == {("refused", "127.0.1.1")}
    assert (names.asked, new.connections) == (1, 0)


def test_questions_that_overlap_have_a_connection_each_and_none_waits_for_another() -> None:
    with serving(keep(after_s=0.3)) as server, client(_url(server, "127.0.0.1")) as sticky:
        begun_s = time.monotonic()
        samples = sticky.together(4)
        took_s = time.monotonic() - begun_s

    assert all(sample.ok for sample in samples)
    assert took_s < 1.0  # one after the other would be 1.2 s
    assert server.connections == 4


def test_a_name_that_could_not_be_resolved_is_resolved_again() -> None:
    with (
        naming() as names,
        serving(keep(), "127.0.1.1") as server,
        client(_url(server), resolver_port=names.port, timeout_s=0.5) as sticky,
    ):
        unknown = sticky.ask()[0]
        names.addresses = ["127.0.1.1"]
        known = sticky.ask()[0]

    assert (unknown.ok, unknown.error, known.ok) == (False, "dns", True)


def test_a_frozen_service_is_a_failed_sample_each_time() -> None:
    with frozen() as port, client(f"http://127.0.0.1:{port}/", timeout_s=0.2) as sticky:
        samples = sticky.ask(3)

    assert [sample.error for sample in samples] == ["deadline"] * 3


def test_asked_alone_it_keeps_the_address_and_leaves_no_connection_behind() -> None:
    with naming("127.0.1.1") as names, serving(keep(), "127.0.1.1") as server:
        probe = Probe(id="sticky", http=_url(server), connection="kept")
        alone = Probes({"sticky": probe}, ("127.0.0.1", names.port), lambda _: "")
        samples = [alone.ask("sticky") for _ in range(3)]

    assert all(sample.ok for sample in samples)
    assert (names.asked, server.connections) == (1, 3)


def test_a_bare_connection_cannot_be_kept_because_it_would_say_nothing() -> None:
    with pytest.raises(ValidationError, match="connection: kept"):
        ProbeForm.model_validate({"tcp": "db.example.com:5432", "connection": "kept"})


def test_a_probe_that_keeps_nothing_is_written_as_older_releases_wrote_it() -> None:
    plain, kept = Probe(id="a", http="http://a/"), Probe(id="a", http="http://a/", connection="kept")

    assert "connection" not in plain.model_dump(mode="json")
    assert Probe.model_validate(kept.model_dump(mode="json")) == kept
