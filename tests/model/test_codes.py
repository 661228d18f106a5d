"""Reply codes: unique, stable and never guessable at a glance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.codes import Ask, reply_code, reply_codes

KEY = bytes(range(32))
names = st.text(alphabet="abcdefgh-", min_size=1, max_size=6)
asks = st.lists(st.builds(Ask, drill=names, gate=names, contact=names, round=st.integers(1, 3), destructive=st.booleans()), max_size=60)


@given(asks)
def test_codes_are_unique_have_no_leading_zero_and_are_not_all_alike(asked: list[Ask]) -> None:
    codes = reply_codes(KEY, asked)

    assert len(set(codes.values())) == len(set(asked))
    for ask, code in codes.items():
        assert len(code) == (6 if ask.destructive else 4)
        assert code[0] != "0"
        assert len(set(code)) > 1


@given(asks, asks)
def test_a_later_question_never_changes_an_earlier_code(before: list[Ask], after: list[Ask]) -> None:
    codes = reply_codes(KEY, before)

    again = reply_codes(KEY, before + after)

    assert all(again[ask] == code for ask, code in codes.items())


def test_a_taken_code_is_stepped_over_the_same_way_each_time() -> None:
    ask = Ask("d", "go", "lead")
    first = reply_code(KEY, ask)

    second = reply_code(KEY, ask, taken={first})

    assert second != first
    assert second == reply_code(KEY, ask, taken={first})


def test_code_depends_on_key_drill_gate_person_and_round() -> None:
    same = reply_code(KEY, Ask("d", "go", "lead"))

    others = [
        reply_code(b"another-key-of-sixteen", Ask("d", "go", "lead")),
        reply_code(KEY, Ask("e", "go", "lead")),
        reply_code(KEY, Ask("d", "out", "lead")),
        reply_code(KEY, Ask("d", "go", "oncall")),
        reply_code(KEY, Ask("d", "go", "lead", round=2)),
    ]

    assert same not in others


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        reply_code(b"short", Ask("d", "go", "lead"))
