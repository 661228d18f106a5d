"""Places for end-to-end tests; each must be empty again when its test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.place import Place, eventually, new_place


@pytest.fixture
def place() -> Iterator[Place]:
    """A place of one's own. The test has to leave no process, port or temporary file in it."""
    place = new_place()
    try:
        yield place
        assert eventually(lambda: not place.remains(), within_s=3), place.remains()
    finally:
        place.clear()
