"""What the end of a playbook means for the attempt that ran it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.playbooks import PlaybookName, outputs_of, refusal_code
from drill.model.ports import PlayResult


@given(
    state=st.sampled_from(["failed", "unreachable", "stopped", "timeout"]),
    failure=st.one_of(st.text(), st.from_regex(r"PG_[A-Z_]{1,20} .*", fullmatch=True)),
)
def test_every_end_but_success_is_an_error_with_a_code_and_a_remedy(state: str, failure: str) -> None:
    with pytest.raises(StepError) as caught:
        outputs_of("p.yml", PlayResult(state, {"lsn": "0/1"}, 0, (), failure))  # type: ignore[arg-type]

    assert caught.value.code.startswith("A")
    assert caught.value.fix
    assert caught.value.retryable is (
        state != "failed" or refusal_code(PlayResult("failed", {}, 0, (), failure)) in {"PG_UNREACHABLE", "DB_UNREACHABLE"}
    )


@pytest.mark.parametrize(
    ("state", "failure", "kind", "code"),
    [
        ("failed", "PG_LAG_TOO_HIGH lag_bytes=9 limit=1", Fatal, "A231"),
        ("failed", "PG_SOMETHING_OF_A_TEAM no", Fatal, "A231"),
        ("failed", "promote: server closed the connection", Fatal, "A232"),
        ("failed", "PG_UNREACHABLE connection refused", Retryable, "A131"),
        ("failed", "DB_LAG_UNKNOWN no position", Fatal, "A231"),
        ("failed", "DB_UNREACHABLE connection refused", Retryable, "A131"),
        ("failed", "DB_PASSWORD is not set", Fatal, "A232"),
        ("failed", "Promote: DB_IN_DOUBT no answer", InDoubt, "A332"),
        ("unreachable", "read: no route to host", Retryable, "A131"),
        ("timeout", "", Retryable, "A132"),
        ("stopped", "", Retryable, "A190"),
    ],
)
def test_each_end_has_its_own_code(state: str, failure: str, kind: type[StepError], code: str) -> None:
    with pytest.raises(kind) as caught:
        outputs_of("p.yml", PlayResult(state, {}, 0, (), failure))  # type: ignore[arg-type]

    assert caught.value.code == code


def test_a_play_that_succeeded_hands_on_what_it_set() -> None:
    assert outputs_of("p.yml", PlayResult("successful", {"a": 1}, 3, ())) == {"a": 1}


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "roles/../../x.yml", "", "a//b.yml", "./x.yml", "..\\x.yml"])
def test_a_playbook_stays_below_the_playbooks(name: str) -> None:
    with pytest.raises(ValidationError, match="below playbooks/"):
        TypeAdapter(PlaybookName).validate_python(name)


@pytest.mark.parametrize("name", ["promote_postgres.yml", "mysql/promote.yml", "weird..name.yml"])
def test_a_playbook_may_lie_in_a_folder_of_the_playbooks(name: str) -> None:
    assert TypeAdapter(PlaybookName).validate_python(name) == name
