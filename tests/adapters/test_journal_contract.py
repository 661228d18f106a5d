"""Every journal keeps the same promises: append-only, gapless, each fact once, nothing repeated or skipped while following."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.adapters.database import sqlite_engine
from drill.adapters.journal_memory import MemoryJournal
from drill.adapters.journal_sql import SqlJournal
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Kind, check_chain

AnyJournal = SqlJournal | MemoryJournal
OpenSql = Callable[[str], sa.Engine]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, open_sql: OpenSql) -> AnyJournal:
    return MemoryJournal() if request.param == "memory" else SqlJournal(open_sql(request.param))


def draft(key: str, what: str = "x") -> Draft:
    data = {"phase": "a", "step": "a.b", "attempt": 1, "what": what}
    return Draft(Kind.STEP_PROGRESSED, "engine", key, data, datetime(2026, 1, 1, tzinfo=UTC), 1.5, "boot-1")


def test_facts_are_numbered_from_one_without_gaps(journal: AnyJournal) -> None:
    journal.append("d", [draft("1"), draft("2")])
    journal.append("d", [draft("3")])

    assert [fact.seq for fact in journal.read("d")] == [1, 2, 3]


def test_the_same_key_is_stored_once_and_the_first_fact_stays(journal: AnyJournal) -> None:
    first = journal.append("d", [draft("k", "first")])

    again = journal.append("d", [draft("k", "second"), draft("other")])

    assert again[0] == first[0]
    assert [fact.data["what"] for fact in journal.read("d")] == ["first", "x"]


def test_the_same_key_twice_in_one_call_is_one_fact(journal: AnyJournal) -> None:
    facts = journal.append("d", [draft("k"), draft("k")])

    assert facts[0] == facts[1]
    assert len(journal.read("d")) == 1


def test_what_must_not_follow_the_last_fact_is_not_stored_after_it(journal: AnyJournal) -> None:
    over = frozenset({Kind.STEP_SKIPPED})
    before = journal.append_unless("d", [draft("1")], over=over)
    journal.append("d", [Draft(Kind.STEP_SKIPPED, "engine", "end", {"phase": "a", "step": "a.b", "reason": ""}, draft("x").at, 1.5, "b-1")])

    after = journal.append_unless("d", [draft("2")], over=over)

    assert [fact.key for fact in before or []] == ["1"]
    assert after is None
    assert [fact.key for fact in journal.read("d")] == ["1", "end"]


def test_drills_do_not_mix(journal: AnyJournal) -> None:
    journal.append("one", [draft("k")])
    journal.append("two", [draft("k")])

    assert journal.drills() == ["one", "two"]
    assert [fact.seq for fact in journal.read("two")] == [1]


def test_an_unknown_drill_has_no_facts(journal: AnyJournal) -> None:
    assert journal.read("nobody") == []
    assert journal.find("nobody", "k") is None


def test_reading_by_kind_leaves_the_others_out(journal: AnyJournal) -> None:
    journal.append("d", [draft("k")])

    assert journal.read("d", kinds=frozenset({Kind.STEP_FAILED})) == []
    assert len(journal.read("d", kinds=frozenset({Kind.STEP_PROGRESSED}))) == 1


def test_a_stale_token_can_write_no_fact(journal: AnyJournal) -> None:
    old = journal.take_token("d")
    new = journal.take_token("d")

    with pytest.raises(JournalBroken, match="taken over"):
        journal.append("d", [draft("k")], token=old)

    assert journal.append("d", [draft("k")], token=new)


def test_the_chain_checks_out(journal: AnyJournal) -> None:
    journal.append("d", [draft(str(number), "值班") for number in range(20)])

    assert check_chain(journal.read("d"))[0] == 20


def test_following_while_others_write_neither_repeats_nor_skips(journal: AnyJournal) -> None:
    writers = [
        threading.Thread(target=lambda base=base: [journal.append("d", [draft(f"{base}-{n}")]) for n in range(25)]) for base in range(4)
    ]
    for writer in writers:
        writer.start()

    seen: list[int] = []
    while len(seen) < 100:
        seen += [fact.seq for fact in journal.follow("d", after=len(seen), wait_s=5)]

    for writer in writers:
        writer.join()
    assert seen == list(range(1, 101))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=5), max_size=6))
def test_any_order_of_batches_leaves_one_verified_chain(tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]]) -> None:
    engine = sqlite_engine(tmp_path_factory.mktemp("j") / "j.sqlite")
    sql, memory = SqlJournal(engine), MemoryJournal()
    for batch in batches:
        sql.append("d", [draft(key) for key in batch])
        memory.append("d", [draft(key) for key in batch])

    assert sql.read("d") == memory.read("d")
    assert check_chain(sql.read("d"))[0] == len({key for batch in batches for key in batch})
    engine.dispose()


def test_an_edited_row_is_noticed(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "drill.sqlite")
    journal = SqlJournal(engine)
    journal.append("d", [draft("1"), draft("2"), draft("3")])
    with engine.begin() as connection:
        connection.execute(sa.text("""UPDATE fact SET data = replace(data, '"x"', '"y"') WHERE seq = 2"""))

    with pytest.raises(JournalBroken, match="fact 2"):
        check_chain(journal.read("d"))
    engine.dispose()


def test_a_removed_row_is_noticed(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "drill.sqlite")
    journal = SqlJournal(engine)
    journal.append("d", [draft("1"), draft("2"), draft("3")])
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM fact WHERE seq = 2"))

    with pytest.raises(JournalBroken) as caught:
        check_chain(journal.read("d"))
    assert caught.value.code == "J002"
    engine.dispose()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "drill.sqlite"
    path.write_bytes(b"not a database at all, but a letter" * 50)
    engine = sqlite_engine(path)

    with pytest.raises(JournalBroken) as caught:
        SqlJournal(engine)

    assert caught.value.code == "J004"
    assert path.read_bytes().startswith(b"not a database")
    engine.dispose()


def test_a_journal_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "drill.sqlite")
    SqlJournal(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE journal_version SET version = 99"))

    with pytest.raises(JournalBroken) as caught:
        SqlJournal(engine)
    assert caught.value.code == "J005"
    engine.dispose()
