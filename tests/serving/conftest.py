"""A fleet per test: its database, home and servers are all gone when the test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.place import eventually, new_place
from tests.serving.place import Database, Fleet, database


@pytest.fixture
def shared() -> Iterator[Database]:
    """A Postgres of this test's own."""
    with database() as found:
        yield found


@pytest.fixture
def fleet(shared: Database) -> Iterator[Fleet]:
    """Servers of one home on one database. The test has to leave no process, port or temporary file of its drills."""
    place = new_place()
    fleet = Fleet(place, shared)
    try:
        yield fleet
        for servant in fleet.servants:
            servant.end()
        assert eventually(lambda: not place.remains(), within_s=15), place.remains()
    finally:
        fleet.clear()
        place.clear()
