"""A drill that could not be written down, or would fill the disk, is refused before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drill.engine.doctor import ROOM_NEEDED
from drill.model.errors import PreflightFailed
from drill.settings import Settings
from drill.wiring import rooms
from drill.wiring.rooms import refuse_full, refuse_unfit_places


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    return Settings(home, tmp_path / "reports", tmp_path, f"sqlite:///{home / 'drill.sqlite'}", None)


def locked(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Let one place be read-only for everybody, root too."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place and access(path, mode))


def test_places_that_can_be_made_and_have_room_are_no_trouble(settings: Settings) -> None:
    refuse_unfit_places(settings)

    assert not settings.home.exists(), "nothing is made by asking"


@pytest.mark.parametrize(("which", "variable"), [("home", "DRILL_HOME"), ("reports", "DRILL_REPORTS")])
def test_a_place_that_cannot_be_written_is_refused_with_its_variable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, which: str, variable: str
) -> None:
    place: Path = getattr(settings, which)
    place.mkdir()
    locked(monkeypatch, place)

    with pytest.raises(PreflightFailed) as refused:
        refuse_unfit_places(settings)

    assert refused.value.code == "F080"
    assert str(place) in refused.value.what
    assert variable in refused.value.fix


def test_a_journal_that_is_read_only_is_refused_before_it_is_opened(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.home.mkdir()
    journal = settings.home / "drill.sqlite"
    journal.touch()
    locked(monkeypatch, journal)

    with pytest.raises(PreflightFailed) as refused:
        refuse_unfit_places(settings)

    assert (refused.value.code, str(journal) in refused.value.what) == ("F080", True)


@pytest.mark.parametrize(("free", "refused"), [(ROOM_NEEDED - 1, True), (ROOM_NEEDED, False)])
def test_a_disk_with_too_little_room_is_refused_as_the_doctor_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, free: int, refused: bool
) -> None:
    monkeypatch.setattr(rooms, "free_bytes", lambda _place: free)

    if not refused:
        refuse_full(settings.home, "DRILL_HOME")
        return
    with pytest.raises(PreflightFailed) as error:
        refuse_full(settings.home, "DRILL_HOME")
    assert error.value.code == "F081"
    assert str(settings.home) in error.value.what
    assert "DRILL_HOME" in error.value.fix


def test_a_report_that_goes_elsewhere_is_looked_at_there(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    full = {elsewhere: 0}
    monkeypatch.setattr(rooms, "free_bytes", lambda place: full.get(place, ROOM_NEEDED))

    refuse_unfit_places(settings)
    with pytest.raises(PreflightFailed) as refused:
        refuse_unfit_places(settings, reports=elsewhere)

    assert str(elsewhere) in refused.value.what
