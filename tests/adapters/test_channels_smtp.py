"""E-mail: taken, refused, not reached or in doubt, and no password in the open."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import pytest

from drill.adapters.channels_smtp import MailServer, SmtpMessenger
from drill.model.ports import OutboundMessage
from tests.adapters.channel_servers import MailSink, free_port, mail_sink

VARIABLES = {"drill": "主地域中断", "phase": "Go", "state": "is done", "within": "5m", "code": "4821"}


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


def question(language: Any = "en") -> OutboundMessage:
    return OutboundMessage("d-1:gate/go:lead:email:0", "lead", "lead@example.com", language, "gate", VARIABLES)


def messenger(port: int, **more: Any) -> SmtpMessenger:
    return SmtpMessenger(MailServer("127.0.0.1", port, "Drill <drill@example.com>", **{"tls": "none", "timeout_s": 2.0, **more}))


def read(text: str) -> EmailMessage:
    return message_from_string(text, policy=policy.default)


def test_a_mail_says_what_the_text_says_and_how_to_answer(sink: MailSink) -> None:
    post = messenger(sink.port)

    result = post.send(question())

    mail = read(sink.mails[0])
    assert (result.state, post.look_up(question())) == ("accepted", "accepted")
    assert mail["To"] == "lead@example.com"
    assert "主地域中断" in mail["Subject"]
    assert "code 4821" in mail.get_content()
    assert "drill ack d-1 --as lead and type code 4821" in mail.get_content()


def test_a_result_says_where_the_report_is(sink: MailSink) -> None:
    variables = {"drill": "d", "outcome": "met", "rta": "3s", "rpa": "0s", "digest": "abc"}
    message = OutboundMessage(
        "d-1:result/end:lead:email:0", "lead", "lead@example.com", "en", "result", variables, "reports/d-1/index.html"
    )

    messenger(sink.port).send(message)

    assert "Report: reports/d-1/index.html" in read(sink.mails[0]).get_content()


def test_the_same_message_is_the_same_mail_and_a_drill_is_one_thread(sink: MailSink) -> None:
    for _ in range(2):
        messenger(sink.port).send(question("zh"))

    first, second = map(read, sink.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["References"] == second["References"]
    assert first["X-Drill-Transaction"] == "d-1:gate/go:lead"
    assert sink.mails[0].isascii()


@pytest.mark.parametrize(
    ("verb", "line", "retryable"),
    [
        ("RCPT", "550 no such user lead@example.com", False),
        ("MAIL", "451 later", True),
        ("END", "554 spam", False),
        ("DATA", "503 no", False),
    ],
)
def test_a_refusal_is_what_its_code_says(verb: str, line: str, retryable: bool, sink: MailSink) -> None:  # noqa: FBT001
    sink.refuse[verb] = line

    result = messenger(sink.port).send(question())

    assert (result.state, result.code, result.retryable) == ("rejected", f"SMTP{line[:3]}", retryable)
    assert "example.com" not in result.detail
    assert sink.mails == []


@pytest.mark.parametrize(("moment", "state"), [("RCPT", "rejected"), ("END", "in_doubt"), ("AFTER", "accepted")])
def test_a_server_that_vanishes_leaves_doubt_only_while_it_had_the_text(moment: str, state: str, sink: MailSink) -> None:
    sink.vanish = moment

    result = messenger(sink.port).send(question())

    assert (result.state, result.traceable) == (state, False)


@pytest.mark.parametrize(("refuse", "state", "code"), [({}, "accepted", "OK"), ({"MAIL": "552 full"}, "rejected", "SMTP552")])
def test_how_a_server_says_good_bye_does_not_count(refuse: dict[str, str], state: str, code: str, sink: MailSink) -> None:
    sink.refuse = {**refuse, "QUIT": "250 as you like"}

    result = messenger(sink.port).send(question())

    assert (result.state, result.code) == (state, code)


def test_a_server_that_is_not_there_was_never_reached() -> None:
    result = messenger(free_port()).send(question())

    assert (result.state, result.code, result.retryable) == ("rejected", "not-sent", True)


def test_a_server_without_starttls_gets_nothing_when_tls_was_asked_for(sink: MailSink) -> None:
    sink.refuse["STAR"] = "502 what"

    result = messenger(sink.port, tls="starttls").send(question())

    assert result.state == "rejected"
    assert sink.mails == []


def test_an_address_that_would_add_a_header_is_refused(sink: MailSink) -> None:
    message = OutboundMessage("d-1:gate/go:lead:email:0", "lead", "a@example.com\nBcc: b@example.com", "en", "gate", VARIABLES)

    assert messenger(sink.port).send(message).state == "rejected"
    assert sink.mails == []
