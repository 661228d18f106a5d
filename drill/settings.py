"""Where things are: the one place that reads the environment."""

from __future__ import annotations

import json
import os
import re
import secrets as randomness
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import drill
from drill.model.errors import PreflightFailed, UsageError
from drill.model.written_time import parse_duration_s
from drill.sandbox.layout import home_mark

DEFAULT_TTL_S: Final = 24.0
"""With a beat and a look every second, a dead engine's drill is taken over within 30 s."""
SHORTEST_TTL_S: Final = 2.0
WORKER: Final = "DRILL_WORKER"
SESSION: Final = "PGAPPNAME"
_HANDED: Final = "DRILL_HANDED_DOWN"
_PRIVATE: Final = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|DATABASE_URL|DSN|ACCESS_KEY|PROBE_KEY")
"""Names of variables whose values are nobody's business but ours."""
_IN_ADDRESS: Final = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")
_SHORTEST: Final = 4
_KEY_BYTES = 32
_PROJECT = Path(drill.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """One DRILL_HOME and the project's own files."""

    home: Path
    reports: Path
    project: Path
    database_url: str
    secrets_file: Path | None
    worker: str = ""
    """The name of this worker when several share the home; each has its own place in it, as if it were its own machine."""
    session: str = ""
    """What the database calls every connection of this engine, its tools' too, so that others can end them when it is dead."""
    ttl_s: float = DEFAULT_TTL_S
    """How long an engine that gives no sign of life counts as alive."""
    sends_elsewhere: bool = False
    """Messages are left in the database for `drill serve --sender`: this process needs no provider's keys, and no way to it."""

    @classmethod
    def load(cls) -> Settings:
        """Read DRILL_HOME, DRILL_REPORTS, DRILL_DATABASE_URL, DRILL_SECRETS_FILE, DRILL_WORKER, DRILL_TTL and DRILL_SEND.

        Raises: UsageError: DRILL_TTL is no duration of at least 2 s (U034), or DRILL_SEND says neither here nor elsewhere (U045).
        """
        home = Path(os.environ.get("DRILL_HOME") or ".drill").expanduser().resolve()
        reports = Path(os.environ.get("DRILL_REPORTS") or "reports").expanduser().resolve()
        secrets_file = os.environ.get("DRILL_SECRETS_FILE")
        here = Path.cwd()
        project = here if (here / "playbooks").is_dir() and (here / "terraform").is_dir() else _PROJECT
        url = os.environ.get("DRILL_DATABASE_URL") or f"sqlite:///{home / 'drill.sqlite'}"
        secrets_path = Path(secrets_file).expanduser() if secrets_file else None
        return cls(
            home,
            reports,
            project,
            url,
            secrets_path,
            os.environ.get(WORKER, ""),
            os.environ.get(SESSION, ""),
            _ttl_s(os.environ.get("DRILL_TTL")),
            _sends_elsewhere(os.environ.get("DRILL_SEND") or "here", url),
        )

    @property
    def shared(self) -> bool:
        """Whether the database is one that other machines use too."""
        return not self.database_url.startswith("sqlite:")

    @property
    def place(self) -> Path:
        """Where this engine keeps files that no other engine may rely on."""
        return self.home / "workers" / self.worker if self.worker else self.home

    def drill_dir(self, drill_id: str) -> Path:
        """The directory of one drill, made when it is missing."""
        path = self.place / "drills" / drill_id
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def mark(self) -> str:
        """What every child process carries as DRILL_MARK, so that it can be found after a crash."""
        return home_mark(self.home)

    def reply_key(self) -> bytes:
        """The local key behind reply codes, made on first use. Raises: UsageError: the home cannot be written (U030)."""
        path = self.home / "reply.key"
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _make_key(path)
            return path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"DRILL_HOME {self.home} cannot be used: {error.strerror}.",
                code="U030",
                fix="Point DRILL_HOME at a directory you can write.",
            ) from error


