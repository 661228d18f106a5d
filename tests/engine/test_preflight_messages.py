"""Before a drill: what the carrier will not take is said, and one real text shows that texts leave from here."""

from __future__ import annotations

from typing import Any

from drill.engine.notify import Notifier
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.engine.preflight import Preflight
from drill.engine.preflight_messages import MessageChecks
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Messages
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Limit, Way
from tests.engine.drilling import Stage, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger, FakeProbes

ABROAD = SendResult("rejected", "aliyun", code="isv.DENY_IP_RANGE", detail="Send from a host in mainland China.")


class Limited(FakeMessenger):
    """A provider that takes one text a day of each kind for a number."""

    def way(self, message: OutboundMessage) -> Way:
        return Way("limited", limits=(Limit(1, 86_400.0, message.purpose),))


def plan(preflight: str = "") -> Plan:
    made = plan_of(phase_of("a", step_of("a.x"), notify=("manager",)), phase_of("b", notify=("manager",)))
    return made.model_copy(update={"messages": Messages(preflight=preflight)})


def checked(made: Plan, messenger: FakeMessenger, *, office: Office | None = None, sick: bool = False) -> tuple[Stage, dict[str, Any]]:
    drill = Stage(made, probes=FakeProbes("error") if sick else FakeProbes("primary"))
    office = office or Office(ledger=MemoryLedger())
    notifier = Notifier(drill.recorder, drill.people, {"sms": messenger}, office=office)
    looks = MessageChecks(made, drill.people, {"sms": messenger}, office, notifier, drill.clock)
    rows = Preflight(drill.runner, secrets=drill.secrets, quotas=looks.quotas, trial=looks.trial).run()
    return drill, {row.name: row for row in rows}


def test_a_plan_that_the_carrier_will_not_take_is_not_begun() -> None:
    _, rows = checked(plan(), Limited())

    row = rows["texts to manager"]
    assert not row.ok
    assert "2 status text(s) ahead, 0 sent in 1d, 1 allowed: 1 would not be taken" in row.detail
    assert "white list" in row.fix


def test_no_text_is_sent_unless_the_scenario_asks_for_one() -> None:
    messenger = FakeMessenger()

    checked(plan(), messenger)

    assert messenger.sent == []


def test_one_real_text_goes_to_whom_the_scenario_names_once_for_each_drill() -> None:
    messenger = FakeMessenger()
    drill, rows = checked(plan("lead"), messenger)

    Notifier(drill.recorder, drill.people, {"sms": messenger}).try_out("lead", within_s=1.0)

    assert rows["message to lead"].ok
    assert [(message.contact, message.purpose) for message in messenger.sent] == [("lead", "status")]
    assert drill.facts(Kind.MESSAGE_SENT)[0].data["state"] == "accepted"


def test_a_provider_that_refuses_callers_from_here_fails_preflight_with_what_to_do() -> None:
    _, rows = checked(plan("manager"), FakeMessenger(ABROAD))

    assert not rows["message to manager"].ok
    assert "isv.DENY_IP_RANGE Send from a host in mainland China." in rows["message to manager"].detail


def test_no_text_is_sent_when_something_else_is_wrong_already() -> None:
    messenger = FakeMessenger()
    made = plan("lead").model_copy(update={"steady_state": ("checkout",)})

    _, rows = checked(made, messenger, sick=True)

    assert "message to lead" not in rows
    assert messenger.sent == []


def test_texts_that_no_sender_takes_fail_preflight_with_what_to_do() -> None:
    drill, rows = checked(plan("lead"), FakeMessenger(), office=Office(letters=MemoryLetters(), elsewhere=True))

    assert not rows["message to lead"].ok
    assert "drill serve --sender" in rows["message to lead"].fix
    assert not drill.facts(Kind.MESSAGE_SENT)
