"""Preflight looks at what people get: whether each can be reached, and whether the provider's audit lets the texts through."""

from __future__ import annotations

import pytest

from drill.engine.preflight import Check, Preflight
from drill.model.errors import Retryable
from drill.model.plan_channels import Channel, Messages, SmsSettings
from drill.model.ports import Audited, Auditor
from drill.model.wording import CATALOGUE
from drill.wiring.posts import sends
from tests.engine.drilling import NUMBERS, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeProbes, FakeSecrets

PLAN = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(gate_of("a"),))
TEXTS = Messages(sms=SmsSettings(provider="aliyun", sign="secret:SIGN"))


class Audit:
    """An audit that says this, or does not answer."""

    def __init__(self, *rows: Audited) -> None:
        self._rows = list(rows)

    def audit(self) -> list[Audited]:
        if not self._rows:
            raise Retryable("the SMS provider's audit cannot be read: no-answer.", code="A152", fix="Try again.")
        return self._rows


def look(drill: Stage, auditor: Auditor | None = None) -> dict[str, Check]:
    secrets = FakeSecrets({**NUMBERS, "MAIL": "lead@example.com"})
    return {check.name: check for check in Preflight(drill.runner, secrets=secrets, auditor=auditor).run()}


def stage(*, channels: tuple[str, ...] = ("sms",), sms: bool = True, messages: Messages = TEXTS) -> Stage:
    lead = PLAN.contact("lead").model_copy(update={"channels": channels, **({} if sms else {"sms": ()})})
    made = PLAN.model_copy(update={"contacts": (lead, *PLAN.contacts[1:]), "messages": messages})
    return Stage(made, probes=FakeProbes("primary"))


def test_a_text_that_is_not_approved_stops_a_drill_before_anything_is_touched() -> None:
    rows = (Audited("sign", ok=True, state="approved", detail="mobile: registered"), Audited("gate zh SMS_1", ok=False, state="in audit"))

    checks = look(stage(), Audit(*rows))

    assert (checks["text sign"].ok, checks["text sign"].detail) == (True, "approved; mobile: registered")
    assert (checks["text gate zh SMS_1"].ok, checks["text gate zh SMS_1"].detail) == (False, "in audit")
    assert "drill sms templates" in checks["text gate zh SMS_1"].fix


def test_an_audit_that_cannot_be_read_is_said_and_not_passed_over() -> None:
    checks = look(stage(), Audit())

    assert (checks["texts"].ok, checks["texts"].fix) == (False, "Try again.")


def test_where_nobody_audits_there_is_nothing_to_check() -> None:
    assert not [name for name in look(stage()) if name.startswith("text")]


def test_a_person_nobody_can_reach_stops_a_drill() -> None:
    check = look(stage(sms=False))["contact lead"]

    assert (check.ok, "cannot be reached" in check.detail) == (False, True)


def test_a_person_without_a_number_is_reached_over_a_chat() -> None:
    chat = Messages(channels=(Channel(id="chat", kind="wecom", url="secret:CHAT"),))

    check = look(stage(channels=("sms", "chat"), sms=False, messages=chat))["contact lead"]

    assert (check.ok, check.detail) == (True, "chat")


def test_only_texts_that_a_plan_can_send_are_audited() -> None:
    english = PLAN.model_copy(update={"contacts": (PLAN.contact("lead"),)})

    needed = {(template.purpose, template.language) for template in CATALOGUE.values() if sends(english, template)}

    assert needed == {("gate", "en"), ("hold", "en"), ("result", "en")}


@pytest.mark.parametrize(("template", "audited"), [({"joint": {"en": "SMS_2"}}, True), ({}, False)])
def test_a_joint_text_that_gates_of_one_person_may_become_is_audited_where_there_is_one(
    template: dict[str, dict[str, str]],
    audited: bool,  # noqa: FBT001
) -> None:
    sms = SmsSettings(provider="aliyun", sign="secret:SIGN", templates={"gate": {"en": "SMS_1"}, **template})
    gates = (gate_of("a"), gate_of("b", ask=("oncall",), then=("lead",)))
    plan = plan_of(phase_of("a", gate="a"), phase_of("b", gate="b"), gates=gates).model_copy(update={"messages": Messages(sms=sms)})

    assert sends(plan, CATALOGUE["joint", "en"]) is audited
