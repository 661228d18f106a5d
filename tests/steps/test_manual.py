"""The step `manual`: what it declares, and that only a person takes it back."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drill.model.errors import Fatal
from drill.steps.manual import Manual, ManualParams
from tests.fakes import FakeAttempt, fake_world

_WORLD = fake_world()


def params(**changes: object) -> ManualParams:
    return ManualParams.model_validate({"do": "Plug the cable in", "changes": ["primary/rack"], **changes})


def test_it_says_what_it_changes_and_how_that_is_taken_back() -> None:
    assert [(row.target, row.undo) for row in Manual().preview(params(undo="Unplug it"), _WORLD)] == [("primary/rack", "by hand")]
    assert Manual().preview(params(), _WORLD)[0].undo == "none"
    with pytest.raises(ValidationError, match="changes"):
        ManualParams.model_validate({"do": "x"})


def test_silence_cannot_be_taken_for_work() -> None:
    with pytest.raises(ValidationError, match="silence"):
        params(silence="proceed")


def test_its_way_back_is_registered_only_where_there_is_one() -> None:
    assert Manual().undo_ahead(params(undo="Unplug it")) == {"undo": "by hand"}
    assert Manual().undo_ahead(params()) is None


def test_the_undo_tells_a_person_what_to_do() -> None:
    with pytest.raises(Fatal, match="may have done it") as failed:
        Manual().undo(params(undo="Unplug it"), _WORLD, FakeAttempt(), {"undo": "by hand"})

    assert (failed.value.code, failed.value.fix) == ("A296", "By hand: Unplug it.")
