"""Calls through the vendor's own client to a carrier that lets a phone ring: keys answer, and nothing secret is spoken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill.adapters.sms_aliyun_sdk import Account
from drill.adapters.voice_aliyun import PROVIDER, Script, VoiceMessenger, out_id_of
from drill.adapters.voice_aliyun_reports import VoiceReportSource, read_report
from drill.model.ports import InboundMessage, OutboundMessage, SendResult
from tests.carrier_running import RunningCarrier, running_carrier

NUMBER = "13900000001"
WORDS = {"drill": "d", "phase": "p", "state": "s", "within": "5m", "code": "4821"}
ASKS = {"gate": {"zh": "TTS_DRILL_GATE_ZH"}, "escalation": {"zh": "TTS_OF_NOBODY"}}
MESSAGE = OutboundMessage("d-1:gate/go:lead:voice:0", "lead", f"+86{NUMBER}", "zh", "gate", WORDS)


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    with running_carrier(tmp_path_factory.mktemp("carrier")) as found:
        yield found


@pytest.fixture
def voice(carrier: RunningCarrier) -> VoiceMessenger:
    account = Account(carrier.account["endpoint"], "http", carrier.account["key_id"], carrier.account["key_secret"])
    return VoiceMessenger(account, Script("057100000000", ASKS, {"zh": "TTS_DRILL_THANKS_ZH"}))


@pytest.fixture
def reports(carrier: RunningCarrier) -> VoiceReportSource:
    keys = (carrier.account["key_id"], carrier.account["key_secret"])
    endpoint, queue = carrier.account["queue_endpoint"], carrier.account["voice_queue"]
    return VoiceReportSource(carrier.account["endpoint"], "http", *keys, queue_endpoint=endpoint, queue=queue)


def heard(reports: VoiceReportSource) -> list[InboundMessage]:
    found = reports.receive(3)
    for message in found:
        reports.done(message)
    return found


def test_a_key_pressed_in_a_call_comes_back_under_the_calls_id(
    voice: VoiceMessenger, reports: VoiceReportSource, carrier: RunningCarrier
) -> None:
    sent = voice.send(MESSAGE)
    [ringing] = carrier.phone.calls()

    carrier.phone.press(NUMBER, "1#")
    answer, told = heard(reports)

    assert (sent.state, sent.provider, sent.traceable) == ("accepted", PROVIDER, False)
    assert ringing == {"id": sent.provider_id, "number": NUMBER, "template": "TTS_DRILL_GATE_ZH", "keys": ["1", "2", "9"]}
    assert (answer.address, answer.text, answer.receipt) == (f"call:{sent.provider_id}", "1", None)
    assert told.receipt is not None
    assert (told.receipt.message, told.receipt.state) == (sent.provider_id, "delivered")
    assert reports.receive(0) == []


def test_a_call_that_nobody_takes_has_failed(voice: VoiceMessenger, reports: VoiceReportSource, carrier: RunningCarrier) -> None:
    sent = voice.send(MESSAGE)

    carrier.phone.press(NUMBER, "")
    [told] = heard(reports)

    assert told.receipt is not None
    assert (told.receipt.message, told.receipt.state) == (sent.provider_id, "failed")


def test_the_keys_of_a_report_come_again_until_its_receipt_is_stored(
    voice: VoiceMessenger, reports: VoiceReportSource, carrier: RunningCarrier
) -> None:
    voice.send(MESSAGE)
    carrier.phone.press(NUMBER, "9")
    answer, told = reports.receive(3)
    reports.done(answer)  # a crash here must lose nothing: the parcel still lies in the queue

    assert answer.handle == ""
    assert told.handle
    reports.done(told)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (OutboundMessage("m", "lead", NUMBER, "zh", "gate", {**WORDS, "code": "482195"}), "needs-code"),
        (OutboundMessage("m", "lead", NUMBER, "zh", "status", WORDS), "no-template"),
        (OutboundMessage("m", "lead", NUMBER, "en", "gate", WORDS), "no-template"),
        (OutboundMessage("m", "lead", "+14155550101", "zh", "gate", WORDS), "not-mainland"),
        (OutboundMessage("m", "lead", NUMBER, "zh", "escalation", WORDS), "isv.TTS_TEMPLATE_ILLEGAL"),
    ],
)
def test_what_cannot_be_asked_by_a_call_is_refused_and_says_why(
    message: OutboundMessage, code: str, voice: VoiceMessenger, carrier: RunningCarrier
) -> None:
    result = voice.send(message)

    assert (result.state, result.code, result.retryable) == ("rejected", code, False)
    assert result.detail
    assert carrier.phone.calls() == []


@pytest.mark.parametrize("fault", ["garbage", "hang"])
def test_a_call_without_an_answer_is_in_doubt_and_not_repeated(fault: str, carrier: RunningCarrier) -> None:
    account = Account(carrier.account["endpoint"], "http", carrier.account["key_id"], carrier.account["key_secret"], 3000, 700)
    voice = VoiceMessenger(account, Script("057100000000", ASKS, {"zh": "TTS_DRILL_THANKS_ZH"}))
    carrier.phone.order_fault("IvrCall", fault, seconds=1.5)

    result = voice.send(MESSAGE)

    assert (result.state, result.traceable, voice.look_up(MESSAGE)) == ("in_doubt", False, "unknown")
    assert len(carrier.phone.calls()) == 1
    carrier.phone.press(NUMBER, "")


def test_no_code_is_spoken_and_no_number_or_code_is_told(monkeypatch: pytest.MonkeyPatch, voice: VoiceMessenger) -> None:
    from alibabacloud_dyvmsapi20170525.client import Client

    asked = []

    def call(_client: Client, request: object) -> None:
        asked.append(request)
        raise RuntimeError(f"?CalledNumber={NUMBER}&StartTtsParams=4821")

    monkeypatch.setattr(Client, "ivr_call", call)
    result = voice.send(MESSAGE)

    assert "code" not in json.loads(asked[0].start_tts_params)  # type: ignore[attr-defined]
    assert asked[0].out_id == out_id_of(MESSAGE.id)  # type: ignore[attr-defined]
    assert len(out_id_of(MESSAGE.id).encode()) == 15
    assert isinstance(result, SendResult)
    assert NUMBER not in result.detail
    assert "4821" not in result.detail


@pytest.mark.parametrize("body", ["", "[]", "null", "{}", '{"call_id": "1"}', '{"status_code": "200000"}', "x"])
def test_what_is_no_report_is_read_as_nothing(body: str) -> None:
    assert read_report(body, message_id="m", handle="h") == []


def test_a_carrier_knows_no_call_that_does_not_ring(carrier: RunningCarrier, tmp_path: Path) -> None:
    from drill.model.errors import UsageError

    assert tmp_path.exists()
    with pytest.raises(UsageError):
        carrier.phone.press("13900000009", "1")


def test_in_auto_mode_the_phone_picks_up_and_presses_yes_and_says_that_nobody_did(
    voice: VoiceMessenger, reports: VoiceReportSource, carrier: RunningCarrier
) -> None:
    carrier.phone.set_mode("auto")
    try:
        call = voice.send(replace(MESSAGE, address="+8613900000005")).provider_id
        mine: list[InboundMessage] = []
        while len(mine) < 2:  # reports of other tests' calls may still wait
            mine += [message for message in heard(reports) if message.address == f"call:{call}"]
    finally:
        carrier.phone.set_mode("manual")

    answer, told = mine
    assert (answer.text, answer.automatic) == ("1", True)
    assert told.receipt is not None
    assert told.receipt.state == "delivered"
    assert call not in {ringing["id"] for ringing in carrier.phone.calls()}
