"""A store that takes nothing more stops the drill with a clear error; when there is room again, its undo brings everything home."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.place import Engine, Place
from tests.e2e.world import checkout
from tests.serving.place import Database, Fleet, database

pytestmark = [pytest.mark.real, pytest.mark.sweep]

FULL = """
create function no_room() returns trigger language plpgsql as
$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
create trigger no_room before insert on fact for each statement execute function no_room();
create trigger no_room before insert on dbos.operation_outputs for each statement execute function no_room();
"""
"""What a server whose disk is full says to every write of the engine, in its own words and with its own code."""
ROOM = "drop function no_room cascade"


@pytest.fixture
def shared() -> Iterator[Database]:
    """A Postgres of this test's own."""
    with database() as found:
        yield found


def stopped(engine: Engine, place: Place, code: str) -> None:
    """The engine has ended as the record of a drill that cannot be written ends it."""
    assert engine.ended(within_s=90) == 6
    said = (place.base / "errors.txt").read_text(encoding="utf-8")
    assert f"error: [{code}]" in said, said
    assert "D901" not in said, "a full disk is no fault of the engine's"
    assert "Traceback" not in said


def brought_home(place: Place, drill: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """An abort takes the drill back; one that has promoted by then holds, and its failback brings it home."""
    ended = drill("abort", "full", "--keep")
    if ended.returncode == 5:
        ended = drill("failback", "full", "--keep")
        assert ended.returncode in {0, 1}, ended.stdout + ended.stderr
    else:
        assert ended.returncode == 4, ended.stdout + ended.stderr
    assert checkout(place.sandbox(), "127.0.1.1") == 200
    (finished,) = [fact for fact in place.facts("full") if fact["kind"] == "DrillFinished"]
    assert finished["data"]["left"] == []
    assert place.drill("sandbox", "down").returncode == 0


def test_a_full_postgres_stops_the_drill_and_its_abort_works_afterwards(place: Place, shared: Database) -> None:
    fleet = Fleet(place, shared)
    engine = fleet.run("full")
    engine.fact("OutageInjected")
    place.sandbox()

    shared.sql(FULL)

    stopped(engine, place, "J020")
    shared.sql(ROOM)
    brought_home(place, fleet.drill)


def test_a_sqlite_file_that_cannot_grow_stops_the_drill_and_its_abort_works_afterwards(place: Place) -> None:
    engine = place.run("full")
    engine.fact("OutageInjected")
    place.sandbox()

    resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    stopped(engine, place, "J025")
    for process in place.processes():
        if "drill.cli.main" in process.cmdline():  # the watchers it started meanwhile have room again too
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    brought_home(place, place.drill)
