"""Texts through the vendor's real client against the carrier process."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.sms_aliyun import AliyunMessenger
from drill.adapters.sms_aliyun_errors import AMBIGUOUS, MEANINGS, redact, refused
from drill.model.errors import PreflightFailed
from drill.model.ports import OutboundMessage, SendResult
from drill.model.wording import CATALOGUE
from tests.carrier_running import RunningCarrier, running_carrier

NUMBER = "+8613900000001"
CODE = "4821"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    with running_carrier(tmp_path_factory.mktemp("carrier"), options=("--receipt-after", "1")) as carrier:
        yield carrier


@pytest.fixture
def carrier(serving: RunningCarrier) -> Iterator[RunningCarrier]:
    yield serving
    serving.phone.clear_faults()


def messenger_of(carrier: RunningCarrier, *, secret: str = "", endpoint: str = "", read_timeout_s: float = 1.0) -> AliyunMessenger:
    account = carrier.account
    return AliyunMessenger(
        endpoint or account["endpoint"],
        "http",
        account["key_id"],
        secret or account["key_secret"],
        account["sign"],
        account["templates"],
        read_timeout_s=read_timeout_s,
    )


def gate(message_id: str, **changed: str) -> OutboundMessage:
    variables = {"drill": "d1", "phase": "rebuild", "state": "is done", "within": "5m", "code": CODE, **changed}
    return OutboundMessage(message_id, "lead", NUMBER, "en", "gate", variables)


def test_a_text_reaches_the_phone_with_its_code_and_its_out_id(carrier: RunningCarrier) -> None:
    before = len(carrier.phone.messages())

    result = messenger_of(carrier).send(gate("m-1"))

    [text] = carrier.phone.messages(after=before, wait_s=2)
    assert result.state == "accepted"
    assert result.provider_id
    assert (text.number, text.out_id, text.code) == ("13900000001", "m-1", CODE)
    rows = [json.loads(line) for line in (carrier.directory / "phone.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["signature_verified"] is True
    assert rows[-1]["biz_id"] == result.provider_id


@pytest.mark.parametrize(("purpose", "language"), list(CATALOGUE))
def test_every_text_of_the_catalogue_is_accepted(carrier: RunningCarrier, purpose: str, language: str) -> None:
    template = CATALOGUE[purpose, language]  # type: ignore[index]
    variables = dict.fromkeys(template.variables, "4821")

    result = messenger_of(carrier).send(
        OutboundMessage(f"{purpose}-{language}", "lead", NUMBER, template.language, template.purpose, variables)
    )

    assert result.state == "accepted"


def test_a_sent_text_is_looked_up_by_its_id_until_it_is_delivered(carrier: RunningCarrier) -> None:
    messenger, message = messenger_of(carrier), gate("m-look")

    before = messenger.look_up(message)
    messenger.send(message)
    states = set()
    until_s = time.monotonic() + 30
    while "delivered" not in states and time.monotonic() < until_s:
        states.add(messenger.look_up(message))
        threading.Event().wait(0.02)

    assert before == "unknown"
    assert states == {"accepted", "delivered"}


def test_a_text_the_carrier_cannot_deliver_is_looked_up_as_failed(carrier: RunningCarrier) -> None:
    messenger, message = messenger_of(carrier), gate("m-dead")
    carrier.phone.order_fault("SendSms", "undeliverable", code="MOBILE_NOT_ON_SERVICE")

    result = messenger.send(message)
    until_s = time.monotonic() + 30
    while messenger.look_up(message) == "accepted" and time.monotonic() < until_s:
        threading.Event().wait(0.02)

    assert result.state == "accepted"
    assert messenger.look_up(message) == "failed"


def test_a_lost_text_stays_accepted_and_never_reaches_the_phone(carrier: RunningCarrier) -> None:
    messenger, message = messenger_of(carrier), gate("m-lost")
    carrier.phone.order_fault("SendSms", "drop")

    messenger.send(message)
    threading.Event().wait(1.3)  # a receipt comes after a second

    assert messenger.look_up(message) == "accepted"
    assert "m-lost" not in {text.out_id for text in carrier.phone.messages()}


def test_a_send_without_an_answer_is_in_doubt_sent_once_and_found_by_look_up(carrier: RunningCarrier) -> None:
    messenger, message = messenger_of(carrier, read_timeout_s=0.3), gate("m-hang")
    carrier.phone.order_fault("SendSms", "hang", seconds=1.0)

    result = messenger.send(message)

    assert result.state == "in_doubt"
    assert [text.out_id for text in carrier.phone.messages()].count("m-hang") == 1
    assert messenger.look_up(message) in {"accepted", "delivered"}


def test_a_send_that_never_took_effect_is_in_doubt_and_unknown_to_look_up(carrier: RunningCarrier) -> None:
    messenger, message = messenger_of(carrier), gate("m-void")
    carrier.phone.order_fault("SendSms", "hang", seconds=0.0, effect=False)

    result = messenger.send(message)

    assert result.state == "in_doubt"
    assert messenger.look_up(message) == "unknown"


@pytest.mark.parametrize(
    ("fault", "fields", "state", "retryable"),
    [
        ("reject", {"code": "isv.BUSINESS_LIMIT_CONTROL"}, "rejected", False),
        ("reject", {"code": "isv.OUT_OF_SERVICE"}, "rejected", False),
        ("reject", {"code": "isv.SOMETHING_NEW"}, "rejected", False),
        ("reject", {"code": "isp.SYSTEM_ERROR"}, "in_doubt", True),
        ("error", {"status": 400, "code": "Throttling.User"}, "rejected", True),
        ("error", {"status": 429, "code": "Busy", "retry_after_ms": 200}, "rejected", True),
        ("error", {"status": 503, "code": "Throttling", "retry_after_ms": 200}, "rejected", True),
        ("error", {"status": 403, "code": "NoPermission"}, "rejected", False),
        ("error", {"status": 400, "code": "SignatureNonceUsed"}, "rejected", True),
        ("error", {"status": 500, "code": "InternalError"}, "in_doubt", True),
        ("garbage", {}, "in_doubt", False),
    ],
)
def test_a_refusal_says_whether_the_text_may_be_repeated(
    carrier: RunningCarrier, fault: str, fields: dict[str, object], state: str, retryable: object
) -> None:
    carrier.phone.order_fault("SendSms", fault, **fields)

    result = messenger_of(carrier).send(gate("m-refused"))

    assert (result.state, result.retryable) == (state, retryable)
    assert result.code == fields.get("code", "no-answer")


def test_an_unreachable_provider_is_retryable_because_nothing_was_sent(carrier: RunningCarrier) -> None:
    result = messenger_of(carrier, endpoint="127.0.0.1:9").send(gate("m-closed"))

    assert (result.state, result.code, result.retryable) == ("rejected", "not-sent", True)


def test_no_number_and_no_code_appears_in_what_a_failure_says(
    carrier: RunningCarrier, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    results: list[SendResult] = [messenger_of(carrier, endpoint="127.0.0.1:9").send(gate("m-a"))]
    carrier.phone.order_fault("SendSms", "hang", seconds=1.0)
    results.append(messenger_of(carrier, read_timeout_s=0.2).send(gate("m-b")))
    carrier.phone.order_fault("SendSms", "reject", code="isv.MOBILE_NUMBER_ILLEGAL", message="13900000001invalid, code 4821")
    with caplog.at_level(logging.DEBUG):
        results.append(messenger_of(carrier).send(gate("m-c")))

    printed = capfd.readouterr()
    said = " ".join([*map(repr, results), caplog.text, printed.out, printed.err, repr(gate("m-d"))])
    assert all(result.state != "accepted" for result in results)
    assert "13900000001" not in said
    assert CODE not in said


@pytest.mark.parametrize("text", ["to 13900000001", "+86 139-0000-0001 bad", "/?PhoneNumbers=1&Code=22", "code 4821", "%224821%22"])
def test_redaction_leaves_nothing_to_dial_or_to_reply(text: str) -> None:
    assert not any(hidden in redact(text) for hidden in ("13900000001", "139-0000-0001", "PhoneNumbers=1", "4821"))


def test_every_code_of_the_table_has_a_remedy_and_none_is_repeated_blindly() -> None:
    for code, meaning in MEANINGS.items():
        assert meaning.fix
        assert refused(code, "x").state == "rejected"
    assert all(refused(code, "x").state == "in_doubt" for code in AMBIGUOUS)
    assert len(MEANINGS) >= 45


def test_a_purpose_without_a_template_is_refused_with_its_place_in_the_scenario(carrier: RunningCarrier) -> None:
    account = carrier.account
    messenger = AliyunMessenger(account["endpoint"], "http", account["key_id"], account["key_secret"], account["sign"], {})

    result = messenger.send(gate("m-none"))

    assert (result.state, result.code) == ("rejected", "no-template")
    assert "messages.sms.templates.gate.en" in result.detail


def test_warming_up_accepts_a_good_account_and_names_what_is_wrong_with_a_bad_one(carrier: RunningCarrier) -> None:
    messenger_of(carrier).warm()

    with pytest.raises(PreflightFailed, match="SignatureDoesNotMatch"):
        messenger_of(carrier, secret="wrong").warm()
    with pytest.raises(PreflightFailed, match="cannot be reached"):
        messenger_of(carrier, endpoint="127.0.0.1:9").warm()


def test_a_loopback_endpoint_is_called_directly_whatever_the_proxy_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with running_carrier(tmp_path) as carrier:
        result = messenger_of(carrier).send(gate("m-proxy"))

    assert result.state == "accepted"


def test_a_scheme_before_the_endpoint_does_no_harm(carrier: RunningCarrier) -> None:
    result = messenger_of(carrier, endpoint=f"http://{carrier.account['endpoint']}/").send(gate("m-scheme"))

    assert result.state == "accepted"


def test_threads_share_a_messenger(carrier: RunningCarrier) -> None:
    messenger, results = messenger_of(carrier, read_timeout_s=5), list[SendResult]()
    threads = [threading.Thread(target=lambda n=n: results.append(messenger.send(gate(f"m-t{n}")))) for n in range(12)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result.state for result in results] == ["accepted"] * 12
    assert len({result.provider_id for result in results}) == 12
