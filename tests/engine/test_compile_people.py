"""People and channels of a scenario: what may be written, what is refused, and who a role is when the plan is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.engine.compile_rota import fill_roles, twice_asked
from drill.model.plan import Mode
from drill.model.plan_channels import Abroad, Channel
from tests.scenarios import KINDS, scenario, sound

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
TUESDAY = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ROTA = {"zone": "Asia/Shanghai", "shifts": [{"from": "2026-11-23T09:00", "to": "2026-11-24T09:00", "is": "alice"}]}
ALICE = {"title": "Alice", "sms": ["secret:ALICE", "secret:ALICE_2"], "language": "zh"}
LEAD = {"title": "Lead", "sms": "secret:LEAD"}
TEXTS = {"provider": "aliyun", "sign": "secret:SIGN"}
CHANNELS = {
    "mail": {"smtp": {"host": "mail.example.com", "from": "drill@example.com", "user": "secret:MAIL_USER", "password": "secret:MAIL_PASS"}},
    "ops": {"dingtalk": {"url": "secret:DING_URL", "secret": "secret:DING_SIGN"}},
}


def people(**contacts: Any) -> dict[str, Any]:
    return {"oncall": {"title": "On-call", "rota": ROTA}, "alice": ALICE, "lead": LEAD, **contacts}


def problems(**changes: Any) -> list[tuple[str, str]]:
    return [(row.code, row.what) for row in scenario_problems(sound(**changes), KINDS)]


def test_a_role_is_the_person_on_duty_with_all_their_numbers() -> None:
    plan = compile_plan(fill_roles(scenario(contacts=people()), MONDAY), KINDS, Mode.SANDBOX)

    role = plan.contact("oncall")
    assert (role.title, role.sms, role.language) == ("On-call (Alice)", ("secret:ALICE", "secret:ALICE_2"), "zh")
    assert [contact.id for contact in plan.contacts] == ["oncall", "lead"]


def test_a_role_nobody_fills_can_reach_nobody() -> None:
    plan = compile_plan(fill_roles(scenario(contacts=people()), TUESDAY), KINDS, Mode.SANDBOX)

    assert plan.contact("oncall").sms == ()
    assert "nobody on duty" in plan.contact("oncall").title


def test_a_scenario_without_roles_stays_as_it_is() -> None:
    written = scenario()

    assert fill_roles(written, MONDAY) is written


def test_one_person_under_two_names_is_refused_while_it_is_so() -> None:
    rota = {**ROTA, "shifts": [{**ROTA["shifts"][0], "is": "lead"}]}  # type: ignore[dict-item]
    written = scenario(contacts=people(oncall={"title": "On-call", "rota": rota}))

    assert [row.code for row in twice_asked(written, MONDAY)] == ["S040"]
    assert twice_asked(written, TUESDAY) == []


def test_two_roles_filled_by_one_person_are_refused() -> None:
    written = scenario(contacts=people(lead={"title": "Lead", "rota": ROTA}))

    [problem] = twice_asked(written, MONDAY)

    assert "one person would count as two" in problem.what


def test_a_rota_must_name_persons_that_are_there() -> None:
    rota = {"zone": "UTC", "weekly": [{"from": "09:00", "to": "18:00", "is": name} for name in ("alise", "oncall")]}

    found = problems(contacts=people(oncall={"title": "On-call", "rota": rota}))

    assert found == [("S039", "there is no contact 'alise'."), ("S039", "'oncall' is a role itself.")]


@pytest.mark.parametrize(
    "rota",
    [
        {"zone": "Mars/Base"},
        {"zone": "UTC", "shifts": [{"from": "2026-11-23T09:00Z", "to": "2026-11-24T09:00", "is": "alice"}]},
        {"zone": "UTC", "shifts": [{"from": "2026-11-23", "to": "2026-11-24T09:00", "is": "alice"}]},
        {"zone": "UTC", "shifts": [{"from": "2026-11-24T09:00", "to": "2026-11-24T09:00", "is": "alice"}]},
        {"zone": "UTC", "weekly": [{"from": "9", "to": "18:00", "is": "alice"}]},
        {"zone": "UTC", "weekly": [{"days": ["monday"], "from": "09:00", "to": "18:00", "is": "alice"}]},
    ],
)
def test_a_rota_that_cannot_be_read_is_refused(rota: Any) -> None:
    with pytest.raises(ValidationError):
        scenario(contacts=people(oncall={"title": "On-call", "rota": rota}))


def test_a_role_has_no_number_of_its_own() -> None:
    with pytest.raises(ValidationError, match="either a rota"):
        scenario(contacts=people(oncall={"title": "On-call", "rota": ROTA, "sms": "secret:X"}))


def test_channels_and_texts_abroad_become_part_of_the_plan() -> None:
    abroad = {"provider": "aws", "region": "ap-southeast-1", "origination": "secret:AWS_FROM", "replies": "secret:AWS_QUEUE"}
    written = scenario(
        messages={"order": "parallel", "sms": {**TEXTS, "abroad": abroad}, "channels": CHANNELS, "objectives": {"start": "10s"}}
    )

    messages = compile_plan(written, KINDS, Mode.SANDBOX).messages

    assert messages.sms is not None
    assert messages.sms.abroad == Abroad(**abroad)
    assert messages.channels[1] == Channel(id="ops", kind="dingtalk", url="secret:DING_URL", secret="secret:DING_SIGN")
    assert (messages.channels[0].kind, messages.channels[0].port, messages.channels[0].sender) == ("smtp", 587, "drill@example.com")
    assert [messages.private(name) for name in ("sms", "mail", "ops")] == [True, True, False]
    assert (messages.objectives.start_s, messages.objectives.switch_s, messages.objectives.answer_s) == (10.0, 60.0, 300.0)


@pytest.mark.parametrize(
    "messages",
    [
        {"channels": {"sms": {"slack": {"url": "secret:URL"}}}},
        {"channels": {"chat": {}}},
        {"channels": {"chat": {"slack": {"url": "secret:URL"}, "wecom": {"url": "secret:URL"}}}},
        {"channels": {"chat": {"slack": {"url": "https://hooks.example.com/T0/secret"}}}},
        {"channels": {"mail": {"smtp": {"host": "m", "from": "a@b.c", "user": "secret:U"}}}},
        {"channels": {"mail": {"smtp": {"host": "m", "from": "a@b.c", "user": "secret:U", "password": "secret:P", "tls": "none"}}}},
        {"channels": {"mail": {"smtp": {"host": "m", "from": "a@b.c\nBcc: d@e.f"}}}},
        {"sms": {**TEXTS, "abroad": {"provider": "aws"}}},
        {"sms": {**TEXTS, "abroad": {"provider": "aliyun-global"}}},
        {"sms": {**TEXTS, "abroad": {"provider": "aws", "region": "x", "key_id": "secret:K"}}},
    ],
)
def test_settings_that_cannot_work_or_would_leak_are_refused(messages: Any) -> None:
    with pytest.raises(ValidationError):
        scenario(messages=messages)


def test_a_contact_uses_channels_that_are_there_and_has_what_they_need() -> None:
    contacts = {name: {**LEAD, "channels": ["sms", "opps", "mail"]} for name in ("oncall", "lead")}

    found = problems(contacts=contacts, messages={"channels": CHANNELS, "sms": TEXTS})

    assert found[:2] == [
        ("S038", "there is no channel 'opps' in messages.channels."),
        ("S038", "'oncall' has no email, so 'mail' cannot reach them."),
    ]
    assert len(found) == 4


def test_a_contact_reached_by_text_needs_messages_that_say_how() -> None:
    assert {code for code, _ in problems(messages={})} == {"S042"}
    mail = {"lead": {"title": "Lead", "email": "secret:MAIL", "channels": ["mail"]}}
    gates = {"acknowledge": {"ask": ["lead"], "within": "30s"}}
    assert problems(contacts=mail, defaults=gates, messages={"channels": {"mail": CHANNELS["mail"]}}) == []


def test_two_contacts_with_one_account_are_refused() -> None:
    found = problems(contacts=people(alice={**ALICE, "user": "alice"}, lead={**LEAD, "user": "alice"}))

    assert found == [("S043", "'lead' and 'alice' use the same account 'alice': one person would count as two.")]


def test_the_account_of_a_person_goes_with_them_into_their_role() -> None:
    written = scenario(contacts=people(alice={**ALICE, "user": "alice"}))

    assert compile_plan(fill_roles(written, MONDAY), KINDS, Mode.SANDBOX).contact("oncall").user == "alice"
