"""The ground that the tests of one file share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clouds.two_clouds import TwoClouds, two_clouds


@pytest.fixture(scope="module")
def clouds() -> Iterator[TwoClouds]:
    home = Path(tempfile.mkdtemp(prefix="drill-clouds-"))
    with two_clouds(home) as made:
        yield made
    shutil.rmtree(home)
