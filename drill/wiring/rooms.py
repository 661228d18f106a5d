"""Whether a drill can write where it must, and has room there: asked before anything is made, by the doctor and by whoever starts one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from drill.engine.doctor import ROOM_NEEDED
from drill.model.errors import PreflightFailed
from drill.settings import Settings

_MIB: Final = 1024 * 1024


def writable(place: Path, variable: str) -> str:
    """What can be said of a place that `variable` names. Raises: PreflightFailed: nothing can be written there (F080)."""
    near = nearest(place)
    if not os.access(near, os.W_OK | os.X_OK):
        raise PreflightFailed(f"{near} cannot be written by this user.", code="F080", fix=f"Point {variable} at a directory you can write.")
    return f"{place} can be written" if near == place else f"{place} will be made in {near}"


def nearest(place: Path) -> Path:
    """The place, or the folder above it that exists."""
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def free_bytes(place: Path) -> int:
    """How much room the disk behind a place has."""
    return shutil.disk_usage(nearest(place)).free


def refuse_unfit_places(settings: Settings, *, reports: Path | None = None) -> None:
    """Refuse a drill that could not write its record, or would stop half-way on a full disk. `reports`: where its report goes.

    Raises: PreflightFailed: a place or the journal cannot be written (F080), or the disk behind one is as good as full (F081).
    """
    places: Mapping[str, Path] = {"DRILL_HOME": settings.home, "DRILL_REPORTS": reports or settings.reports}
    for variable, place in places.items():
        writable(place, variable)
    for file in settings.home.glob("*.sqlite*"):
        if not os.access(file, os.W_OK):
            raise PreflightFailed(f"{file} is read-only.", code="F080", fix="Make it writable for this user.")
    for variable, place in places.items():
        refuse_full(place, variable)


def refuse_full(place: Path, variable: str) -> None:
    """Raises: PreflightFailed: the disk behind the place has too little room for a drill (F081)."""
    free = free_bytes(place)
    if free < ROOM_NEEDED:
        what = f"{free // _MIB} MiB are free for {place}: a drill needs {ROOM_NEEDED // _MIB} MiB, else it may stop half-way."
        raise PreflightFailed(what, code="F081", fix=f"Free space there, or point {variable} at a place that has it.")
