"""Where a MySQL or MariaDB server is and as whom it is asked: as a site says, with an option file, or as a connection string does."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess

SCHEMES: Final = ("mysql://", "mariadb://")
_PORT: Final = 3306
_MODES: Final[Mapping[str, str]] = {
    "disabled": "disable",
    "preferred": "prefer",
    "required": "require",
    "verify-ca": "verify-ca",
    "verify-identity": "verify-full",
}
"""What MySQL's own clients call the modes that libpq has."""
_ESCAPES: Final[Mapping[str, str]] = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", "s": " "}


@dataclass(frozen=True)
class MysqlAddress:
    """One server. `sslmode` is one of libpq's words; `ca` is the path of a file with certificates, else the system's count."""

    host: str
    port: int
    user: str
    dbname: str = ""
    password: str = field(default="", repr=False)
    sslmode: str = ""
    ca: str = ""


def of_site(access: DatabaseAccess) -> MysqlAddress:
    """The server of a site; what its option file says of password and TLS counts where the site says nothing.

    Raises: Fatal: the option file cannot be used (A297).
    """
    told = _option_file(access.passfile) if access.passfile is not None else {}
    sslmode = access.sslmode or _mode(told.get("ssl-mode", ""))
    return MysqlAddress(access.host, access.port, access.user, access.dbname, told.get("password", ""), sslmode, told.get("ssl-ca", ""))


def of_text(text: str) -> list[MysqlAddress]:
    """The servers of `mysql://user:password@host:3306,other:3306/name?sslmode=require&ca=/path`.

    Raises: ValueError: it is no such text, which is not told, because it holds a password.
    """
    try:
        parts = urlsplit(text.strip())
        who, _, where = parts.netloc.rpartition("@")
        user, _, password = who.partition(":")
        said = {name.replace("_", "-"): values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        hosts = [_host(one) for one in where.split(",")]
    except ValueError:
        hosts, user, said = [], "", {}
    unknown = set(said) - {"sslmode", "ssl-mode", "ca", "ssl-ca"}
    if not text.strip().startswith(SCHEMES) or not hosts or not user or unknown:
        raise ValueError("expected mysql://user:password@host:port/name, special letters as %XX") from None
    sslmode, ca = _mode(said.get("sslmode") or said.get("ssl-mode", "")), said.get("ca") or said.get("ssl-ca", "")
    return [MysqlAddress(host, port, unquote(user), parts.path.lstrip("/"), unquote(password), sslmode, ca) for host, port in hosts]


def _host(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:]+)\]|([^\s:\[\]/]+))(?::(\d{1,5}))?", text)
    if match is None or not 0 < int(match[3] or _PORT) < 65536:
        raise ValueError("no host")
    return match[1] or match[2], int(match[3] or _PORT)


def _mode(word: str) -> str:
    """Raises: ValueError: there is no such mode."""
    plain = word.strip().lower().replace("_", "-")
    if plain and plain not in {*_MODES, *_MODES.values()}:
        raise ValueError(f"there is no TLS mode {word!r}")
    return _MODES.get(plain, plain)


def _option_file(path: Path) -> dict[str, str]:
    """What the group `client` of an option file says. Its content is never told."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _unusable(path, f"cannot be read: {said}", "Correct the path, or the rights of the file.") from error
    if mode & 0o077:
        raise _unusable(path, "can be read by others than its owner", f"chmod 600 {path}")
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False, delimiters=("=",), default_section="\0")
    parser.optionxform = lambda optionstr: optionstr.lower().replace("_", "-")  # type: ignore[method-assign]
    try:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
        found = {name: _plain(value or "") for name, value in (parser.items("client") if parser.has_section("client") else ())}
        _mode(found.get("ssl-mode", ""))
    except (configparser.Error, ValueError):
        raise _unusable(path, "is no option file of MySQL", "Write [client], and below it password=….") from None
    return found


def _plain(value: str) -> str:
    """A value as MySQL's own clients read it: without its quotes, its escapes resolved."""
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return re.sub(r"\\([btnrs\\])", lambda found: _ESCAPES[found[1]], text)


def _unusable(path: Path, why: str, fix: str) -> Fatal:
    return Fatal(f"the password file {path} {why}.", code="A297", fix=fix)
