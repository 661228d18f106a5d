"""Records are replaced whole, ports do not collide, and a home has one mark."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from drill.sandbox.layout import REGIONS, free_ports, home_mark, read_json, write_json


def test_a_record_is_read_back_as_it_was_written_and_only_by_us(tmp_path: Path) -> None:
    write_json(tmp_path / "state.json", {"a": 1})
    write_json(tmp_path / "state.json", {"b": [2]})

    assert read_json(tmp_path / "state.json") == {"b": [2]}
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_what_is_no_record_reads_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)

    assert read_json(tmp_path / "state.json") is None
    assert read_json(tmp_path / "absent.json") is None


def test_ports_are_free_on_every_address_and_all_different() -> None:
    addresses = [address for region in REGIONS.values() for address in region]

    ports = free_ports([addresses, ["127.0.0.1"], ["127.0.0.1"]])

    assert len(set(ports)) == 3
    for address in addresses:
        with socket.socket() as server:
            server.bind((address, ports[0]))


def test_a_home_has_one_mark_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)

    assert home_mark(Path("home")) == home_mark(tmp_path / "x" / ".." / "home")
    assert home_mark(Path("home")) != home_mark(Path("other"))
