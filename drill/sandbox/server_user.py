"""The OS user PostgreSQL runs as: ourselves, or an unprivileged one when we are root, which PostgreSQL refuses to be."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drill.model.errors import PreflightFailed

ROOM: Final = 300 * 2**20
"""What a sandbox takes at most in the time of a drill: two databases and their logs."""
_SOCKET_PATH: Final = 103
"""Bytes of a path that every system takes for a socket."""
_BELOW: Final = len("/drill-sandbox-12345678/control.sock")


@dataclass(frozen=True)
class ServerUser:
    """An unprivileged user to drop to."""

    name: str
    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Whom to drop to; None when we are not root.

    Raises: PreflightFailed: the user has no passwd entry, which initdb needs (F031).
    """
    uid = os.geteuid()
    name = os.environ.get("DRILL_PG_USER") or "nobody"
    try:
        entry = pwd.getpwnam(name) if uid == 0 else pwd.getpwuid(uid)
    except KeyError as error:
        who = f"user {name!r}" if uid == 0 else f"uid {uid}"
        raise PreflightFailed(
            f"{who} has no passwd entry, so PostgreSQL cannot be set up.",
            code="F031",
            fix="Set DRILL_PG_USER to an existing unprivileged user, or add an entry for this uid.",
        ) from error
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid) if uid == 0 else None


def give(path: Path, user: ServerUser | None) -> None:
    """Make the user own a file or directory."""
    if user is not None:
        os.chown(path, user.uid, user.gid)


def can_run(program: str | Path, user: ServerUser | None) -> bool:
    """Whether the user can start a program and load its libraries; not when they lie below somebody's closed home."""
    if user is None:
        return True
    try:
        outcome = subprocess.run(
            [program, "--version"],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            check=False,
            user=user.uid,
            group=user.gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return outcome.returncode == 0


def make_state_directory(user: ServerUser | None, *, room: int = ROOM) -> Path:
    """A fresh 0755 directory straight below a temp folder that will do for a sandbox. `room`: how many bytes must be free.

    Raises: PreflightFailed: no temp folder will do (F032); says why for each.
    """
    tried = {}
    for folder in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  only below, with a random name
        tried[folder] = _why_not(Path(folder), user, room)
        if not tried[folder]:
            path = Path(tempfile.mkdtemp(prefix="drill-sandbox-", dir=folder))
            path.chmod(0o755)
            return path
    reasons = "; ".join(f"{folder} {why}" for folder, why in tried.items())
    fix = f"Point TMPDIR to a folder that will do: short, open to others down to it (o+x), with {room // 2**20} MB free."
    raise PreflightFailed(f"there is no place for the sandbox: {reasons}.", code="F032", fix=fix)


def _why_not(folder: Path, user: ServerUser | None, room: int) -> str:
    """Why a folder will not do as the place of a sandbox; empty when it will."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return "cannot be written"
    if user is not None and not _open_to_all(folder):
        return f"cannot be entered by {user.name}"
    if len(os.fsencode(folder)) + _BELOW > _SOCKET_PATH:
        return f"is too long a path for a socket below it ({len(os.fsencode(folder))} of at most {_SOCKET_PATH - _BELOW} bytes)"
    free = shutil.disk_usage(folder).free
    return f"has {free // 2**20} MB free, {room // 2**20} MB are needed" if free < room else ""


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory with owners and modes; `cp` is ten times as fast as Python for a data directory."""
    cp = shutil.which("cp")
    if cp is None:
        shutil.copytree(source, target, symlinks=True)
        return
    subprocess.run([cp, "-Rp", str(source), str(target)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _open_to_all(folder: Path) -> bool:
    """Whether others may walk down to a folder."""
    return folder.is_dir() and all(one.stat().st_mode & 0o001 for one in (folder.resolve(), *folder.resolve().parents))
