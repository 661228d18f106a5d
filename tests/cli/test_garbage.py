"""A record that cannot be trusted: every command that would go on with it or tell of it refuses, says what to do, and changes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drill.model.events import GENESIS, canonical, digest_of, fact_from_row
from drill.model.plan import PLAN_VERSION
from tests.cli.conftest import Drill, tell
from tests.model.story import Story

COMMANDS = (
    *(["resume"], ["abort"], ["hold"], ["proceed"], ["failback"], ["status"], ["show"], ["report"]),
    *(["ack", "go", "--as", "lead"], ["decline", "go", "--as", "lead"], ["retry"], ["skip"], ["list"], ["serve"]),
)
OF_ALL = {"J004", "J005"}
"""Troubles with the journal as a whole: nothing is listed, and nothing is served."""
Damage = Callable[[sqlite3.Connection], object]


def edit(journal: sqlite3.Connection) -> None:
    journal.execute("""UPDATE fact SET data = replace(data, 'oncall', 'lead') WHERE kind = 'Acknowledged'""")


def remove(journal: sqlite3.Connection) -> None:
    journal.execute("DELETE FROM fact WHERE seq = 5")


def reorder(journal: sqlite3.Connection) -> None:
    journal.execute("UPDATE fact SET seq = -5 WHERE seq = 5")
    journal.execute("UPDATE fact SET seq = 5 WHERE seq = 6")
    journal.execute("UPDATE fact SET seq = 6 WHERE seq = -5")


def cut(journal: sqlite3.Connection) -> None:
    journal.execute("DELETE FROM fact WHERE seq > (SELECT max(seq) - 3 FROM fact)")


def renew(journal: sqlite3.Connection) -> None:
    """As a newer release writes it: another plan, and a chain that holds."""
    journal.row_factory = sqlite3.Row
    previous = GENESIS
    for row in journal.execute("SELECT * FROM fact ORDER BY seq").fetchall():
        data = json.loads(row["data"])
        if row["kind"] == "DrillPlanned":
            data["plan"] = {**data["plan"], "version": PLAN_VERSION + 1, "of_tomorrow": True}
        previous = digest_of(fact_from_row({**dict(row), "data": data}), previous)
        journal.execute("UPDATE fact SET data = ?, digest = ? WHERE seq = ?", [canonical(data), previous, row["seq"]])
    journal.execute("UPDATE drill_head SET digest = ?", [previous])


def of_tomorrow(journal: sqlite3.Connection) -> None:
    journal.execute("UPDATE journal_version SET version = version + 1")


DAMAGES: dict[str, tuple[Damage, set[str]]] = {
    "edited": (edit, {"J001"}),
    "removed": (remove, {"J002"}),
    "reordered": (reorder, {"J001"}),
    "cut": (cut, {"J008"}),
    "a plan of a newer release": (renew, {"J007"}),
    "a journal of a newer release": (of_tomorrow, {"J005"}),
}


def begun() -> Story:
    """A drill whose engine is gone in the middle."""
    return Story(every_s=0.5)


def damaged(home: Path, damage: Damage) -> bytes:
    """Put the drill into the home's journal, damage it, and return the file as it is now."""
    tell(begun())
    file = home / "drill.sqlite"
    with closing(sqlite3.connect(file)) as journal:
        damage(journal)
        journal.commit()
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def content(home: Path) -> list[tuple[object, ...]]:
    """Every row of every table of the journal."""
    with closing(sqlite3.connect(home / "drill.sqlite")) as journal:
        names = [name for (name,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [(name, *row) for name in names for row in journal.execute(f"SELECT * FROM {name}")]  # noqa: S608 - its own names


def words(command: list[str], told: str) -> list[str]:
    """The command on the drill; some name none."""
    return command if command[0] in {"list", "serve"} else [command[0], told, *command[1:]]


@pytest.mark.parametrize("command", [row for row in COMMANDS if row[0] not in {"list", "serve"}], ids=lambda words: words[0])
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_journal_is_refused_and_left_as_it_is(drill: Drill, home: Path, name: str, command: list[str]) -> None:
    damage, codes = DAMAGES[name]
    damaged(home, damage)
    before = content(home)

    said = drill(*words(command, begun().drill))

    assert said.code == 6, said
    assert [code for code in codes if f"error: [{code}]" in said.err], said.err
    assert content(home) == before


@pytest.mark.parametrize("name", [name for name, (_, codes) in DAMAGES.items() if not codes & OF_ALL])
def test_a_damaged_drill_is_listed_as_such_and_hides_no_other(drill: Drill, home: Path, name: str) -> None:
    damage, codes = DAMAGES[name]
    damaged(home, damage)
    tell(Story(every_s=0.5, drill="sound"))
    before = content(home)

    said = drill("list", "--json")

    broken, sound = said.json()
    assert said.code == 6
    assert (broken["state"], broken["error"]["code"] in codes, bool(broken["error"]["fix"])) == ("broken", True, True)
    assert (sound["drill"], sound["state"], sound["error"]) == ("sound", "finished", None)
    assert f"broken     [{broken['error']['code']}]" in drill("list").out
    assert content(home) == before


@pytest.mark.parametrize("name", DAMAGES)
def test_the_facts_of_a_damaged_drill_can_still_be_looked_at(drill: Drill, home: Path, name: str) -> None:
    damage, codes = DAMAGES[name]
    damaged(home, damage)

    said = drill("logs")

    rows = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0 if codes == {"J007"} else 6
    assert bool(rows) is not bool(codes & OF_ALL)


@pytest.mark.parametrize("command", [["list"], ["serve"], ["run", "scenarios/sandbox-region-outage.yaml"]], ids=lambda words: words[0])
def test_a_journal_of_a_newer_release_is_used_for_nothing(drill: Drill, home: Path, command: list[str]) -> None:
    damaged(home, of_tomorrow)
    before = content(home)

    said = drill(*command)

    assert (said.code, "[J005]" in said.err) == (6, True), said
    assert content(home) == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.0])
def test_a_truncated_database_is_refused_and_left_as_it_is(
    drill: Drill, home: Path, share: float, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drill.adapters.database._BEING_MADE_S", 0.0)  # nobody is making it
    whole = damaged(home, lambda _: None)
    file = home / "drill.sqlite"
    for each in home.glob("drill.sqlite*"):  # another file: SQLite knows the old one by heart where this process still has it open
        each.unlink()
    file.write_bytes(whole[: int(len(whole) * share)])
    before = file.read_bytes()

    said = drill(*words(command, begun().drill))

    assert said.code == 6, said
    assert "[J00" in said.err
    assert file.read_bytes() == before
