"""No error of a database driver gets out of an adapter: each becomes one of ours, with a remedy, and says whether it may pass."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.artifacts_sql import SqlArtifacts, shared_key
from drill.adapters.database import database_engine, sqlite_engine
from drill.adapters.database_errors import riding_out, translated
from drill.adapters.journal_sql import SqlJournal
from drill.adapters.leases_sql import SqlLeases
from drill.adapters.roll_sql import SqlRoll
from drill.adapters.schedules_sql import SqlMarks
from drill.adapters.terraform_shared import SqlWorkspaces
from drill.model.errors import JournalBroken, UsageError
from drill.model.events import Draft, Kind
from drill.model.ports import Workspace
from tests.serving.place import Database, database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Act = Callable[[], object]


def draft(what: str) -> Draft:
    return Draft(Kind.STEP_PROGRESSED, "engine", "k", {"phase": "a", "step": "a.b", "attempt": 1, "what": what}, NOW, 1.5, "boot-1")


def writers(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, Act]:
    """One writing call of each adapter, opened while all is well; none waits longer than an instant."""
    for module in ("artifacts_sql", "terraform_shared"):
        monkeypatch.setattr(f"drill.adapters.{module}._PATIENCE_S", 0.0)
    journal, leases, roll = SqlJournal(engine, patience_s=0.0), SqlLeases(engine), SqlRoll(engine)
    marks, kept, workspaces = SqlMarks(engine), SqlArtifacts(engine), SqlWorkspaces(engine)
    much = "x" * 200_000
    leases.take(["s"], drill="d", holder="h")
    marks.settle("s", NOW)
    return {
        "journal": lambda: journal.append("d", [draft(much)]),
        "token": lambda: journal.take_token("d"),
        "lease": lambda: leases.take(["s", much], drill="d", holder="h"),
        "beat": lambda: leases.beat("d", 1),
        "roll": lambda: roll.enroll("e", role="serve", place=much),
        "beat of the roll": lambda: roll.beat("e"),
        "mark": lambda: marks.settled_until(much, first=NOW),
        "settle": lambda: marks.settle("s", NOW.replace(year=2027)),
        "artifact": lambda: kept.put("d", "n", b"x" * 200_000),
        "key": lambda: shared_key(engine, "n", b"x" * 200_000),
        "workspace": lambda: workspaces.keep(Workspace("d", "s", "m", {"v": much})),
    }


def readers(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, Act]:
    """One reading call of each adapter."""
    for module in ("artifacts_sql", "terraform_shared"):
        monkeypatch.setattr(f"drill.adapters.{module}._PATIENCE_S", 0.0)
    journal, leases, roll = SqlJournal(engine, patience_s=0.0), SqlLeases(engine), SqlRoll(engine)
    marks, kept, workspaces = SqlMarks(engine), SqlArtifacts(engine), SqlWorkspaces(engine)
    return {
        "journal": lambda: journal.read("d"),
        "head": lambda: journal.head("d"),
        "find": lambda: journal.find("d", "k"),
        "drills": journal.drills,
        "check": lambda: journal.check("d", 1),
        "look": lambda: leases.look(["s"]),
        "holds": lambda: leases.holds("d", 1),
        "pulse": lambda: leases.pulse("d"),
        "roll": roll.everyone,
        "mark": lambda: marks.settled_until("s", first=NOW),
        "artifact": lambda: kept.get("d", "s"),
        "names": lambda: kept.names("d"),
        "workspace": lambda: workspaces.recall("d", "s"),
    }


def codes(acts: dict[str, Act]) -> dict[str, tuple[str, bool]]:
    """Code of each refusal and whether it may pass; an act that works, or a KeyError, has none. Any other error fails the test."""
    found = {}
    for name, act in acts.items():
        try:
            act()
        except JournalBroken as error:
            found[name] = (error.code if error.fix else "no remedy", error.transient)
        except KeyError:
            continue
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the SQLite database lies."""
    return tmp_path / "drill.sqlite"


