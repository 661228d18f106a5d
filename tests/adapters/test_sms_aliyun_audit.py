"""What the provider's audit says, read from a carrier that speaks its API: approved, in audit, rejected, missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.sms_aliyun_audit import AliyunAudit
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Retryable
from drill.model.wording import CATALOGUE, SANDBOX_CODES
from tests.adapters.channel_servers import Answers, answering, free_port
from tests.carrier_running import RunningCarrier, running_carrier

ONE = {"status": {"zh": "SMS_1"}}
STATUS_ZH = CATALOGUE["status", "zh"]


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
    directory: Path = tmp_path_factory.mktemp("carrier")
    with running_carrier(directory) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Answers]:
    with answering() as running:
        yield running


def audit(account: Any, **more: Any) -> AliyunAudit:
    at = Account(account["endpoint"], "http", account["key_id"], account["key_secret"])
    return AliyunAudit(at, **{"sign": account["sign"], "templates": SANDBOX_CODES, **more})


def told(server: Answers, sign: dict[str, Any], template: dict[str, Any]) -> AliyunAudit:
    """An audit of one template against a provider that says this."""
    server.script = []
    server.say({"Code": "OK", "Message": "OK", **sign})
    first = server.script
    server.say({"Code": "OK", "Message": "OK", **template})
    server.script = first + server.script
    account = Account(server.url, "http", "k", "s")
    return AliyunAudit(account, sign="演练", templates=ONE, needed=lambda each: each == STATUS_ZH)


def test_every_text_of_the_sandbox_is_approved(carrier: RunningCarrier) -> None:
    rows = audit(carrier.account).audit()

    assert rows[0].name == "sign"
    assert len(rows) == 1 + len(CATALOGUE)
    assert all(row.ok and row.state == "approved" for row in rows)
    assert "mobile: registered" in rows[0].detail


def test_a_sign_and_a_template_the_provider_does_not_have_are_said_to_be_so(carrier: RunningCarrier) -> None:
    templates = {"status": {"zh": "SMS_9"}}

    rows = audit(carrier.account, sign="nobody", templates=templates, needed=lambda each: each.purpose == "status").audit()

    assert {(row.name, row.ok, row.state) for row in rows} == {
        ("sign", False, "isv.SMS_SIGNATURE_ILLEGAL"),
        ("status zh SMS_9", False, "isv.SMS_TEMPLATE_ILLEGAL"),
        ("status en", False, "missing"),
    }


@pytest.mark.parametrize(("status", "state"), [("0", "in audit"), ("2", "rejected"), ("10", "cancelled")])
def test_a_template_that_is_not_approved_may_not_be_sent_and_says_why(status: str, state: str, server: Answers) -> None:
    answer = {"TemplateStatus": status, "TemplateContent": STATUS_ZH.content, "AuditInfo": {"RejectInfo": "变量属性不符"}}

    [sign, template] = told(server, {"SignStatus": 1}, answer).audit()

    assert (sign.ok, template.ok, template.state, template.detail) == (True, False, state, "变量属性不符")


def test_an_approved_template_with_a_variable_no_drill_fills_may_not_be_sent(server: Answers) -> None:
    answer = {"TemplateStatus": "1", "TemplateContent": "演练${drill}：${owner}请知悉。"}

    [_, template] = told(server, {"SignStatus": 1}, answer).audit()

    assert (template.ok, template.detail) == (False, "it wants ${owner}, which no drill fills")


def test_a_carrier_that_has_not_registered_a_sign_is_told_but_does_not_stop_a_drill(server: Answers) -> None:
    registered = [{"OperatorCode": "mobile", "RegisterStatus": 3}, {"OperatorCode": "telecom", "RegisterStatus": -2}]
    answer = {"TemplateStatus": "1", "TemplateContent": STATUS_ZH.content}

    [sign, _] = told(server, {"SignStatus": 1, "SignIspRegisterDetailList": registered}, answer).audit()

    assert sign.ok
    assert sign.detail == "mobile: registered; telecom: not registered"


def test_a_provider_that_does_not_answer_is_an_error_of_ours() -> None:
    account = Account(f"127.0.0.1:{free_port()}", "http", "k", "s")

    with pytest.raises(Retryable, match="cannot be read"):
        AliyunAudit(account, sign="x", templates=ONE).audit()
