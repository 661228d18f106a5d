"""Planted secrets and the search for them: in files of every kind, in texts, and in the processes of a running drill."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sqlite3
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import quote

_EXACT_TIMES = re.compile(rb"\d+\.\d+|\b[0-9a-f]{12,}\b")
"""Seconds with fractions, and digests: digits in them are nobody's code."""
_LONGEST = 64 << 20


def forms(secret: str) -> set[bytes]:
    """How a secret may stand somewhere: plain, with gaps, quoted for an address or in JSON, in hexadecimal, in base64 at any offset."""
    plain = secret.encode()
    found = {plain, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), plain.hex().encode()}
    if re.fullmatch(r"1\d{10}", secret):  # a phone number: the country code before it changes nothing
        found |= {gap.join((secret[:3], secret[3:7], secret[7:])).encode() for gap in " -"}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + plain)
        sure = whole[(before * 8 + 5) // 6 : (before + len(plain)) * 8 // 6]
        found |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def code_pattern(code: str) -> re.Pattern[bytes]:
    """A reply code as a text shows it: alone between quotes, after a word for it, or after the digit or word of an answer."""
    digits = code.encode()
    if len(code) > 4:
        return re.compile(rb"(?<!\d)" + digits + rb"(?!\d)")
    words = "码|code|pin".encode()
    return re.compile(rb'"' + digits + rb'"|(?:' + words + rb'|\b[129yn])["\'\s:=,.-]{0,4}' + digits + rb"(?!\d)", re.IGNORECASE)


@dataclass
class Needles:
    """What must not be found: secrets by name, and the codes sent so far."""

    secrets: Mapping[str, str]
    codes: set[str] = field(default_factory=set)

    def in_text(self, text: str | bytes) -> list[str]:
        """The names of the secrets, and the word `code`, that a text holds."""
        blob = text.encode() if isinstance(text, str) else text
        found = [name for name, their_forms in self._forms.items() if any(form in blob for form in their_forms)]
        suspects = [code for code in self.codes if code.encode() in blob]
        bare = _EXACT_TIMES.sub(b"", blob) if suspects else b""
        return found + ["code" for code in suspects if code_pattern(code).search(bare)]

    @cached_property
    def _forms(self) -> dict[str, set[bytes]]:
        return {name: forms(secret) for name, secret in self.secrets.items()}

    def in_files(self, folders: Iterable[Path], *, spared: Iterable[Path] = ()) -> list[str]:
        """Where below the folders something is found, as `path: name`; `spared` folders are not searched."""
        left_out = tuple(spared)
        return [
            f"{path}: {name}"
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(path.is_relative_to(one) for one in left_out)
            for blob in contents(path)
            for name in self.in_text(blob)
        ]


def contents(path: Path) -> Iterator[bytes]:
    """What a file holds: its bytes, and what is in it when it is an archive, a compressed file or a database."""
    try:
        blob = path.read_bytes() if path.stat().st_size <= _LONGEST else b""
    except FileNotFoundError:
        return  # a temporary file of a running drill
    yield blob
    if zipfile.is_zipfile(io.BytesIO(blob)):
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif blob.startswith(b"\x1f\x8b"):
        yield gzip.decompress(blob)
    elif blob.startswith(b"SQLite format 3"):
        yield _rows(path)


def _rows(path: Path) -> bytes:
    """Every value of every table: one that spills over several pages is whole only here."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        rows = [row for table in tables for row in connection.execute(f'select * from "{table}"')]  # noqa: S608 - its own names
    finally:
        connection.close()
    return "\n".join(str(value) for row in rows for value in row).encode("utf-8", "surrogateescape")


class ProcessWatch:
    """Looks again and again at the environment and arguments of every process with a mark and of those below `roots`."""

    def __init__(self, needles: Needles, mark: str, *, every_s: float = 0.08) -> None:
        self.hits: set[str] = set()
        self.seen: set[str] = set()
        self.roots: set[int] = set()
        """The environment of these is the user's own; their arguments are looked at."""
        self._needles = needles
        self._mark = re.compile(rb"DRILL_MARK=(web@)?" + re.escape(mark.encode()))
        self._every_s = every_s
        self._texts: set[tuple[bytes, bytes]] = set()
        self._own: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def found(self) -> set[str]:
        """What was seen of the needles, by the process's arguments; codes sent later than a look count too."""
        return {f"{words.decode(errors='replace')[:80]}: {name}" for words, text in self._texts for name in self._needles.in_text(text)}

    def _work(self) -> None:
        while not self._stop.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        ours = set(self.roots)
        for pid in sorted(int(place.name) for place in Path("/proc").iterdir() if place.name.isdecimal()):
            words, environment, parent = _proc(pid)
            if not (self._mark.search(environment) or parent in ours or pid in ours):
                continue
            ours.add(pid)
            shown = words.replace(b"\0", b" ")
            self.seen.add(shown.decode(errors="replace"))
            self._texts.add((shown, words))
            self._own |= {words} if pid in self.roots else set()
            if words not in self._own:  # a child between its fork and its exec is still the process it came from
                self._texts.add((shown, environment))


def _proc(pid: int) -> tuple[bytes, bytes, int]:
    """Arguments, environment and parent of a process; empty when it is gone."""
    place = Path("/proc") / str(pid)
    try:
        words, stat = (place / "cmdline").read_bytes(), (place / "stat").read_text(errors="replace")
        environment = (place / "environ").read_bytes()
    except OSError:
        return b"", b"", 0
    return words, environment, int(stat[stat.rindex(")") + 2 :].split()[1])
