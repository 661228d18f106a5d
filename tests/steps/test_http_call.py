"""The step `http.call`: when a call may be sent again, what an answer must be, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.effects import Resume
from drill.model.errors import Fatal, Retryable
from drill.model.ports import Answered
from drill.steps.http_call import HttpCall, HttpCallParams
from tests.fakes import FakeAttempt, fake_world
from tests.fakes_own import FakeHttp, answered, fake_own

_URL = "http://127.0.0.1/scale"
_CHECK = {"url": "http://127.0.0.1/size", "expect": {"json": {"size": 4}}}
_SILENT = answered(0, error="no whole answer in time")


class Ground:
    def __init__(self, *answers: Answered, check: Answered | None = None, number: int = 1) -> None:
        self.http = FakeHttp({_URL: [*answers], _CHECK["url"]: check or answered(200, '{"size": 4}')})  # type: ignore[dict-item]
        self.world = fake_world(own=fake_own(http=self.http))
        self.attempt = FakeAttempt(step="scale.out", number=number)
        self.step = HttpCall()

    def params(self, **changes: Any) -> HttpCallParams:
        return HttpCallParams.model_validate({"method": "POST", "url": _URL, "changes": ["standby/app"], **changes})

    def run(self, **changes: Any) -> dict[str, Any]:
        return dict(self.step.run(self.params(**changes), self.world, self.attempt))


def test_a_call_that_does_not_say_what_it_changes_is_refused() -> None:
    with pytest.raises(ValidationError, match="changes"):
        HttpCallParams.model_validate({"url": _URL})


def test_a_secret_in_an_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="put it into a header"):
        HttpCallParams.model_validate({"url": "http://127.0.0.1/?token={secret:TOKEN}", "changes": []})


def test_outputs_are_taken_from_the_answer_and_a_body_is_sent_as_json() -> None:
    ground = Ground(answered(201, '{"data": {"ids": ["a", "b"]}}'))

    outputs = ground.run(body={"size": 4}, outputs={"first": "data.ids.0"})

    assert outputs == {"status": 201, "took_s": 0.1, "first": "a"}
    assert (ground.http.sent[0].body, ground.http.sent[0].headers) == ('{"size": 4}', {"Content-Type": "application/json"})


def test_the_idempotency_key_is_the_same_in_every_try() -> None:
    keys = []
    for number in (1, 2):
        ground = Ground(answered(), number=number)
        ground.run(idempotency_key="Idempotency-Key")
        keys.append(ground.http.sent[0].headers["Idempotency-Key"])

    assert keys == ["drill-1/scale.out"] * 2


def test_a_call_that_never_left_has_changed_nothing() -> None:
    with pytest.raises(Retryable, match="Connection refused") as failed:
        Ground(answered(0, sent=False, error="Connection refused")).run()

    assert (failed.value.code, failed.value.untouched) == ("A184", True)


@pytest.mark.parametrize("answer", [_SILENT, answered(502), answered(429)])
def test_an_unclear_end_of_a_post_is_not_repeated(answer: Answered) -> None:
    with pytest.raises(Fatal, match="nobody knows") as failed:
        Ground(answer).run()

    assert failed.value.code == "A291"


@pytest.mark.parametrize("harmless", [{"method": "PUT"}, {"idempotency_key": "X-Key"}, {"converges": True}])
def test_an_unclear_end_may_be_repeated_where_that_is_harmless(harmless: dict[str, Any]) -> None:
    with pytest.raises(Retryable) as failed:
        Ground(_SILENT).run(**harmless)

    assert failed.value.code == "A184"


def test_an_unclear_end_is_looked_at_where_there_is_a_check() -> None:
    assert Ground(_SILENT).run(check=_CHECK) == {"read_back": True}

    with pytest.raises(Retryable):
        Ground(_SILENT, check=answered(200, '{"size": 2}')).run(check=_CHECK)


def test_a_refusal_is_final() -> None:
    with pytest.raises(Fatal, match="status 403") as failed:
        Ground(answered(403)).run()

    assert failed.value.code == "A292"


def test_an_answer_that_is_not_as_expected_is_no_success() -> None:
    for expect, words in (
        ({"status": 204}, "status 200"),
        ({"text": "ok"}, "'ok' is not in the answer"),
        ({"json": {"state.0": "up"}}, 'state.0 is "down", not "up"'),
        ({"json": {"gone": 1}}, "gone is null, not 1"),
    ):
        with pytest.raises(Fatal, match=words):
            Ground(answered(200, '{"state": ["down"]}')).run(expect=expect)


def test_a_check_that_is_met_leaves_nothing_to_do() -> None:
    ground = Ground()

    assert ground.step.preview(ground.params(check=_CHECK), ground.world) == []
    assert ground.step.found(ground.params(check=_CHECK), ground.world) == {"read_back": True}
    assert ground.step.found(ground.params(), ground.world) is None


def test_after_a_crash_a_person_decides_about_a_post_without_a_key() -> None:
    assert HttpCall().resume_with({"method": "POST"}) is Resume.ASK
    assert HttpCall().resume_with({"method": "POST", "idempotency_key": "K"}) is Resume.RERUN
    assert HttpCall().resume_with({}) is Resume.RERUN


def test_the_undo_is_registered_first_and_is_a_call_of_its_own() -> None:
    ground = Ground(answered(200))
    undo = {"method": "DELETE", "url": _URL}

    ground.run(undo=undo)
    ground.step.undo(ground.params(undo=undo), ground.world, ground.attempt, {"undo": "call"})

    assert ground.attempt.undo == {"undo": "call"}
    assert [call.method for call in ground.http.sent] == ["POST", "DELETE"]
