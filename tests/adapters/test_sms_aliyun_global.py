"""Alibaba's international API: free texts abroad through the vendor's own client, signed, and never to mainland China."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from drill.adapters.sms_aliyun_global import AliyunGlobalMessenger
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.ports import OutboundMessage
from drill.sandbox.acs3 import Nonces, Request, verify_api
from tests.adapters.channel_servers import Answers, answering, free_port

HONG_KONG = "+85251234567"
VARIABLES = {"drill": "d", "phase": "p", "state": "s", "took": "3s"}


@pytest.fixture
def server() -> Iterator[Answers]:
    with answering({"ResponseCode": "OK", "MessageId": "m-1", "RequestId": "r", "To": "85251234567"}) as running:
        yield running


def text(address: str = HONG_KONG) -> OutboundMessage:
    return OutboundMessage("d-1:status/go:lead:sms:0", "lead", address, "en", "status", VARIABLES)


def messenger(server: Answers, *, read_timeout_ms: int = 3000) -> AliyunGlobalMessenger:
    account = Account(server.url, "http", "testAK", "testSK", read_timeout_ms=read_timeout_ms)
    return AliyunGlobalMessenger(account, sender="DRILL")


def test_a_text_leaves_signed_with_its_number_and_words(server: Answers) -> None:
    result = messenger(server).send(text())

    [asked] = server.asked
    query = parse_qs(urlsplit(asked.path).query)
    assert (result.state, result.provider, result.provider_id, result.traceable) == ("accepted", "aliyun-global", "m-1", False)
    assert (asked.headers["x-acs-action"], asked.headers["x-acs-version"]) == ("SendMessageToGlobe", "2018-05-01")
    assert (query["To"], query["From"]) == (["85251234567"], ["DRILL"])
    assert query["Message"] == ["Drill d: p s, time 3s. No answer asked."]
    signed = Request("POST", asked.path, asked.headers, asked.body)
    assert verify_api(signed, {"testAK": "testSK"}, now=datetime.now(UTC), nonces=Nonces()) == "testAK"


@pytest.mark.parametrize("number", ["+8613900000001", "13900000001", "nobody"])
def test_mainland_numbers_are_refused_before_anything_leaves(number: str, server: Answers) -> None:
    result = messenger(server).send(text(number))

    assert (result.state, result.code) == ("rejected", "not-abroad")
    assert server.asked == []


@pytest.mark.parametrize(("code", "state"), [("MOBILE_NUMBER_ILLEGAL", "rejected"), ("isp.SYSTEM_ERROR", "in_doubt")])
def test_a_refusal_in_the_body_is_a_refusal(code: str, state: str, server: Answers) -> None:
    server.say({"ResponseCode": code, "ResponseDescription": "85251234567 is bad", "RequestId": "r"})

    result = messenger(server).send(text())

    assert (result.state, result.code, result.provider) == (state, code, "aliyun-global")
    assert "51234567" not in result.detail


def test_no_answer_is_in_doubt_for_good(server: Answers) -> None:
    server.hang_s = 0.8
    post = messenger(server, read_timeout_ms=300)

    result = post.send(text())

    assert (result.state, result.traceable) == ("in_doubt", False)
    assert post.look_up(text()) == "unknown"
    assert len(server.asked) == 1


def test_a_gateway_that_is_not_there_was_never_reached() -> None:
    account = Account(f"127.0.0.1:{free_port()}", "http", "testAK", "testSK")

    result = AliyunGlobalMessenger(account).send(text())

    assert (result.state, result.code) == ("rejected", "not-sent")