def probe_key(file: Path | None) -> str:
    """The key of this host's vantage point, from a file or DRILL_PROBE_KEY. Raises: UsageError: there is none (U054)."""
    try:
        key = file.read_text(encoding="utf-8").strip() if file else os.environ.get("DRILL_PROBE_KEY", "").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"the key file {file} cannot be read: {said}.", code="U054", fix="Name the file that holds the key.") from error
    if not key:
        fix = "Give --key-file FILE, or set DRILL_PROBE_KEY, to what the drill has as the point's `key`."
        raise UsageError("this vantage point has no key to show.", code="U054", fix=fix)
    return key


def child_environment() -> dict[str, str]:
    """What a child of ours may find in its environment, which every process of this user can read: everything but secrets."""
    return {**{name: value for name, value in os.environ.items() if not _PRIVATE.search(name)}, _HANDED: "1"}


def handed_down() -> bytes:
    """What such a child reads from its standard input instead: the secrets of this environment."""
    return json.dumps({name: value for name, value in os.environ.items() if _PRIVATE.search(name)}).encode()


def receive_handed_down() -> None:
    """In a child: take the secrets over. They never show in /proc, which keeps the environment a process began with.

    Raises: UsageError: they do not arrive whole, as when the parent dies meanwhile (U036).
    """
    if os.environ.pop(_HANDED, None) is None:
        return
    try:
        with os.fdopen(0, "rb", closefd=False) as source:
            os.environ.update(json.loads(source.read()))
    except (OSError, ValueError) as error:
        raise UsageError("the secrets did not arrive.", code="U036", fix="This process is started by drill alone.") from error


def without_secrets(text: str) -> str:
    """A text for a person or a file with every secret of this environment as `***`, the passwords in addresses too."""
    for value in sorted({value for name, value in os.environ.items() if _PRIVATE.search(name) and len(value) >= _SHORTEST}, key=len)[::-1]:
        text = text.replace(value, "***").replace(json.dumps(value)[1:-1], "***")
    return _IN_ADDRESS.sub(r"\1***@", text)


def _make_key(path: Path) -> None:
    """Write a new key beside its place and put it there whole, unless another process was first."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".reply-key-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(randomness.token_bytes(_KEY_BYTES))
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _ttl_s(text: str | None) -> float:
    if text is None:
        return DEFAULT_TTL_S
    try:
        seconds = parse_duration_s(text)
    except ValueError as error:
        raise UsageError(f"DRILL_TTL={text} is no duration.", code="U034", fix="Write one such as 24s.") from error
    if seconds < SHORTEST_TTL_S:
        raise UsageError(f"DRILL_TTL={text} is shorter than {SHORTEST_TTL_S:g} s.", code="U034", fix="Engines beat once a second.")
    return seconds


def _sends_elsewhere(text: str, url: str) -> bool:
    if text not in {"here", "elsewhere"}:
        raise UsageError(f"DRILL_SEND={text} is unknown.", code="U045", fix="Write here or elsewhere.")
    if text == "elsewhere" and url.startswith("sqlite:"):
        fix = "Set DRILL_DATABASE_URL to a Postgres that `drill serve --sender` uses too."
        raise UsageError("DRILL_SEND=elsewhere needs a database that senders share.", code="U045", fix=fix)
    return text == "elsewhere"


class EnvironmentSecrets:
    """Values of `secret:NAME` from `extra`, from DRILL_SECRET_NAME, or from a file of NAME=value lines."""

    def __init__(self, file: Path | None, extra: dict[str, str] | None = None) -> None:
        self._file = file
        self._extra = extra or {}

    def get(self, reference: str) -> str:
        name = reference.removeprefix("secret:")
        found = os.environ.get(f"DRILL_SECRET_{name}") or self._extra.get(name) or self._from_file(name)
        if not found:
            raise PreflightFailed(
                f"the secret {name} is not set.", code="F010", fix=f"Set DRILL_SECRET_{name}, or put {name}=… into DRILL_SECRETS_FILE."
            )
        return found

    def _from_file(self, name: str) -> str:
        if self._file is None:
            return ""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise PreflightFailed(
                f"DRILL_SECRETS_FILE cannot be read: {error}.", code="F011", fix="Check its path and permissions."
            ) from error
        rows = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
        return next((value.strip() for key, _, value in rows if key.strip() == name), "")
