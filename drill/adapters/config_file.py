"""Keeps a configuration text in a file of this machine: replaced whole, never half-written, with its mode and owner."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from drill.adapters.config_keepers import changed
from drill.model.errors import Fatal, StepError


class FileKeeper:
    """Texts in files (Keeper). A writer between our last look and the replacement is not seen: a file has no compare-and-swap."""

    def read(self, keys: Mapping[str, str]) -> str:
        try:
            return _path(keys).read_bytes().decode()
        except FileNotFoundError as error:
            raise Fatal(f"there is no file {keys['path']}.", code="A284", fix="Correct the place in the scenario.") from error
        except UnicodeDecodeError as error:
            raise Fatal(f"{keys['path']} is no text in UTF-8.", code="A284", fix="Only texts can be switched.") from error
        except OSError as error:
            raise _refused(keys, error) from error

    def pending(self, keys: Mapping[str, str]) -> bool:
        return False

    def write(self, keys: Mapping[str, str], before: str, after: str) -> None:
        path = _path(keys)
        draft = ""
        try:
            kept = path.stat()
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(after.encode())
                os.fchmod(file.fileno(), kept.st_mode & 0o7777)
                if (kept.st_uid, kept.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), kept.st_uid, kept.st_gid)
                os.fsync(file.fileno())
            if self.read(keys) != before:
                raise changed("the file")
            Path(draft).replace(path)
            draft = ""
        except OSError as error:
            raise _refused(keys, error) from error
        finally:
            if draft:
                with suppress(FileNotFoundError):
                    Path(draft).unlink()


def _path(keys: Mapping[str, str]) -> Path:
    """The file itself: a link to it stays a link."""
    return Path(keys["path"]).resolve()


def _refused(keys: Mapping[str, str], error: OSError) -> StepError:
    return Fatal(f"{keys['path']} cannot be used: {error.strerror}.", code="A285", fix="See its rights, and the space beside it.")
