"""Probes against real little servers: what counts as well, what each failure is called, and that nothing outlives its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from drill.adapters.probes import Probes
from drill.adapters.probes_http import MAX_ANSWER_BYTES
from drill.model.errors import Fatal, PreflightFailed
from drill.model.plan import Probe
from drill.model.ports import Sample
from tests.adapters.loopback import OK, Handler, Names, closed_port, frozen, naming, reset, say, serving

SITES = {"127.0.1.1": "primary", "127.0.2.1": "standby"}


def probes(resolver_port: int | None = None, **wanted: Any) -> Probes:
    probe = Probe.model_validate({"id": "checkout", "timeout_s": 1.0, **wanted})
    resolver = ("127.0.0.1", resolver_port) if resolver_port else None
    return Probes({"checkout": probe}, resolver, lambda address: SITES.get(address, ""))


def ask(handler: Handler, **wanted: Any) -> Sample:
    with serving(handler) as server:
        return probes(http=f"http://127.0.0.1:{server.port}/health", **wanted).ask("checkout")


def test_a_2xx_answer_is_a_good_sample_with_its_times_and_site() -> None:
    with naming("127.0.2.1") as names, serving(say(OK), "127.0.2.1") as server:
        before_s = time.monotonic()
        sample = probes(names.port, http=f"http://shop.drill.test:{server.port}/health").ask("checkout")

    assert (sample.ok, sample.error, sample.site, sample.address) == (True, "", "standby", "127.0.2.1")
    assert sample.received_s is not None
    assert before_s <= sample.sent_s < sample.received_s <= time.monotonic()


def test_the_request_names_the_host_as_the_user_does_and_asks_to_close() -> None:
    with naming("127.0.0.1") as names, serving(say(OK)) as server:
        probes(names.port, http=f"http://shop.drill.test:{server.port}/checkout?x=1", method="POST").ask("checkout")

    request = server.requests[0].decode()
    assert request.startswith("POST /checkout?x=1 HTTP/1.1\r\n")
    assert f"Host: shop.drill.test:{server.port}\r\n" in request
    assert "Connection: close\r\n" in request
    assert "Content-Length: 0\r\n" in request


def test_every_sample_resolves_the_name_anew_and_opens_a_new_connection() -> None:
    with naming("127.0.1.1") as names, serving(say(OK), "127.0.1.1") as old, serving(say(OK), "127.0.2.1", old.port) as new:
        asked = probes(names.port, http=f"http://shop.drill.test:{old.port}/health")
        before = asked.ask("checkout")
        names.addresses = ["127.0.2.1"]
        after = [asked.ask("checkout") for _ in range(3)]

    assert before.site == "primary"
    assert [sample.site for sample in after] == ["standby"] * 3
    assert names.asked == 4
    assert (old.connections, new.connections) == (1, 3)


def test_one_sample_tries_one_address_so_that_half_a_dead_site_shows() -> None:
    with naming("127.0.1.1", "127.0.2.1") as names, serving(say(OK), "127.0.2.1") as server:
        asked = probes(names.port, http=f"http://shop.drill.test:{server.port}/health")
        samples = [asked.ask("checkout") for _ in range(40)]

    assert {(sample.ok, sample.error, sample.site) for sample in samples} == {(True, "", "standby"), (False, "refused", "primary")}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "http_503"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "http_302"),
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not_http"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), "too_long"),
    ],
)
def test_an_answer_that_is_not_well_has_a_name(answer: bytes, error: str) -> None:
    sample = ask(say(answer))

    assert (sample.ok, sample.error) == (False, error)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{'state': 'up'}\n",
        b"HTTP/1.0 200 OK\r\n\r\n{'state': 'up'}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{'stat\r\n9;x=y\r\ne': 'up'}\r\n0\r\n\r\n",
    ],
)
def test_the_expected_text_is_found_however_the_body_is_framed(answer: bytes) -> None:
    assert ask(say(answer), expect="'state': 'up'").ok
    assert ask(say(answer), expect="'state': 'down'").error == "unexpected"


def test_a_head_request_needs_no_body() -> None:
    assert ask(say(b"HTTP/1.1 200 OK\r\nContent-Length: 120\r\n\r\n"), method="HEAD").ok


def test_a_reset_and_a_refusal_are_told_apart() -> None:
    refused = probes(http=f"http://127.0.0.1:{closed_port()}/").ask("checkout")

    assert ask(reset).error == "reset"
    assert refused.error == "refused"
    assert refused.received_s is None


@pytest.mark.parametrize(
    "handler", [say(OK, after_s=1.5), lambda _: time.sleep(1.5)], ids=["answers too late", "reads nothing and says nothing"]
)
def test_the_deadline_is_hard_for_a_slow_server(handler: Handler) -> None:
    with serving(handler) as server:
        sample = probes(http=f"http://127.0.0.1:{server.port}/", timeout_s=0.2).ask("checkout")
        took_s = time.monotonic() - sample.sent_s

    assert (sample.ok, sample.error, sample.received_s) == (False, "deadline", None)
    assert 0.19 < took_s < 1.4


def test_the_deadline_is_hard_for_a_frozen_server_that_still_takes_connections() -> None:
    with frozen() as port:
        sample = probes(http=f"http://127.0.0.1:{port}/", timeout_s=0.2).ask("checkout")

    assert (sample.ok, sample.error) == (False, "deadline")


def test_a_bare_tcp_probe_is_content_with_a_connection() -> None:
    with frozen() as port:
        assert probes(tcp=f"127.0.0.1:{port}").ask("checkout").ok
    assert probes(tcp=f"127.0.0.1:{closed_port()}").ask("checkout").error == "refused"


def silence(names: Names) -> None:
    names.silent = True


def forget(names: Names) -> None:
    names.addresses = []


@pytest.mark.parametrize("trouble", [silence, forget], ids=["no answer", "no such name"])
def test_a_name_that_cannot_be_resolved_is_a_failed_sample_of_no_site(trouble: Callable[[Names], None]) -> None:
    with naming("127.0.1.1") as names:
        trouble(names)
        sample = probes(names.port, http="http://shop.drill.test:8080/", timeout_s=0.3).ask("checkout")

    assert (sample.ok, sample.error, sample.site, sample.address) == (False, "dns", "", "")


def test_the_resolver_of_the_closest_domain_is_asked_and_no_other() -> None:
    with naming("127.0.2.1") as own, naming("127.0.1.1") as others, serving(say(OK), "127.0.2.1") as server:
        at = {"drill.test": ("127.0.0.1", others.port), "shop.drill.test": ("127.0.0.1", own.port)}
        rows = {
            name: Probe(id=name, http=f"http://{name}:{server.port}/", timeout_s=1.0) for name in ("www.shop.drill.test", "shop.drill.test")
        }
        asked = Probes(rows, ("127.0.0.1", closed_port()), lambda _: "", at)

        samples = [asked.ask(name) for name in rows]

    assert [sample.address for sample in samples] == ["127.0.2.1", "127.0.2.1"]


def test_a_name_in_no_named_domain_is_asked_of_the_general_resolver() -> None:
    with naming("127.0.2.1") as names, serving(say(OK), "127.0.2.1") as server:
        row = Probe(id="x", http=f"http://badshop.test:{server.port}/", timeout_s=1.0)
        asked = Probes({"x": row}, ("127.0.0.1", names.port), lambda _: "", {"shop.test": ("127.0.0.1", closed_port())})

        assert asked.ask("x").address == "127.0.2.1"


def test_a_name_server_that_refuses_is_a_failed_sample() -> None:
    sample = probes(closed_port(), http="http://shop.drill.test:8080/", timeout_s=0.3).ask("checkout")

    assert (sample.ok, sample.error) == (False, "dns")


def test_a_frozen_server_does_not_hold_up_the_other_samples() -> None:
    with frozen() as port, serving(say(OK)) as server:
        both = Probes(
            {
                "dead": Probe(id="dead", http=f"http://127.0.0.1:{port}/", timeout_s=1.5),
                "well": Probe(id="well", http=f"http://127.0.0.1:{server.port}/"),
            },
            None,
            lambda _: "",
        )

        async def ask_all() -> list[Sample]:
            return await asyncio.gather(*(both.sample(name) for name in ["dead"] * 20 + ["well"]))

        start_s = time.monotonic()
        samples = asyncio.run(ask_all())
        took_s = time.monotonic() - start_s

    assert [sample.error for sample in samples] == ["deadline"] * 20 + [""]
    assert samples[-1].received_s is not None
    assert samples[-1].received_s - start_s < 1.5
    assert took_s < 6  # one after the other would be 30 s


def test_a_sample_costs_less_than_three_milliseconds_of_processor_time() -> None:
    with naming("127.0.0.1") as names, serving(say(OK)) as server:
        asked = probes(names.port, http=f"http://shop.drill.test:{server.port}/health", timeout_s=5.0)
        asked.ask("checkout")

        async def many() -> float:
            start_s = time.thread_time()
            for _ in range(100):
                assert (await asked.sample("checkout")).ok
            return (time.thread_time() - start_s) / 100

        assert asyncio.run(many()) < 0.003


@pytest.mark.parametrize("wanted", [{"http": "shop.drill.test/health"}, {"http": "ftp://shop/"}, {"tcp": "shop"}, {"tcp": "shop:x"}, {}])
def test_a_probe_that_nobody_could_ask_is_refused_before_the_drill(wanted: dict[str, Any]) -> None:
    with pytest.raises(PreflightFailed, match="checkout") as refused:
        probes(**wanted)

    assert refused.value.code == "F060"


def test_an_unknown_probe_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(Fatal, match=r"nobody.*Known probes: checkout"):
        probes(http="http://127.0.0.1/").ask("nobody")
