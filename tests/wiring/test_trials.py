"""One real message over every way to reach people: what arrives, what does not, and no whole number on the screen."""

from __future__ import annotations

from collections.abc import Mapping

from drill.model.plan import Plan
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import Messenger, SendResult
from drill.wiring.posts import Post
from drill.wiring.trials import Trial, try_everyone
from tests.engine.drilling import NUMBERS, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger, FakeReplySource, FakeSecrets

REFUSED = SendResult("rejected", "fake", code="isv.DENY_IP_RANGE", detail="Send from a host in mainland China.")
CHAT = Channel(id="chat", kind="wecom", url="secret:CHAT")


class NoAudit:
    def audit(self) -> list[object]:
        raise AssertionError


def plan() -> Plan:
    made = plan_of(phase_of("a", step_of("a.x")))
    lead = made.contact("lead").model_copy(update={"channels": ("sms", "chat")})
    return made.model_copy(update={"contacts": (lead, *made.contacts[1:]), "messages": Messages(channels=(CHAT,))})


def tried(messengers: Mapping[str, Messenger], *only: str, wait_s: float = 2.0) -> list[Trial]:
    post = Post(messengers, FakeReplySource(), NoAudit(), ())  # type: ignore[arg-type]
    secrets = FakeSecrets(NUMBERS)
    return list(try_everyone(plan(), post, secrets, name="try-1", only=only, wait_s=wait_s, sleep=lambda _seconds: None))


def test_every_number_and_channel_of_everyone_is_tried_once() -> None:
    sms, chat = FakeMessenger(), FakeMessenger(channel="chat")

    rows = tried({"sms": sms, "chat": chat})

    assert [(row.contact, row.channel) for row in rows] == [
        ("lead", "sms"),
        ("lead", "sms"),
        ("lead", "chat"),
        ("oncall", "sms"),
        ("manager", "sms"),
    ]
    assert all(row.ok and row.state == "delivered" for row in rows)
    assert len(sms.sent) == 4
    assert sms.sent[0].variables["phase"] == "message test"


def test_only_those_asked_for_are_sent_to() -> None:
    assert {row.contact for row in tried({"sms": FakeMessenger()}, "oncall")} == {"oncall"}


def test_a_refusal_is_shown_with_what_to_do() -> None:
    [row] = tried({"sms": FakeMessenger(REFUSED)}, "oncall")

    assert (row.ok, row.state, row.detail) == (False, "rejected", "isv.DENY_IP_RANGE; Send from a host in mainland China.")


def test_a_message_that_does_not_arrive_is_no_success_although_it_was_accepted() -> None:
    sms = FakeMessenger()
    sms.fates["try-1:status/test:oncall:sms:0"] = "failed"

    [row] = tried({"sms": sms}, "oncall")

    assert (row.ok, row.state) == (False, "not delivered")


def test_a_receipt_that_does_not_come_in_time_leaves_it_accepted() -> None:
    sms = FakeMessenger()
    sms.fates["try-1:status/test:oncall:sms:0"] = "accepted"

    [row] = tried({"sms": sms}, "oncall")

    assert (row.ok, row.state) == (True, "accepted")


def test_a_send_in_doubt_that_is_found_to_have_arrived_is_a_success() -> None:
    sms = FakeMessenger(SendResult("in_doubt", "fake", code="no-answer"))
    sms.fates["try-1:status/test:oncall:sms:0"] = "delivered"

    [row] = tried({"sms": sms}, "oncall")

    assert (row.ok, row.state) == (True, "delivered")


def test_no_number_is_shown_in_full() -> None:
    shown = repr(tried({"sms": FakeMessenger(), "chat": FakeMessenger(channel="chat")}))

    assert not [number for number in NUMBERS.values() if number in shown]
    assert "139****0001" in shown
