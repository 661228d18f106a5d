"""What every step kind must say: a partial one is noticed when it is loaded, not in the middle of a drill."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.steps.base import Params, Step
from tests.fakes import FakeAttempt, fake_world
from tests.scenarios import Idle


def test_a_kind_without_a_preview_or_a_run_cannot_be_made() -> None:
    partial: Any = type("Partial", (Step,), {"params": Params, "title": ("x", "x")})

    with pytest.raises(TypeError, match="abstract"):
        partial()


def test_a_kind_without_an_undo_cannot_take_anything_back_and_says_so() -> None:
    made: Any = type("Forgetful", (Idle,), {"params": Params, "title": ("x", "x")})()
    made.kind = "forgetful"

    with pytest.raises(Fatal, match=r"phase\.step registered an undo, but its kind forgetful") as caught:
        made.undo(Params(), fake_world(), FakeAttempt(), {})

    assert caught.value.code == "A901"
