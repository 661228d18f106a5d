"""A fresh database cluster, made once per PostgreSQL version and copied ever after: initdb takes seconds, a copy a blink."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from drill.model.errors import PreflightFailed
from drill.sandbox.postgres import ROLE, environment
from drill.sandbox.postgres_binaries import TOOLS, Toolset
from drill.sandbox.server_user import ServerUser, can_run, copy_tree, give

TEMPLATE_VERSION = 1


def cluster_template(tools: Toolset, user: ServerUser | None, scratch: Path, mark: str) -> Path:
    """The template to copy: the cached one, or one made in `scratch` and cached for the next time.

    Raises: PreflightFailed: initdb failed (F033).
    """
    cache = cache_folder()
    build = hashlib.sha256(str(tools.origin).encode()).hexdigest()[:8]  # two builds of one version may differ in checksums or locales
    key = f"postgres-{tools.version}-{build}-{user.uid if user else os.geteuid()}-v{TEMPLATE_VERSION}"
    if cache is not None and (cache / key / "PG_VERSION").exists():
        return cache / key
    made = _initialise(tools, user, scratch, mark)
    if cache is not None:
        _keep(made, cache, key)
    return made


def cache_folder() -> Path | None:
    """Where templates are kept between sandboxes: DRILL_CACHE, or the user's cache; None when it cannot be written."""
    named = os.environ.get("DRILL_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drill"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return base if os.access(base, os.W_OK) else None


def reachable_toolset(tools: Toolset, user: ServerUser | None, scratch: Path) -> Toolset:
    """The same tools where the server's user can start them: copied below `scratch` when they lie in a closed home.

    Raises: PreflightFailed: the copy cannot be started either (F033).
    """
    if _all_run(tools, user):
        return tools
    copied = Toolset(_copy(tools, scratch / "programs"), tools.version, tools.origin)
    if not _all_run(copied, user):
        raise PreflightFailed(
            f"{user.name if user else 'nobody'} cannot start {tools.bin_dir}/postgres, nor a copy of it.",
            code="F033",
            fix="Install PostgreSQL where every user can start it, or do not run as root.",
        )
    return copied


def _all_run(tools: Toolset, user: ServerUser | None) -> bool:
    return all(can_run(tools.tool(name), user) for name in TOOLS)


def _copy(tools: Toolset, target: Path) -> Path:
    """Copy an installation and return its folder of programs. The wheel keeps libraries beside its package: they come along."""
    install = tools.bin_dir.resolve().parent
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    below = target / package.name
    for folder in (target, below):
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    copy_tree(install, below / install.name)
    if libraries.is_dir():
        copy_tree(libraries, target / libraries.name)
    return below / install.name / tools.bin_dir.resolve().name


def _initialise(tools: Toolset, user: ServerUser | None, scratch: Path, mark: str) -> Path:
    place = scratch / "template"
    place.mkdir(mode=0o755, exist_ok=True)
    give(place, user)
    data = place / "data"
    argv = [tools.tool("initdb"), "-D", str(data), "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
    outcome = subprocess.run(
        argv,
        cwd=place,
        env=environment(mark),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        umask=0o077,
    )
    if outcome.returncode != 0:
        raise PreflightFailed(
            f"initdb failed: {outcome.stderr.strip()[-600:]}", code="F033", fix="Check free space and DRILL_PG_BIN, then try again."
        )
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("\ninclude_if_exists = 'drill.conf'\n")
    return data


def _keep(made: Path, cache: Path, key: str) -> None:
    """Store a template under its key at once or not at all; another sandbox may be doing the same."""
    aside = Path(tempfile.mkdtemp(dir=cache, prefix=".making-"))
    try:
        copy_tree(made, aside / "data")
        (aside / "data").rename(cache / key)
    except OSError:
        if not (cache / key / "PG_VERSION").exists():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
