"""The grounds that the tests of one file share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clouds.two_clouds import TwoClouds, two_clouds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A file that names PAIRS of sites is run on each of them, one after the other."""
    pairs = getattr(metafunc.module, "PAIRS", ())
    if pairs:
        metafunc.parametrize("clouds", pairs, ids=[pair.name for pair in pairs], indirect=True, scope="module")


@pytest.fixture(scope="module")
def clouds(request: pytest.FixtureRequest) -> Iterator[TwoClouds]:
    """A ground that every test of the file finds as the one before left it."""
    home = Path(tempfile.mkdtemp(prefix="drill-clouds-"))
    with two_clouds(home, request.param) as made:
        yield made
    shutil.rmtree(home)


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that open nothing, and no way to find others."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
