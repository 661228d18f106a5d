"""Places for end-to-end tests; each must be empty again when its test ends."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.e2e.place import Place, eventually, new_place

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how a test went for its fixture."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place of one's own. The test has to leave no process, port or temporary file in it."""
    place = new_place()
    try:
        yield place
        if not request.node.stash.get(_FAILED, False):
            assert eventually(lambda: not place.remains(), within_s=15), place.remains()
    finally:
        place.clear()
