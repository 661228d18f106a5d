"""What a provider allows: a text over its limit takes the next channel, a blocked number has peace, an account is not hurried."""

from __future__ import annotations

from drill.engine.notify import Notifier
from drill.engine.outbox_memory import MemoryLedger
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Limit, Way
from tests.engine.drilling import Stage
from tests.engine.outbox_post import plan
from tests.fakes import FakeMessenger


class Limited(FakeMessenger):
    """A provider that takes one text a day for a number."""

    def way(self, message: OutboundMessage) -> Way:
        return Way("limited", limits=(Limit(1, 86_400.0, "all"),))


def test_a_text_over_the_carriers_limit_goes_to_the_next_channel_at_once() -> None:
    drill, ledger = Stage(plan("sms", "email", phases=3)), MemoryLedger()
    drill.secrets.values["LEAD_MAIL"] = "lead@example.com"
    by = {"sms": Limited(), "email": FakeMessenger(channel="email")}
    notifier = Notifier(drill.recorder, drill.people, by, office=Office(ledger=ledger))
    before_s = drill.clock.at_s

    for number in range(3):
        notifier.tell(drill.plan.phase(f"t{number}"), took_s=1)

    facts = [(fact.data["channel"], fact.data["state"], fact.data["code"]) for fact in drill.facts(Kind.MESSAGE_SENT)]
    assert facts[:3] == [("sms", "accepted", "OK"), ("sms", "rejected", "quota"), ("sms", "accepted", "OK")]
    assert facts[-1] == ("email", "accepted", "OK")
    assert len(by["sms"].sent) == 2
    assert drill.clock.at_s == before_s


def test_a_number_the_provider_blocks_gets_no_more_from_it_until_then() -> None:
    drill, ledger = Stage(plan("sms", phases=2)), MemoryLedger()
    blocked = SendResult("rejected", "fake", code="isv.BUSINESS_LIMIT_CONTROL", blocked_s=3600.0)
    messenger = Limited(blocked, blocked)
    notifier = Notifier(drill.recorder, drill.people, {"sms": messenger}, office=Office(ledger=ledger))

    notifier.tell(drill.plan.phase("t0"), took_s=1)
    notifier.tell(drill.plan.phase("t1"), took_s=1)

    assert len(messenger.sent) == 2
    assert [fact.data["code"] for fact in drill.facts(Kind.MESSAGE_SENT)][2:] == ["quota", "quota"]


class Slow(FakeMessenger):
    """A provider account of two sends a second."""

    def way(self, message: OutboundMessage) -> Way:
        return Way("slow", per_second=2.0)


def test_an_account_is_not_asked_faster_than_its_rate() -> None:
    drill = Stage(plan("sms", phases=6))
    notifier = Notifier(drill.recorder, drill.people, {"sms": Slow()})
    before_s = drill.clock.at_s

    for number in range(6):
        notifier.tell(drill.plan.phase(f"t{number}"), took_s=1)

    assert 1.9 <= drill.clock.at_s - before_s <= 2.1