@contextmanager
def struck(file: Path) -> Iterator[sa.Engine]:
    """An engine whose connections obey the pragmas of its execution option `strike`, as soon as there are any."""
    engine = sqlite_engine(file)

    @sa.event.listens_for(engine, "checkout")
    def _strike(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        for pragma in engine.get_execution_options().get("strike", ()):
            connection.execute(f"PRAGMA {pragma}")

    yield engine
    engine.dispose()


def test_a_full_disk_is_said_by_everything_that_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with struck(file) as engine:
        acts = writers(engine, monkeypatch)
        grows = set(acts) - {"beat", "beat of the roll", "settle", "token"}
        engine.update_execution_options(strike=("max_page_count = 1",))

        found = codes({name: acts[name] for name in grows})

    assert found == dict.fromkeys(grows, ("J020", False))


def test_a_read_only_database_is_said_by_everything_that_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with struck(file) as engine:
        acts = writers(engine, monkeypatch)
        engine.update_execution_options(strike=("query_only = 1",))

        found = codes(acts)

    assert found == dict.fromkeys(acts, ("J021", False))


def test_a_locked_database_may_come_free_by_itself(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with struck(file) as engine:
        acts = writers(engine, monkeypatch)
        engine.update_execution_options(strike=("busy_timeout = 10",))
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            found = codes(acts)

    assert found == dict.fromkeys(acts, ("J023", True))


def test_a_damaged_file_is_said_by_everything_that_reads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with struck(file) as engine:
        acts = readers(engine, monkeypatch)
    with closing(sqlite3.connect(file)) as journal:
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for beside in file.parent.glob("drill.sqlite-*"):
        beside.unlink()
    file.write_bytes(b"not a database, but as long as one" * 4000)

    found = codes(acts)

    assert found == dict.fromkeys(acts, ("J004", False))


def test_a_file_without_its_tables_is_damaged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with struck(file) as engine:
        acts = readers(engine, monkeypatch)
        with closing(sqlite3.connect(file, isolation_level=None)) as journal:
            for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                journal.execute(f"DROP TABLE {name}")

        found = codes(acts)

    assert found == dict.fromkeys(acts, ("J004", False))


def test_a_pool_that_has_run_dry_may_have_a_connection_later(file: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=0.01)

    with engine.connect(), pytest.raises(JournalBroken) as raised, translated():
        engine.connect()

    assert raised.value.transient
    engine.dispose()


def test_what_does_not_pass_is_tried_once_and_what_passes_until_it_has(file: Path) -> None:
    engine = sqlite_engine(file)
    tries: list[int] = []

    def locked_twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise JournalBroken("locked", code="J023")
        return "done"

    def missing() -> object:
        tries.append(1)
        with engine.connect() as connection:
            return connection.exec_driver_sql("select 1 from nowhere")

    assert riding_out(locked_twice, patience_s=30) == "done"
    tries.clear()
    with pytest.raises(JournalBroken, match="no such table"):
        riding_out(missing, patience_s=30)
    assert len(tries) == 1
    engine.dispose()


@pytest.mark.parametrize("url", ["garbage", "mysql://u:s3cret@h/d", "postgresql://u:s3cret@h:port/d", "oracle+oracledb://u:s3cret@h/d"])
def test_an_address_of_no_database_of_ours_is_a_usage_error_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        database_engine(url)

    assert raised.value.code == "U035"
    assert "s3cret" not in str(raised.value)


# ---------------------------------------------------------------- a real Postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    """One server for these tests."""
    with database() as found:
        yield found


@pytest.fixture
def engine(postgres: Database) -> Iterator[sa.Engine]:
    """An engine on an empty database."""
    postgres.clear()
    found = database_engine(postgres.url)
    yield found
    found.dispose()


def test_a_read_only_server_is_said_by_everything_that_writes(
    postgres: Database, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = writers(engine, monkeypatch)
    postgres.sql("alter role drill set default_transaction_read_only = on")
    try:
        engine.dispose()

        found = codes(acts)
    finally:
        postgres.sql("begin read write; alter role drill reset default_transaction_read_only; commit")

    assert found == dict.fromkeys(acts, ("J021", False))


def test_a_server_that_is_gone_may_come_back(postgres: Database, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    acts = {**readers(engine, monkeypatch), **{f"write {name}": act for name, act in writers(engine, monkeypatch).items()}}
    postgres.stop()
    try:
        found = codes(acts)
    finally:
        postgres.start()

    assert found == dict.fromkeys(acts, ("J023", True))


def test_a_server_that_does_not_know_us_or_allows_us_nothing_refuses_us(postgres: Database, engine: sa.Engine) -> None:
    SqlJournal(engine)
    postgres.sql("drop role if exists guest; create role guest login")
    guest = postgres.url.replace("drill@", "guest@")
    nobody = postgres.url.replace("drill@", "nobody@")
    nowhere = postgres.url.replace("/postgres?", "/nowhere?")

    for url in (guest, nobody, nowhere):
        with pytest.raises(JournalBroken) as raised:
            SqlJournal(database_engine(url)).read("d")
        assert (raised.value.code, raised.value.transient) == ("J024", False), url
