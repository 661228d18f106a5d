"""Where MySQL servers are and how they are asked: nothing a server or a file does lets a driver's error, a password or a hang through."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.mysql_address import MysqlAddress, of_site, of_text
from drill.adapters.mysql_connection import MysqlBroken, MysqlConnection
from drill.model.errors import Fatal
from drill.model.ports import DatabaseAccess

GREETING = b"\x0a8.0.36\0" + b"\x01\0\0\0" + b"12345678\0" + b"\xff\xf7" + b"\xff\x02\0\xff\xdf\x15" + b"\0" * 10 + b"123456789012\0"
"""What a server without TLS says first (its capabilities lack 0x0800)."""


def packet(body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + b"\0" + body


@contextmanager
def saying(words: bytes, *, closes: bool) -> Iterator[tuple[int, list[bytes]]]:
    """A port where every caller is told the words; what one answers within a moment is kept."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            caller, _ = server.accept()
            with caller:
                caller.sendall(words)
                caller.settimeout(2.0)
                try:
                    while not closes and (said := caller.recv(4096)):
                        heard.append(said)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(10)


def opened(port: int, *, within_s: float = 5.0, **more: Any) -> MysqlConnection:
    return MysqlConnection(MysqlAddress("127.0.0.1", port, "drill", password="hunter22", **more), until_s=time.monotonic() + within_s)


@pytest.mark.parametrize(
    "words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0", packet(b""), packet(b"\x0a"), packet(b"\xff\x15\x04"), b"\xff" * 4096]
)
def test_whatever_a_server_says_no_error_of_the_driver_escapes(words: bytes) -> None:
    with saying(words, closes=True) as (port, _), pytest.raises(MysqlBroken) as broken:
        opened(port)

    assert "hunter22" not in str(broken.value)


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with saying(b"", closes=False) as (port, _):
        start_s = time.monotonic()
        with pytest.raises(MysqlBroken) as broken:
            opened(port, within_s=0.3)
        took_s = time.monotonic() - start_s

    assert broken.value.silent
    assert took_s < 10


def test_where_tls_is_required_a_server_without_it_hears_nothing_of_the_user() -> None:
    with saying(packet(GREETING), closes=False) as (port, heard), pytest.raises(MysqlBroken, match="SSL is required"):
        opened(port, sslmode="require")

    assert b"drill" not in b"".join(heard)


def test_a_missing_certificate_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(MysqlBroken, match="No such file"):
        opened(1, sslmode="verify-full", ca=str(tmp_path / "none.pem"))


def test_a_missing_driver_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)

    with pytest.raises(Fatal) as missing:
        opened(1)

    assert (missing.value.code, "dr-drill[mysql]" in missing.value.fix) == ("A298", True)


def test_a_connection_string_names_servers_user_and_tls() -> None:
    first, second = of_text("mysql://dr%40ill:p%2Fw%3A@db1.example.com,[2001:db8::1]:3307/shop?ssl-mode=VERIFY_IDENTITY&ca=/etc/ca.pem")

    assert first == MysqlAddress("db1.example.com", 3306, "dr@ill", "shop", "p/w:", "verify-full", "/etc/ca.pem")
    assert (second.host, second.port) == ("2001:db8::1", 3307)
    assert "p/w" not in repr(first)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mysql://",
        "mysql://hunter22",
        "mysql://u:hunter22@h:99999/x",
        "mysql://u:hunter22@h/x?ssl=1",
        "mysql://u:hunter22@h/x?sslmode=some",
        "host=h password=hunter22",
        "mysql://u:hunter22@[::1",
    ],
)
def test_a_text_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected mysql://|no TLS mode") as refused:
        of_text(text)

    assert "hunter22" not in str(refused.value)


def site(file: Path) -> DatabaseAccess:
    return DatabaseAccess("db.example.com", 3306, "drill", "shop", Path(), file, engine="mysql")


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "my.cnf"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("password=plain", "plain"),
        ('password = "it\'s = a # \\\\ secret"', "it's = a # \\ secret"),
        ("password='tab\\there\\s'", "tab\there "),
        ("password", ""),
        ("PassWord = x", "x"),
    ],
)
def test_a_password_is_read_as_mysqls_own_clients_read_it(tmp_path: Path, line: str, password: str) -> None:
    file = written(tmp_path, f"# mine\n[mysqld]\npassword=other\n\n[client]\nssl_mode=REQUIRED\n{line}\n[mysqldump]\npassword=third\n")

    found = of_site(site(file))

    assert (found.password, found.sslmode, found.user) == (password, "require", "drill")


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("[client]\npassword=hunter22\n", 0o640, "can be read by others"),
        ("password=hunter22\n", 0o600, "is no option file"),
        ("[client]\npassword=hunter22\nssl-mode=SOME\n", 0o600, "is no option file"),
    ],
)
def test_a_password_file_that_cannot_be_used_says_why_and_shows_nothing(tmp_path: Path, text: str, mode: int, words: str) -> None:
    with pytest.raises(Fatal, match=words) as refused:
        of_site(site(written(tmp_path, text, mode)))

    assert refused.value.code == "A297"
    assert refused.value.__suppress_context__ or refused.value.__cause__ is None
    assert "hunter22" not in str(refused.value)


def test_a_password_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be read: No such file"):
        of_site(site(tmp_path / "none.cnf"))


@given(password=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_any_password_survives_the_way_through_a_connection_string(password: str) -> None:
    from urllib.parse import quote

    assert of_text(f"mysql://drill:{quote(password, safe='')}@h/shop")[0].password == password
