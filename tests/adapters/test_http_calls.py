"""One HTTP call: what leaves, what comes back, and whether the server may have seen it."""

from __future__ import annotations

import socket
import time

import pytest

from drill.adapters.http_calls import PlainHttp
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Answered, Call
from tests.adapters.little_http import answering
from tests.adapters.loopback import reset, say, serving
from tests.adapters.pg_pair import free_port
from tests.fakes import FakeSecrets

_SECRET = "correct horse battery"


def http() -> PlainHttp:
    return PlainHttp(SecretValues(FakeSecrets({"TOKEN": _SECRET})))


def send(url: str, *, timeout_s: float = 10.0, method: str = "GET", **more: object) -> Answered:
    return http().send(Call(method, url, **more), timeout_s=timeout_s)  # type: ignore[arg-type]


def test_method_path_body_and_headers_arrive_as_written() -> None:
    with answering(lambda _: (201, "made")) as server:
        answer = send(f"{server.url}/scale?n=4", method="POST", headers={"X-Team": "sre"}, body="größe")

    assert (answer.status, answer.body, answer.sent) == (201, "made", True)
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.body, asked.headers["x-team"]) == ("POST", "/scale?n=4", "größe", "sre")


def test_secrets_leave_and_do_not_come_back() -> None:
    with answering(lambda asked: (200, f"you said {asked.headers['authorization']} {asked.body}")) as server:
        answer = send(server.url, method="POST", headers={"Authorization": "Bearer {secret:TOKEN}"}, body="secret:TOKEN")

    assert server.asked[0].headers["authorization"] == f"Bearer {_SECRET}"
    assert answer.body == "you said Bearer *** ***"


def test_a_secret_that_is_not_set_is_told_before_anything_is_sent() -> None:
    assert http().trouble(Call("GET", "http://127.0.0.1/", {"A": "secret:ABSENT"})) == ["the secret ABSENT is not set"]


def test_a_chosen_address_is_asked_under_the_hosts_own_name() -> None:
    with answering(lambda _: (200, "ok")) as server:
        answer = send(f"http://shop.drill.test:{server.port}/", address="127.0.0.1")

    assert (answer.status, server.asked[0].headers["host"]) == (200, f"shop.drill.test:{server.port}")


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with answering(lambda _: (302, ""), {"Location": "http://127.0.0.1:1/"}) as server:
        assert send(server.url).status == 302


def test_a_refused_connection_was_never_sent() -> None:
    answer = send(f"http://127.0.0.1:{free_port()}/")

    assert (answer.sent, answer.status, answer.error) == (False, 0, "Connection refused")


def test_a_connection_that_breaks_may_have_been_heard() -> None:
    with serving(reset) as server:
        answer = send(f"http://127.0.0.1:{server.port}/", method="POST", body="x")

    assert (answer.sent, answer.status) == (True, 0)
    assert answer.error


def test_an_answer_that_is_no_http_is_none() -> None:
    def garbage(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(b"SSH-2.0-hello\r\n")

    with serving(garbage) as server:
        answer = send(f"http://127.0.0.1:{server.port}/")

    assert (answer.status, answer.error) == (0, "the answer is no HTTP, or broke off")


def test_an_answer_that_breaks_off_is_no_whole_one() -> None:
    with serving(say(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf of it")) as server:
        answer = send(f"http://127.0.0.1:{server.port}/")

    assert (answer.sent, answer.status, answer.error) == (True, 0, "the answer is no HTTP, or broke off")


def test_an_answer_that_drips_for_ever_ends_with_its_time() -> None:
    def drip(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            peer.sendall(b"x")
            time.sleep(0.05)

    begun_s = time.monotonic()
    with serving(drip) as server:
        answer = send(f"http://127.0.0.1:{server.port}/", timeout_s=0.5)

    assert (answer.sent, answer.status, answer.error) == (True, 0, "no whole answer in time")
    assert time.monotonic() - begun_s < 8


def test_a_name_that_does_not_exist_was_never_sent() -> None:
    answer = send("http://no-such-host.invalid/")

    assert (answer.sent, answer.status) == (False, 0)


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "nonsense", "http://u:p@h/", "http://h:99999/"])
def test_what_is_no_address_is_refused_and_shows_no_credentials(url: str) -> None:
    with pytest.raises(Fatal) as failed:
        send(url)

    assert failed.value.code == "A282"
    assert "u:p" not in str(failed.value)
    assert http().trouble(Call("GET", url))
