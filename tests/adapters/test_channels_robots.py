"""Chats and webhooks: what they answer is judged by its body, and no group ever reads a reply code."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest

from drill.adapters.channels_robots import Kind, Robot, RobotMessenger
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from tests.adapters.channel_servers import Answers, answering, free_port

VARIABLES = {"drill": "Loss", "phase": "Go", "state": "is done", "within": "5m", "code": "4821"}
ERRCODES = ["dingtalk", "wecom", "feishu"]
SAYS_YES: dict[str, Any] = {
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"StatusCode": 0, "StatusMessage": "success", "code": 0, "msg": "success"},
    "slack": b"ok",
    "webhook": b"",
}


@pytest.fixture
def server() -> Iterator[Answers]:
    with answering() as running:
        yield running


def question(number: int = 1) -> OutboundMessage:
    return OutboundMessage(f"d-1:gate/go:lead:chat:{number}", "lead", "", "en", "gate", VARIABLES)


def robot(server: Answers, kind: Any, **more: Any) -> RobotMessenger:
    server.say(SAYS_YES[kind])
    path = "/robot/send?access_token=TOKEN0123456789abcdef"
    return RobotMessenger(Robot("chat", kind, f"{server.url}{path}", **more), timeout_s=1.0, now_s=lambda: 1_700_000_000.25)


def said(server: Answers) -> str:
    return server.asked[-1].body.decode()


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_chat_that_takes_a_message_has_shown_it(kind: str, server: Answers) -> None:
    messenger = robot(server, kind)

    result = messenger.send(question())

    assert (result.state, messenger.channel) == ("accepted", "chat")
    assert messenger.look_up(question()) == "delivered"
    assert messenger.look_up(question(2)) == "unknown"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_group_never_reads_the_code_and_a_private_chat_does(kind: str, server: Answers) -> None:
    robot(server, kind).send(question())
    in_group = said(server)
    robot(server, kind, private=True).send(question())
    alone = said(server)

    assert "4821" not in in_group
    assert "····" in in_group
    assert "lead" in in_group
    assert "4821" in alone
    assert "drill ack d-1 --as lead and type code 4821" in alone


@pytest.mark.parametrize("kind", ERRCODES)
@pytest.mark.parametrize(
    "answer",
    [{"errcode": 310000, "errmsg": "sign not match"}, {"code": 19021, "msg": "sign match fail"}, {"errcode": "0"}, {"errcode": False}, {}],
)
def test_http_200_with_an_error_number_is_a_refusal(kind: str, answer: Any, server: Answers) -> None:
    messenger = robot(server, kind)
    server.say(answer)

    result = messenger.send(question())

    assert result.state == "rejected"
    assert messenger.look_up(question()) == "unknown"


@pytest.mark.parametrize("kind", [*ERRCODES, "slack"])
def test_a_sign_in_page_that_answers_200_is_no_acceptance(kind: str, server: Answers) -> None:
    messenger = robot(server, kind)
    server.say(b"<html>" + b"Please sign in. " * 40)

    assert messenger.send(question()).state == "in_doubt"


def test_slack_says_why_it_refuses(server: Answers) -> None:
    messenger = robot(server, "slack")
    server.say(b"channel_is_archived")

    result = messenger.send(question())

    assert (result.state, result.detail) == ("rejected", "channel_is_archived")


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize(("status", "state", "retryable"), [(500, "in_doubt", False), (403, "rejected", False), (429, "rejected", True)])
def test_an_http_error_is_what_its_status_says(kind: str, status: int, state: str, retryable: bool, server: Answers) -> None:  # noqa: FBT001
    messenger = robot(server, kind)
    server.say(b"", status=status)

    result = messenger.send(question())

    assert (result.state, result.retryable, result.traceable) == (state, retryable, False)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_redirect_is_not_followed(kind: str, server: Answers) -> None:
    messenger = robot(server, kind)
    server.say(b"", status=302, headers={"Location": f"{server.url}/welcome"})

    assert messenger.send(question()).state == "rejected"
    assert len(server.asked) == 1


def test_a_chat_that_does_not_answer_leaves_the_send_in_doubt(server: Answers) -> None:
    messenger = robot(server, "dingtalk")
    server.hang_s = 1.5

    result = messenger.send(question())

    assert (result.state, result.code, result.traceable) == ("in_doubt", "no-answer", False)


def test_a_chat_nobody_serves_was_never_reached() -> None:
    messenger = RobotMessenger(Robot("chat", "wecom", f"http://127.0.0.1:{free_port()}/send?key=TOKEN"))

    result = messenger.send(question())

    assert (result.state, result.code, result.retryable) == ("rejected", "not-sent", True)


def test_dingtalk_gets_its_signature_encoded_once(server: Answers) -> None:
    robot(server, "dingtalk", secret="SECdrill").send(question())

    sent = parse_qs(urlsplit(server.asked[0].path).query)
    expected = base64.b64encode(hmac.new(b"SECdrill", b"1700000000250\nSECdrill", hashlib.sha256).digest()).decode()
    assert (sent["timestamp"], sent["sign"]) == (["1700000000250"], [expected])
    assert sent["access_token"] == ["TOKEN0123456789abcdef"]


def test_feishu_gets_its_signature_in_the_body(server: Answers) -> None:
    robot(server, "feishu", secret="SECdrill").send(question())

    body = server.asked[0].json()
    expected = base64.b64encode(hmac.new(b"1700000000\nSECdrill", b"", hashlib.sha256).digest()).decode()
    assert (body["timestamp"], body["sign"]) == ("1700000000", expected)


def test_a_webhook_can_check_who_called_and_drop_what_it_has(server: Answers) -> None:
    robot(server, "webhook", secret="SECdrill").send(question())

    asked = server.asked[0]
    digest = hmac.new(b"SECdrill", asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["x-drill-signature"] == f"sha256={digest}"
    assert asked.headers["idempotency-key"] == question().id
    assert (asked.json()["transaction"], asked.json()["drill"]) == ("d-1:gate/go:lead", "d-1")


@pytest.mark.parametrize("url", ["http://oapi.example.com/robot/send?access_token=T", "ftp://127.0.0.1/x"])
def test_a_token_never_travels_in_the_open(url: str) -> None:
    with pytest.raises(PreflightFailed, match="not https"):
        RobotMessenger(Robot("chat", "dingtalk", url))


def test_no_token_shows_in_what_a_refusal_says(server: Answers) -> None:
    messenger = robot(server, "dingtalk", secret="SECdrill")
    server.say({"errcode": 40035, "errmsg": "bad /robot/send?access_token=TOKEN0123456789abcdef 0123456789abcdef0123"})

    result: SendResult = messenger.send(question())

    assert "0123456789abcdef" not in repr(result) + repr(messenger.__dict__["_robot"])
