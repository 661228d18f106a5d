"""The virtual carrier and its phone: who may talk to it, what it keeps, and how the phone answers."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.model.errors import UsageError
from drill.model.wording import CATALOGUE, SANDBOX_CODES, Language, render
from drill.sandbox.carrier import Habits, build
from drill.sandbox.carrier_api import Api
from drill.sandbox.carrier_http import Carrier
from drill.sandbox.carrier_ledger import KEY_ID, QUEUE, SIGN, Ledger
from drill.sandbox.phone import Phone
from drill.sandbox.phone_person import code_in
from tests.carrier_running import running_carrier

NUMBER = "13900000001"
GATE = {"drill": "d1", "phase": "rebuild", "state": "is done", "within": "5m", "code": "4821"}


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    (tmp_path / "phone-mode").write_text("auto")
    carrier = build(tmp_path, 0, Habits(answer_after_s=0.02))
    carrier.start()
    yield carrier
    carrier.end()


def send(carrier: Carrier, purpose: str = "gate", variables: dict[str, str] = GATE, **changed: str) -> dict[str, Any]:
    parameters = {
        "PhoneNumbers": NUMBER,
        "SignName": SIGN,
        "TemplateCode": SANDBOX_CODES[purpose]["en"],
        "TemplateParam": json.dumps(variables),
        "OutId": "m-1",
        **changed,
    }
    return carrier.api.call("SendSms", "2017-05-25", parameters, None)


def wait_for_answers(phone: Phone, count: int) -> list[dict[str, Any]]:
    for _ in range(2000):
        if len(phone.answers()) >= count:
            break
        threading.Event().wait(0.01)
    return phone.answers()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("code", ["4821", "482195"])
def test_a_person_finds_the_code_in_every_text_that_asks(language: Language, code: str) -> None:
    for (purpose, spoken), template in CATALOGUE.items():
        if spoken == language:
            values = {name: code if name == "code" else "2026 1234" for name in template.variables}
            assert code_in(render(purpose, language, values)) == (code if "code" in values else None)


def test_auto_answers_questions_and_leaves_status_texts_alone(tmp_path: Path, carrier: Carrier) -> None:
    phone = Phone(tmp_path)
    send(carrier, "status", {"drill": "d1", "phase": "p", "state": "s", "took": "3s"})
    send(carrier)

    answers = wait_for_answers(phone, 1)

    assert [(answer["number"], answer["text"]) for answer in answers] == [(NUMBER, "1 4821")]
    assert len(phone.messages()) == 2
    assert len(carrier.queues[QUEUE].receive(16, 0)) == 1


@pytest.mark.parametrize("mode", ["manual", "silent"])
def test_manual_and_silent_phones_do_not_answer(tmp_path: Path, carrier: Carrier, mode: str) -> None:
    phone = Phone(tmp_path)
    phone.set_mode(mode)

    send(carrier)
    threading.Event().wait(0.1)

    assert phone.answers() == []


def test_once_answers_the_first_question_of_its_life_also_after_a_restart(tmp_path: Path, carrier: Carrier) -> None:
    phone = Phone(tmp_path)
    phone.set_mode("once")
    send(carrier)
    wait_for_answers(phone, 1)
    send(carrier)
    threading.Event().wait(0.1)

    again = build(tmp_path, 0, Habits(answer_after_s=0.02))
    again.start()
    send(again)
    threading.Event().wait(0.1)
    again.end()

    assert len(Ledger(tmp_path).answers()) == 1


def test_a_mode_set_while_the_phone_thinks_still_counts(tmp_path: Path) -> None:
    (tmp_path / "phone-mode").write_text("auto")
    carrier = build(tmp_path, 0, Habits(answer_after_s=1.0))
    carrier.start()
    phone = Phone(tmp_path)

    send(carrier)
    phone.set_mode("manual")
    threading.Event().wait(1.3)
    answers = phone.answers()
    carrier.end()

    assert answers == []


def test_a_person_answers_by_hand_and_the_queue_gets_it(tmp_path: Path, carrier: Carrier) -> None:
    phone = Phone(tmp_path)

    phone.reply("+86 139 0000 0002", "不确认 4821")

    [parcel] = carrier.queues[QUEUE].receive(16, 1)
    assert parcel.dequeues == 1
    assert phone.answers()[0]["text"] == "不确认 4821"
    assert phone.answers()[0]["number"] == "13900000002"


def test_following_the_phone_returns_what_is_new(tmp_path: Path, carrier: Carrier) -> None:
    phone = Phone(tmp_path)
    phone.set_mode("manual")
    send(carrier)
    threading.Timer(0.1, send, (carrier,), {"OutId": "m-2"}).start()

    [text] = phone.messages(after=1, wait_s=5)

    assert (text.out_id, text.code) == ("m-2", "4821")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"PhoneNumbers": ""}, "isv.MOBILE_COUNT_OVER_LIMIT"),
        ({"PhoneNumbers": "123"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"SignName": "别人"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"TemplateCode": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"TemplateParam": "{"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": "[]"}, "isv.INVALID_JSON_PARAM"),
        ({"TemplateParam": "{}"}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"TemplateParam": json.dumps({**GATE, "phase": "x" * 36})}, "isv.PARAM_LENGTH_LIMIT"),
        ({"TemplateParam": json.dumps({**GATE, "phase": "https://x"})}, "isv.PARAM_NOT_SUPPORT_URL"),
        ({"TemplateParam": json.dumps({**GATE, "phase": "db.example.com"})}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
    ],
)
def test_a_text_the_vendor_would_refuse_is_refused_and_not_kept(carrier: Carrier, changed: dict[str, str], code: str) -> None:
    answer = send(carrier, "gate", GATE, **changed)

    assert answer["Code"] == code
    assert carrier.ledger.texts() == []


def test_a_daily_limit_refuses_the_text_beyond_it(tmp_path: Path) -> None:
    api = Api(Ledger(tmp_path), lambda *_: None, daily_limit=2, receipt_s=0, token_life_s=60)
    parameters = {"PhoneNumbers": NUMBER, "SignName": SIGN, "TemplateCode": "SMS_DRILL_GATE_EN", "TemplateParam": json.dumps(GATE)}

    codes = [api.call("SendSms", "2017-05-25", parameters, None)["Code"] for _ in range(3)]

    assert codes == ["OK", "OK", "isv.BUSINESS_LIMIT_CONTROL"]


def call(carrier: Carrier, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", carrier.server_address[1], timeout=5)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = (response.status, response.read().decode())
    connection.close()
    return answer


def test_nobody_without_a_signature_or_the_token_gets_anything(carrier: Carrier) -> None:
    send(carrier)

    answers = {
        "api": call(carrier, "POST", "/?PhoneNumbers=1", {"x-acs-action": "SendSms"}),
        "queue": call(carrier, "GET", "/queues/x/messages"),
        "phone": call(carrier, "GET", "/phone/messages"),
        "wrong": call(carrier, "GET", "/phone/messages", {"Authorization": "Bearer wrong"}),
        "reply": call(carrier, "POST", "/phone/reply", body=b"{}"),
        "faults": call(carrier, "POST", "/faults", body=b"{}"),
    }

    assert {name: status for name, (status, _) in answers.items()} == {
        "api": 400, "queue": 403, "phone": 401, "wrong": 401, "reply": 401, "faults": 401,
    }  # fmt: skip
    assert not any("4821" in body for _, body in answers.values())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/phone/reply", b"not json", 400),
        ("POST", "/phone/reply", b"[]", 400),
        ("POST", "/phone/reply", b'{"number": "abc", "text": "1"}', 400),
        ("POST", "/phone/reply", b'{"number": "13900000001", "text": " "}', 400),
        ("POST", "/phone/mode", b'{"mode": "loud"}', 400),
        ("POST", "/faults", b'{"action": "SendSms", "fault": "explode"}', 400),
        ("POST", "/faults", b'{"action": "SendSms", "fault": "delay", "seconds": "x"}', 400),
        ("GET", "/phone/messages?after=x", None, 400),
        ("GET", "/phone/nothing", None, 404),
    ],
)
def test_a_malformed_request_of_a_person_is_refused_with_a_reason(
    tmp_path: Path, carrier: Carrier, method: str, path: str, body: bytes | None, status: int
) -> None:
    token = (tmp_path / "phone-token").read_text()

    got, said = call(carrier, method, path, {"Authorization": f"Bearer {token}"}, body)

    assert got == status
    assert json.loads(said)["error"]


def test_what_holds_keys_numbers_or_codes_is_readable_by_its_owner_only(tmp_path: Path, carrier: Carrier) -> None:
    send(carrier)
    wait_for_answers(Phone(tmp_path), 1)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != "phone-mode"}

    assert modes == dict.fromkeys(["carrier.json", "phone-token", "phone.jsonl", "phone-answers.jsonl"], 0o600)


def test_a_restarted_carrier_keeps_its_keys_and_its_texts(tmp_path: Path) -> None:
    with running_carrier(tmp_path) as first:
        key = first.account["key_secret"]
        assert first.account["key_id"] == KEY_ID
    (tmp_path / "phone.jsonl").write_text(
        json.dumps({"number": NUMBER, "text": "t", "template": "x", "out_id": "m", "biz_id": "b", "at": "2026-11-23T03:00:00.000Z"})
        + '\n{"cut'
    )

    with running_carrier(tmp_path) as second:
        assert second.account["key_secret"] == key
        assert [text.out_id for text in second.phone.messages()] == ["m"]

    assert not (tmp_path / "carrier.ready").exists()


def test_a_phone_without_its_carrier_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drill sandbox up"):
        Phone(tmp_path).messages()


def test_a_hidden_text_becomes_visible_again_at_once_when_asked(carrier: Carrier) -> None:
    carrier.queues[QUEUE].put({"content": "1"})
    [first] = carrier.queues[QUEUE].receive(1, 0)
    hidden = carrier.queues[QUEUE].receive(1, 0)

    changed = carrier.queues[QUEUE].change_visibility(first.handle, 0)
    [again] = carrier.queues[QUEUE].receive(1, 0)

    assert hidden == []
    assert changed is not None
    assert (again.id, again.dequeues) == (first.id, 2)
    assert carrier.queues[QUEUE].delete([first.handle]) == [first.handle]
    assert carrier.queues[QUEUE].delete([again.handle]) == []


def test_an_answer_is_not_handed_to_a_caller_who_hung_up(carrier: Carrier) -> None:
    carrier.queues[QUEUE].put({"content": "1"})

    assert carrier.queues[QUEUE].receive(1, 0, wanted=lambda: False) == []
    assert len(carrier.queues[QUEUE].receive(1, 0)) == 1
