"""Raw tool output as files named by their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from drill.adapters.report_files import write_whole

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class FileArtifacts:
    """Files `<root>/<drill>/artifacts/<sha256>-<name>`, readable by their owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _folder(self, drill: str) -> Path:
        return self._root / drill / "artifacts"

    def put(self, drill: str, name: str, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        folder = self._folder(drill)
        if next(folder.glob(f"{sha256}-*"), None) is None:  # the same content keeps its first name
            write_whole(folder / f"{sha256}-{_PLAIN.sub('-', name)}", content)
        return sha256

    def get(self, drill: str, sha256: str) -> bytes:
        for path in self._folder(drill).glob(f"{sha256}-*"):
            return path.read_bytes()
        raise KeyError(sha256)

    def names(self, drill: str) -> Mapping[str, str]:
        rows = (path.name.partition("-") for path in sorted(self._folder(drill).glob("*-*")))
        return {sha256: name for sha256, _, name in rows}
