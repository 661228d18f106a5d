"""The promises of the outbox's stores, kept in memory and in SQL alike: once, in order, through restarts, never over a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.adapters.database import sqlite_engine
from drill.adapters.ledger_sql import SqlLedger
from drill.adapters.outbox_sql import SENDER, SqlLetters
from drill.engine.outbox_memory import MemoryLedger, MemoryLetters
from drill.model.letters import Ledger, Letter, Letters
from drill.model.ports_people import Limit

UNTIL = datetime(2027, 1, 1, tzinfo=UTC)


def letter(name: str, drill: str = "d1") -> Letter:
    words = {"phase": "数据切换", "took": "1s"}
    return Letter(f"{drill}:{name}", drill, "lead", "status", name, UNTIL, words=words, phase="a", only=("sms",))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def letters(request: pytest.FixtureRequest, open_sql: Callable[[str], sa.Engine]) -> Letters:
    return MemoryLetters() if request.param == "memory" else SqlLetters(open_sql(request.param))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, open_sql: Callable[[str], sa.Engine]) -> Ledger:
    return MemoryLedger() if request.param == "memory" else SqlLedger(open_sql(request.param))


def test_a_letter_reads_back_as_it_was_written() -> None:
    assert Letter.parse(letter("a").text()) == letter("a")


def test_a_letter_is_kept_once_and_remembers_what_became_of_it(letters: Letters) -> None:
    assert letters.put(letter("a"), owner="me") == "queued"
    letters.settle("d1:a", "taken")

    assert letters.put(letter("a"), owner="me") == "taken"
    assert letters.fate("d1:a") == "taken"
    assert letters.waiting("d1") == 0


def test_what_is_queued_is_claimed_once_in_the_order_it_came(letters: Letters) -> None:
    for name in ("c", "a", "b"):
        letters.put(letter(name), owner="")

    first, rest = letters.claim("one", limit=2, stale_s=60), letters.claim("two", limit=5, stale_s=60)

    assert [row.why for row in first] == ["c", "a"]
    assert rest == [letter("b")]
    assert letters.holds("d1:c", "one")
    assert not letters.holds("d1:c", "two")


def test_the_next_life_of_a_drills_engine_takes_what_the_last_one_had_in_hand(letters: Letters) -> None:
    letters.put(letter("a"), owner="life 1")
    letters.put(letter("b"), owner="")
    letters.put(letter("other", "d2"), owner="life 1")

    assert {row.why for row in letters.claim("life 2", drill="d1", limit=10)} == {"a", "b"}
    assert letters.claim("life 2", drill="d1", limit=10) == []


def test_what_an_engine_has_in_hand_is_no_senders(letters: Letters) -> None:
    letters.put(letter("a"), owner="engine")

    assert letters.claim("sender/1", limit=10, stale_s=0.0) == []


def test_a_settled_letter_is_queued_again_when_its_text_did_not_arrive(letters: Letters) -> None:
    letters.put(letter("a"), owner="me")
    letters.settle("d1:a", "taken")

    assert letters.requeue("d1:a", owner="me") == letter("a")
    assert letters.fate("d1:a") == "queued"
    assert letters.requeue("unknown", owner="me") is None


def test_a_send_that_was_begun_is_remembered(letters: Letters) -> None:
    letters.put(letter("a"), owner="me")
    letters.begin("d1:a", "m")
    letters.begin("d1:a", "m")

    assert letters.begun("m")
    assert not letters.begun("n")


def test_nothing_is_left_of_a_drill_that_is_forgotten(letters: Letters) -> None:
    letters.put(letter("a"), owner="me")
    letters.put(letter("a", "d2"), owner="me")
    letters.forget("d1")

    assert (letters.waiting("d1"), letters.waiting("d2")) == (0, 1)


def test_letters_and_marks_survive_the_process(tmp_path: Path) -> None:
    before = SqlLetters(sqlite_engine(tmp_path / "o.sqlite"))
    before.put(letter("a"), owner="life 1")
    before.begin("d1:a", "m")
    after = SqlLetters(sqlite_engine(tmp_path / "o.sqlite"))

    assert after.claim("life 2", drill="d1", limit=5) == [letter("a")]
    assert after.begun("m")
    after.forget("d1")
    assert not after.begun("m")


def test_a_silent_sender_loses_its_letters_to_another(tmp_path: Path) -> None:
    letters = SqlLetters(sqlite_engine(tmp_path / "o.sqlite"))
    letters.put(letter("a"), owner="")
    letters.claim(f"{SENDER}1", limit=5, stale_s=60)

    assert letters.claim(f"{SENDER}2", limit=5, stale_s=60) == []
    letters.beat(f"{SENDER}1")
    assert letters.claim(f"{SENDER}2", limit=5, stale_s=-1) == [letter("a")]
    assert not letters.holds("d1:a", f"{SENDER}1")


def test_two_who_claim_at_once_never_get_the_same_letter(tmp_path: Path) -> None:
    store = SqlLetters(sqlite_engine(tmp_path / "o.sqlite"))
    for number in range(40):
        store.put(letter(f"{number:02}"), owner="")
    got: list[str] = []

    def take(name: str) -> None:
        mine = SqlLetters(sqlite_engine(tmp_path / "o.sqlite"))
        while rows := mine.claim(name, limit=3, stale_s=60):
            got.extend(row.id for row in rows)

    threads = [threading.Thread(target=take, args=(f"s{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == len(set(got)) == 40


TWO_A_MINUTE = (("who", Limit(2, 60.0)),)


def test_a_text_over_the_limit_is_told_how_long_to_wait_and_not_counted(ledger: Ledger) -> None:
    assert [ledger.reserve(name, TWO_A_MINUTE, at_s=at_s) for name, at_s in (("a", 100), ("b", 110))] == [0.0, 0.0]

    assert ledger.reserve("c", TWO_A_MINUTE, at_s=120) == 40.0
    assert ledger.used("who", since_s=60) == 2
    assert ledger.reserve("c", TWO_A_MINUTE, at_s=161) == 0.0


def test_the_same_text_counts_once(ledger: Ledger) -> None:
    for _ in range(5):
        assert ledger.reserve("a", TWO_A_MINUTE, at_s=100) == 0.0

    assert ledger.used("who", since_s=0) == 1


def test_a_text_that_was_refused_does_not_count(ledger: Ledger) -> None:
    ledger.reserve("a", TWO_A_MINUTE, at_s=100)
    ledger.release("a")

    assert ledger.used("who", since_s=0) == 0


def test_a_number_the_provider_blocked_waits_until_then(ledger: Ledger) -> None:
    ledger.block("who", until_s=400)
    ledger.block("who", until_s=500)
    ledger.block("who", until_s=450)

    assert ledger.reserve("a", TWO_A_MINUTE, at_s=100) == 400.0
    assert ledger.reserve("a", TWO_A_MINUTE, at_s=501) == 0.0


def test_every_limit_has_to_allow_a_text(ledger: Ledger) -> None:
    who = (("day", Limit(3, 86_400.0)), ("minute", Limit(1, 60.0)))
    ledger.reserve("a", who, at_s=0)

    assert ledger.reserve("b", who, at_s=30) == 30.0
    assert ledger.used("day", since_s=-1) == 1


def test_the_count_survives_the_process_and_is_shared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert SqlLedger(sqlite_engine(tmp_path / "l.sqlite")).reserve(name, TWO_A_MINUTE, at_s=100) == 0.0

    assert SqlLedger(sqlite_engine(tmp_path / "l.sqlite")).reserve("c", TWO_A_MINUTE, at_s=100) == 60.0


@settings(deadline=None, max_examples=8)
@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 12), st.booleans()), max_size=15))
def test_memory_and_sql_count_alike_and_never_over_the_limit(moves: list[tuple[float, int, bool]]) -> None:
    with TemporaryDirectory() as place:
        _count_alike(Path(place), moves)


def _count_alike(place: Path, moves: list[tuple[float, int, bool]]) -> None:
    both, at_s, limit = (MemoryLedger(), SqlLedger(sqlite_engine(place / "l.sqlite"))), 0.0, Limit(3, 60.0)
    for gap_s, name, taken in moves:
        at_s += gap_s
        waits = {round(ledger.reserve(f"m{name}", [("who", limit)], at_s=at_s), 6) for ledger in both}
        if not taken:
            for ledger in both:
                ledger.release(f"m{name}")

        assert len(waits) == 1
        assert len({ledger.used("who", since_s=at_s - 60) for ledger in both}) == 1
        assert both[0].used("who", since_s=at_s - 60) <= 3
