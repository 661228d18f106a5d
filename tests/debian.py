"""Servers that only Debian packages, unpacked without root into a cache of their own: nothing is installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PLACES = ("usr/sbin", "usr/bin", "sbin", "bin")


@dataclass(frozen=True)
class Unpacked:
    """A tree of unpacked packages."""

    root: Path

    def program(self, name: str) -> str:
        """The path of a program: one that is installed, else the unpacked one."""
        installed = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if installed:
            return installed
        found = [self.root / place / name for place in _PLACES if (self.root / place / name).exists()]
        assert found, f"{name} is in none of {', '.join(_PLACES)} below {self.root}"
        return str(found[0])

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which unpacked programs find their libraries."""
        places = sorted({str(path.parent) for path in self.root.glob("usr/lib/**/*.so*")} | {str(self.root / "usr/lib")})
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(places)}


def cache_dir() -> Path:
    """Where unpacked packages stay between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "dr-drill" / "debian"


def unpacked(*packages: str) -> Unpacked:
    """The packages with what they need, downloaded once by apt; safe when several test processes ask at once."""
    root = cache_dir() / "_".join(sorted(packages))
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            draft = root.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            _download(draft / "archives", packages)
            for archive in sorted((draft / "archives").glob("*.deb")):
                subprocess.run(["dpkg", "-x", str(archive), str(draft)], check=True)
            shutil.rmtree(draft / "archives")
            draft.rename(root)
    return Unpacked(root)


def _download(archives: Path, packages: tuple[str, ...]) -> None:
    (archives / "partial").mkdir(parents=True)
    options = ["-o", "Debug::NoLocking=1", "-o", f"Dir::Cache::Archives={archives}"]
    command = ["apt-get", *options, "-y", "--no-install-recommends", "--reinstall", "--download-only", "install", *packages]
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return
    lists = archives.parent / "lists"  # this machine's own lists may be missing or too old, and only root may renew them
    (lists / "partial").mkdir(parents=True)
    private = [*options, "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={archives.parent / 'cache'}"]
    subprocess.run(["apt-get", *private, "update"], check=True, capture_output=True)
    command[1:1] = private[len(options) :]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(lists)
