"""How messages leave follows from the plan alone: providers by number, channels by name, and what earlier drills saw of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drill.adapters.channels_robots import RobotMessenger
from drill.adapters.channels_routed import MergedReplySource, RoutedMessenger
from drill.adapters.channels_smtp import SmtpMessenger
from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.model.channel_order import Outcome
from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Mode, Plan
from drill.model.plan_channels import Abroad, Channel, Messages, SmsSettings
from drill.model.ports import OutboundMessage
from drill.settings import Settings
from drill.wiring.posts import Carrier, live_carrier, open_post, past_outcomes
from drill.wiring.records import Records
from tests.engine.drilling import phase_of, plan_of, step_of
from tests.fakes import FakeSecrets

CARRIER = Carrier("127.0.0.1:1", "http", "k", "s", queue_endpoint="http://127.0.0.1:1", queue="q")
SECRETS = FakeSecrets(
    {"SIGN": "演练", "CHAT": "https://chat.example.com/send?key=T", "OPEN": "http://chat.example.com/", "QUEUE": "https://q"}
)
CHAT = Channel(id="chat", kind="wecom", url="secret:CHAT")
MAIL = Channel(id="mail", kind="smtp", host="mail.example.com", port=587, sender="drill@example.com")


def plan(*channels: Channel, abroad: Abroad | None = None, provider: str = "aliyun") -> Plan:
    messages = Messages(sms=SmsSettings(provider=provider, sign="secret:SIGN", abroad=abroad), channels=channels)
    return plan_of(phase_of("a", step_of("a.x"))).model_copy(update={"messages": messages})


def text(number: str) -> OutboundMessage:
    return OutboundMessage("m", "lead", number, "en", "status", {"drill": "d"})


def test_channels_are_opened_by_name_and_texts_go_by_their_number() -> None:
    post = open_post(plan(CHAT, MAIL), SECRETS, CARRIER)

    assert {name: type(each) for name, each in post.messengers.items()} == {
        "sms": RoutedMessenger,
        "chat": RobotMessenger,
        "mail": SmtpMessenger,
    }
    assert post.messengers["sms"].send(text("+14155550101")).code == "no-route"
    assert isinstance(post.replies, AliyunReplySource)


@pytest.mark.parametrize("provider", ["aws", "aws-sns", "aliyun-global"])
def test_numbers_abroad_have_their_provider_once_it_is_set(provider: Any) -> None:
    keys = {"key_id": "secret:SIGN", "key_secret": "secret:SIGN"}
    abroad = Abroad(provider=provider, region="ap-southeast-1", **keys)

    post = open_post(plan(abroad=abroad), SECRETS, CARRIER)

    assert post.messengers["sms"].send(text("+14155550101")).code == "text"  # it came to the provider, which cannot say it
    assert post.messengers["sms"].send(text("+8613900000001")).code != "not-abroad"


def test_answers_come_from_both_worlds() -> None:
    abroad = Abroad(provider="aws", region="ap-southeast-1", replies="secret:QUEUE")

    assert isinstance(open_post(plan(abroad=abroad), SECRETS, CARRIER).replies, MergedReplySource)


def test_a_channel_whose_token_would_travel_in_the_open_stops_a_drill_before_it_starts() -> None:
    with pytest.raises(PreflightFailed, match="not https"):
        open_post(plan(CHAT.model_copy(update={"url": "secret:OPEN"})), SECRETS, CARRIER)


def test_only_a_provider_that_audits_has_an_audit() -> None:
    with pytest.raises(PreflightFailed, match="no audit"):
        live_carrier(plan(provider="aws"), SECRETS)


def test_earlier_drills_of_the_same_mode_tell_which_channels_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path))
    records = Records(Settings.load())
    made = plan()
    for name, mode in (("d-1", Mode.SANDBOX), ("d-2", Mode.LIVE), ("d-3", Mode.SANDBOX)):
        of_mode = made.model_copy(update={"mode": mode}).model_dump(mode="json")
        records.recorder(name).say(Kind.DRILL_PLANNED, "planned", plan=of_mode, plan_digest="", started_by="lead")
        sent: dict[str, Any] = {
            "message": name,
            "purpose": "status",
            "gate": None,
            "phase": "a",
            "contact": name,
            "channel": "sms",
            "text": "",
            "code": "",
        }
        records.recorder(name).say(Kind.MESSAGE_SENT, f"message/{name}", state="rejected", **sent)

    assert past_outcomes(records, "d-3", made) == [Outcome("d-1", "sms", reached=False)]


def test_events_of_aws_need_both_the_set_that_sends_them_and_the_queue_that_gets_them() -> None:
    from pydantic import ValidationError

    from drill.model.scenario_channels import AbroadForm

    whole = {"provider": "aws", "region": "ap-southeast-1", "configuration_set": "drill", "receipts": "secret:EVENTS"}

    assert AbroadForm.model_validate(whole).receipts == "secret:EVENTS"
    for left_out in ("configuration_set", "receipts"):
        with pytest.raises(ValidationError, match="together"):
            AbroadForm.model_validate({name: value for name, value in whole.items() if name != left_out})


def test_live_texts_go_to_the_provider_and_answers_come_from_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = FakeSecrets({"SMS_KEY_ID": "k", "SMS_KEY_SECRET": "s", "SMS_QUEUE": "Alicom-Queue-1-SmsUp"})

    live = live_carrier(plan(), keys, hears=True)
    monkeypatch.setenv("ALIBABA_ENDPOINT_DYBASEAPI", "http://127.0.0.1:8080")
    emulated = live_carrier(plan(), keys)

    assert (live.endpoint, live.protocol, live.queue) == ("dysmsapi.aliyuncs.com", "https", "Alicom-Queue-1-SmsUp")
    assert live.reply_endpoint == "dybaseapi.aliyuncs.com"
    assert live.queue_endpoint.startswith("https://1943695596114318.mns.")
    assert (emulated.reply_endpoint, emulated.queue) == ("127.0.0.1:8080", "")
