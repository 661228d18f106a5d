"""`drill sms`: everything an auditor asks for is printed, and what the audit says decides the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from drill.cli import sms as module
from drill.cli.sms import sms
from drill.model.ports import Audited
from drill.model.wording import CATALOGUE, unacceptable
from drill.model.wording_notes import EXAMPLES
from drill.wiring import worlds

SHIPPED = Path(__file__).parents[2] / "scenarios" / "sandbox-region-outage.yaml"


class Said:
    """An audit that says this."""

    def __init__(self, *rows: Audited) -> None:
        self._rows = list(rows)

    def audit(self) -> list[Audited]:
        return self._rows


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(sms, args, standalone_mode=False, catch_exceptions=False)
    return int(result.return_value), result.output


def test_every_text_is_printed_with_its_variables_an_example_and_a_note() -> None:
    code, output = run("templates")

    assert code == 0
    for template in CATALOGUE.values():
        assert template.content in output
        assert module.example(template) in output
    assert "非营销" in output
    assert "code: other_number2" in output


def test_one_language_can_be_asked_for_and_read_by_a_machine() -> None:
    code, output = run("templates", "--lang", "zh", "--json")

    rows = json.loads(output)["templates"]
    assert code == 0
    assert {row["language"] for row in rows} == {"zh"}
    assert rows[0]["content"] == CATALOGUE[rows[0]["purpose"], "zh"].content
    assert set(rows[0]) == {"purpose", "language", "name", "content", "attributes", "example", "note"}


@pytest.mark.parametrize("template", CATALOGUE.values(), ids=lambda template: template.code)
def test_an_example_is_one_that_the_carrier_would_take(template: Any) -> None:
    assert unacceptable(template, EXAMPLES[template.language]) == []
    assert "${" not in module.example(template)


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 3)])
def test_the_audit_decides_the_exit_code(ok: bool, code: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    rows = (Audited("sign", ok=True, state="approved"), Audited("status zh SMS_1", ok=ok, state="in audit", detail="since Monday"))
    monkeypatch.setattr(worlds, "auditor_for", lambda _settings, _plan: Said(*rows))

    found, output = run("check", str(SHIPPED))
    _, as_json = run("check", str(SHIPPED), "--json")

    assert found == code
    assert "status zh SMS_1: in audit (since Monday)" in output
    assert json.loads(as_json)["ok"] is ok
