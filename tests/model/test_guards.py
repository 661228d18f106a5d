"""When looks at a guard break it: patience with what may pass, none with an alert, one word for one break."""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from drill.model.guards import Look, Patience

FOR_S = 5.0
State = Literal["holds", "broken", "firing", "lost"]


def look(sent_s: float, state: State, *, took_s: float = 0.01) -> Look:
    return Look(sent_s, sent_s + took_s, state, "" if state == "holds" else f"seen {state}")


def told(*looks: Look, patience: Patience | None = None) -> list[str]:
    now, out = patience or Patience(FOR_S), []
    for one in looks:
        now, why = now.after(one)
        out += [why] if why else []
    return out


def test_what_does_not_hold_for_a_moment_breaks_nothing() -> None:
    assert told(look(0, "holds"), look(2, "broken"), look(4, "broken"), look(6, "holds"), look(8, "broken"), look(10, "lost")) == []


def test_what_does_not_hold_for_as_long_as_it_is_given_breaks_once() -> None:
    assert told(*(look(at, "broken") for at in range(2, 20, 2))) == ["it has not held for 6s: seen broken"]


def test_a_guard_lost_from_sight_for_as_long_as_it_is_given_is_broken() -> None:
    assert told(look(0, "holds"), *(look(at, "lost") for at in range(2, 10, 2))) == ["lost sight of it for 6s: seen lost"]


def test_one_look_that_was_not_answered_in_all_of_the_time_given_breaks_it() -> None:
    assert told(look(0, "holds"), look(2, "lost", took_s=FOR_S)) == ["lost sight of it for 5s: seen lost"]


def test_an_alert_that_fires_breaks_at_once() -> None:
    assert told(look(0, "holds"), look(2, "firing"), look(4, "firing")) == ["seen firing"]


def test_an_old_look_that_ends_late_says_nothing_after_a_newer_one_that_held() -> None:
    slow = Look(2, 2 + FOR_S, "lost", "no answer")

    assert told(look(0, "holds"), look(4, "holds"), slow) == []


def test_a_guard_breaks_again_only_after_it_has_held() -> None:
    assert told(look(0, "firing"), look(2, "holds"), look(4, "firing")) == ["seen firing", "seen firing"]
    assert told(look(0, "firing"), look(2, "firing"), look(4, "holds"), patience=Patience(FOR_S, down=True)) == []
    assert told(look(0, "firing"), look(2, "holds"), look(4, "firing"), patience=Patience(FOR_S, down=True)) == ["seen firing"]


_STATES: st.SearchStrategy[State] = st.sampled_from(["holds", "broken", "firing", "lost"])
_LOOKS = st.lists(st.tuples(_STATES, st.floats(0.0, FOR_S)), min_size=1, max_size=30).map(
    lambda rows: sorted(
        (look(2.0 * number, state, took_s=took_s) for number, (state, took_s) in enumerate(rows)), key=lambda one: one.received_s
    )
)


@given(_LOOKS)
def test_no_break_without_looks_that_failed_all_the_time_given_and_none_that_held_between(looks: list[Look]) -> None:
    now, ended = Patience(FOR_S), list[Look]()
    for one in looks:
        now, why = now.after(one)
        ended.append(one)
        if why and one.state != "firing":
            since_s = one.received_s - FOR_S + 0.001
            assert not any(earlier.holds and earlier.sent_s >= since_s for earlier in ended)
            assert any(not earlier.holds and earlier.sent_s <= since_s for earlier in ended)


@given(st.lists(st.sampled_from(["broken", "lost"]), min_size=5, max_size=30))
def test_what_never_holds_breaks_exactly_once(states: list[Literal["broken", "lost"]]) -> None:
    assert len(told(*(look(2.0 * number, state) for number, state in enumerate(states)))) == 1
