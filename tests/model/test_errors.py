"""An error reads as sentences, however its parts end."""

from __future__ import annotations

import pytest

from drill.model.errors import DrillError


@pytest.mark.parametrize(
    ("what", "fix", "shown"),
    [
        ("the disk is full.", "Free some.", "[D000] the disk is full. Free some."),
        ("it said: no such file..", "Look.", "[D000] it said: no such file. Look."),
        ("AF_UNIX path too long", "Try again.", "[D000] AF_UNIX path too long. Try again."),
        ("it goes on...", "Wait.", "[D000] it goes on... Wait."),
        ("nothing more", "", "[D000] nothing more"),
        ("is it there?", "Look.", "[D000] is it there? Look."),
    ],
)
def test_sentences_end_with_one_full_stop(what: str, fix: str, shown: str) -> None:
    assert str(DrillError(what, fix=fix)) == shown
