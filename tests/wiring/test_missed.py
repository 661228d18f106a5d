"""A scheduled drill that was missed is told to everyone of its plan, also when nothing of its ground is there; else that is a fact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind
from drill.model.plan import Plan, Site
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import Messenger, SendResult
from drill.settings import Settings
from drill.wiring.missed import tell_missed, ways_out
from drill.wiring.records import Records
from drill.wiring.scenarios import open_scenario
from tests.e2e.place import PROJECT, SCENARIO
from tests.engine.drilling import DRILL, NUMBERS, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

CHAT = Channel(id="chat", kind="wecom", url="secret:CHAT")


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """Records in memory, with every secret of the people set."""
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    for name, number in NUMBERS.items():
        monkeypatch.setenv(f"DRILL_SECRET_{name}", number)
    return Records(Settings.load(), MemoryJournal())


def planned(records: Records, plan: Plan) -> Plan:
    body = plan.model_dump(mode="json")
    records.recorder(DRILL).say(Kind.DRILL_PLANNED, "planned", plan=body, plan_digest=plan.digest(), started_by="schedule")
    return plan


def live_plan() -> Plan:
    made = plan_of(phase_of("a", step_of("a.x")))
    return made.model_copy(update={"sites": (Site(id="primary", provider="aliyun", region="cn-hangzhou"),)})


def facts(records: Records, kind: Kind) -> list[Fact]:
    return records.journal.read(DRILL, kinds=frozenset({kind}))


def test_everyone_of_a_live_plan_is_told_though_no_ground_is_made_ready(records: Records) -> None:
    sms = FakeMessenger()

    tell_missed(records, DRILL, planned(records, live_plan()), open_ways=lambda _settings, _plan: {"sms": sms})

    assert {message.contact for message in sms.sent} == {"lead", "oncall", "manager"}
    assert {message.purpose for message in sms.sent} == {"result"}
    assert {fact.data["contact"] for fact in facts(records, Kind.MESSAGE_SENT)} == {"lead", "oncall", "manager"}
    assert facts(records, Kind.FINDING_RAISED) == []


def test_nobody_told_is_a_fact_with_its_cause(records: Records) -> None:
    def none(_settings: Settings, _plan: Plan) -> Mapping[str, Messenger]:
        raise PreflightFailed("the sandbox is not up.", code="F041", fix="Bring it up.")

    tell_missed(records, DRILL, planned(records, live_plan()), open_ways=none)

    (finding,) = facts(records, Kind.FINDING_RAISED)
    assert (finding.data["code"], finding.data["severity"]) == ("F041", "warning")
    assert "nobody could be told" in finding.data["what"]


def test_messages_that_no_provider_takes_are_a_fact_too(records: Records) -> None:
    refusing = FakeMessenger(*[SendResult("rejected", "fake", code="isv.DENY", detail="No.")] * 9)

    tell_missed(records, DRILL, planned(records, live_plan()), open_ways=lambda _settings, _plan: {"sms": refusing})

    assert [fact.data["code"] for fact in facts(records, Kind.FINDING_RAISED)] == ["D040"]


def test_a_live_plan_has_its_carrier_without_any_ground(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMS_KEY_ID", "SMS_KEY_SECRET", "SMS_SIGN"):
        monkeypatch.setenv(f"DRILL_SECRET_{name}", "x")
    plan = open_scenario(PROJECT / SCENARIO).plan.model_copy(update={"sites": live_plan().sites})

    assert "sms" in ways_out(records.settings, plan)


def test_without_a_carrier_the_other_channels_tell(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_SECRET_CHAT", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k")
    plan = plan_of(phase_of("a", step_of("a.x")))
    chatty = plan.model_copy(update={"messages": Messages(channels=(CHAT,))})

    assert list(ways_out(records.settings, chatty)) == ["chat"]
    with pytest.raises(PreflightFailed):
        ways_out(records.settings, plan)
