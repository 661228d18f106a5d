"""`drill sandbox phone`: which text an answer is for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from drill.cli import sandbox as module
from drill.model.errors import UsageError
from drill.sandbox import phone as phone_module
from drill.sandbox.phone import PhoneText

LEAD, ONCALL = "13900000001", "13900000002"


def text(number: str, code: str | None, out_id: str) -> PhoneText:
    words = f"Reply 1 yes, 2 no, then a space and code {code}." if code else "Nothing is asked."
    return PhoneText(number, words, "T", out_id, datetime(2026, 3, 14, tzinfo=UTC), code)


TEXTS = [text(LEAD, "1111", "d:gate/go:lead"), text(ONCALL, "2222", "d:gate/outage:oncall"), text(LEAD, "3333", "d:gate/recover:lead")]
TEXTS.append(text(LEAD, None, "d:status/x:lead"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the phone sends; it has received TEXTS."""
    found: list[tuple[str, str]] = []

    class Device:
        def __init__(self, _directory: Path) -> None:
            pass

        def messages(self) -> list[PhoneText]:
            return TEXTS

        def reply(self, number: str, words: str) -> None:
            found.append((number, words))

    monkeypatch.setattr(phone_module, "Phone", Device)
    monkeypatch.setattr(module, "_attached", lambda: SimpleNamespace(layout=SimpleNamespace(carrier=Path())))
    return found


def phone(*words: str, typed: str = "") -> str:
    return CliRunner().invoke(module.phone, words, input=typed, standalone_mode=False, catch_exceptions=False).output


@pytest.mark.parametrize(
    ("chosen", "answer"),
    [("1", (LEAD, "1 1111")), ("2", (ONCALL, "1 2222")), ("lead", (LEAD, "1 3333")), ("d:gate/go:lead", (LEAD, "1 1111"))],
)
def test_a_text_is_chosen_by_its_number_its_id_or_its_reader(sent: list[tuple[str, str]], chosen: str, answer: tuple[str, str]) -> None:
    phone("--reply", "1", "--to", chosen)

    assert sent == [answer]


def test_what_is_typed_with_a_code_is_sent_as_it_is(sent: list[tuple[str, str]]) -> None:
    phone("--reply", "2 9999", "--to", "1")
    phone("--reply", "1 4821")

    assert sent == [(LEAD, "2 9999"), (LEAD, "1 4821")]


@pytest.mark.parametrize("chosen", ["0", "9", "manager", "d:gate/none:lead"])
def test_a_text_that_is_not_there_is_refused(sent: list[tuple[str, str]], chosen: str) -> None:
    with pytest.raises(UsageError) as refused:
        phone("--reply", "1", "--to", chosen)

    assert refused.value.code == "U043"
    assert sent == []


@pytest.mark.usefixtures("sent")
def test_texts_are_listed_with_the_numbers_by_which_they_are_chosen() -> None:
    lines = phone().splitlines()

    assert [line.split()[:2] for line in lines] == [["1", "lead:"], ["2", "oncall:"], ["3", "lead:"], ["4", "lead:"]]


def test_an_answer_with_its_code_is_read_from_standard_input(sent: list[tuple[str, str]]) -> None:
    phone("--reply", "-", "--as", "lead", typed="1 4821\n")

    assert sent == [(LEAD, "1 4821")]


def test_an_empty_standard_input_is_no_answer(sent: list[tuple[str, str]]) -> None:
    with pytest.raises(UsageError) as refused:
        phone("--reply", "-", "--as", "lead")

    assert (refused.value.code, sent) == ("U048", [])
