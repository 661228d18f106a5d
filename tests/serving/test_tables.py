"""What engines share in the database keeps its promises on SQLite and on Postgres alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.artifacts_sql import SqlArtifacts, shared_key
from drill.adapters.database import database_engine, sqlite_engine
from drill.adapters.journal_sql import SqlJournal
from drill.adapters.leases_sql import SqlLeases
from drill.adapters.roll_sql import SqlRoll
from drill.adapters.schedules_sql import SqlMarks
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Kind, check_chain
from tests.serving.place import Database, database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    with database() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        found = sqlite_engine(tmp_path / "drill.sqlite")
    else:
        postgres: Database = request.getfixturevalue("postgres")
        postgres.clear()
        found = database_engine(postgres.url)
    yield found
    found.dispose()


def draft(key: str) -> Draft:
    data = {"phase": "a", "step": "a.b", "attempt": 1, "what": key}
    return Draft(Kind.STEP_PROGRESSED, "engine", key, data, NOW, 1.5, "boot-1")


def test_a_second_drill_on_a_site_is_told_who_has_it_and_takes_nothing(engine: sa.Engine) -> None:
    leases = SqlLeases(engine)
    leases.take(["x/a", "x/b"], drill="one", holder="host:1:0")

    blocking = leases.take(["x/b", "x/c"], drill="two", holder="host:2:0")

    assert isinstance(blocking, list)
    assert [(row.site, row.drill, row.holder) for row in blocking] == [("x/b", "one", "host:1:0")]
    assert leases.look(["x/c"]) == []


def test_a_site_taken_over_from_the_dead_has_a_higher_token_and_the_old_one_holds_nothing(engine: sa.Engine) -> None:
    leases = SqlLeases(engine)
    old = leases.take(["x/a"], drill="one", holder="host:1:0")

    new = leases.take(["x/a"], drill="two", holder="host:2:0", over=leases.look(["x/a"]))

    assert isinstance(old, int)
    assert isinstance(new, int)
    assert new > old
    assert not leases.holds("one", old)
    assert not leases.beat("one", old)
    assert leases.holds("two", new)


def test_a_holder_that_came_back_before_it_was_replaced_keeps_its_site(engine: sa.Engine) -> None:
    leases = SqlLeases(engine)
    leases.take(["x/a"], drill="one", holder="host:1:0")
    judged_dead = leases.look(["x/a"])
    leases.take(["x/a"], drill="one", holder="host:1:9")

    assert isinstance(leases.take(["x/a"], drill="two", holder="host:2:0", over=judged_dead), list)


def test_tokens_grow_over_releases(engine: sa.Engine) -> None:
    leases = SqlLeases(engine)
    first = leases.take(["x/a"], drill="one", holder="h")
    leases.release("one")

    second = leases.take(["x/a"], drill="two", holder="h")

    assert isinstance(first, int)
    assert isinstance(second, int)
    assert second > first


def test_of_many_who_take_a_site_at_once_one_gets_it(engine: sa.Engine) -> None:
    leases = SqlLeases(engine)
    got: list[int | list[object]] = []

    def take(number: int) -> None:
        got.append(leases.take([f"x/{site}" for site in "abc"], drill=f"d{number}", holder="h"))  # type: ignore[arg-type]

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(isinstance(one, int) for one in got) == 1
    assert len(got) == 8


def test_a_name_marked_gone_never_beats_again_but_a_new_life_does(engine: sa.Engine) -> None:
    roll = SqlRoll(engine)
    roll.enroll("a-1", role="serve", place="host:1")
    roll.mark_gone(["a-1"])
    roll.enroll("a-2", role="serve", place="host:1")

    assert not roll.beat("a-1")
    assert roll.beat("a-2")
    assert roll.dead_among(["a-1", "a-2", "never-seen"], ttl_s=30) == ["a-1", "never-seen"]


def test_output_is_kept_once_and_found_by_its_sum(engine: sa.Engine) -> None:
    kept = SqlArtifacts(engine)
    sha256 = kept.put("d", "log.txt", b"words")

    assert kept.put("d", "log.txt", b"words") == sha256
    assert kept.get("d", sha256) == b"words"
    assert kept.names("d") == {sha256: "log.txt"}
    with pytest.raises(KeyError):
        kept.get("other", sha256)


def test_all_machines_get_the_key_of_the_first(engine: sa.Engine) -> None:
    assert shared_key(engine, "reply", b"first") == b"first"
    assert shared_key(engine, "reply", b"second") == b"first"


def test_a_mark_only_moves_forward(engine: sa.Engine) -> None:
    marks = SqlMarks(engine)
    assert marks.settled_until("s", first=NOW) == NOW

    marks.settle("s", NOW + timedelta(hours=2))
    marks.settle("s", NOW + timedelta(hours=1))

    assert marks.settled_until("s", first=NOW) == NOW + timedelta(hours=2)


def test_facts_of_many_writers_make_one_gapless_chain(engine: sa.Engine) -> None:
    journal = SqlJournal(engine)

    def write(writer: int) -> None:
        for number in range(10):
            journal.append("d", [draft(f"{writer}/{number}"), draft("shared")])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    facts = journal.read("d")
    assert [fact.seq for fact in facts] == list(range(1, 42))
    assert check_chain(facts)[0] == 41


def test_a_stale_engine_may_neither_write_nor_act(engine: sa.Engine) -> None:
    journal = SqlJournal(engine)
    old = journal.take_token("d")
    journal.check("d", old)
    journal.take_token("d")

    with pytest.raises(JournalBroken, match="taken over"):
        journal.check("d", old)
    with pytest.raises(JournalBroken, match="taken over"):
        journal.append("d", [draft("late")], token=old)
    assert journal.read("d") == []


def test_a_database_that_goes_away_and_comes_back_loses_no_fact(postgres: Database) -> None:
    postgres.clear()
    journal = SqlJournal(database_engine(postgres.url))
    journal.append("d", [draft("before")])
    postgres.stop()
    written: list[int] = []
    writer = threading.Thread(target=lambda: written.extend(fact.seq for fact in journal.append("d", [draft("meanwhile")])))
    writer.start()
    writer.join(1.0)
    assert not written

    postgres.start()
    writer.join(20.0)

    assert written == [2]


def test_a_database_that_stays_away_is_a_clear_error(postgres: Database) -> None:
    postgres.clear()
    journal = SqlJournal(database_engine(postgres.url), patience_s=0.5)
    postgres.stop()
    try:
        with pytest.raises(JournalBroken) as raised:
            journal.append("d", [draft("x")])
    finally:
        postgres.start()

    assert raised.value.code == "J023"


def test_a_read_only_database_stops_the_engine_with_its_own_code(postgres: Database) -> None:
    postgres.clear()
    SqlJournal(database_engine(postgres.url))
    as_a_standby = postgres.url + "&options=-cdefault_transaction_read_only%3Don"

    with pytest.raises(JournalBroken) as raised:
        SqlJournal(database_engine(as_a_standby)).append("d", [draft("x")])

    assert raised.value.code == "J021"
