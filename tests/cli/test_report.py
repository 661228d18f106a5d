"""`drill report` and `drill verify`: the same result from the same facts, and every way a record can be altered is noticed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from drill.settings import Settings
from drill.wiring.records import Records
from tests.cli.conftest import Drill, tell


@pytest.fixture
def published(home: Path, tmp_path: Path) -> Path:
    """A report's directory as a drill leaves it."""
    told = tell()
    Records(Settings.load()).publish(told, tmp_path / "reports" / told)
    assert home.exists()
    return tmp_path / "reports" / told


def test_each_format_is_what_it_says(drill: Drill) -> None:
    told = tell()

    assert drill("report", told).out.lstrip().lower().startswith("<!doctype html>")
    assert drill("report", told, "--format", "json").json()["drill"] == told
    assert drill("report", told, "--format", "markdown").out.startswith("#")
    assert ET.fromstring(drill("report", told, "--format", "junit").out).tag in {"testsuites", "testsuite"}  # noqa: S314 - our own
    assert all(json.loads(line)["drill"] == told for line in drill("report", told, "--format", "facts").out.splitlines())


def test_a_report_is_the_same_each_time_it_is_rendered(drill: Drill) -> None:
    told = tell()

    assert drill("report", told).out == drill("report", told).out


def test_a_report_is_written_where_it_is_asked_for(drill: Drill, tmp_path: Path) -> None:
    told = tell()

    said = drill("report", told, "--format", "markdown", "--lang", "zh", "-o", tmp_path / "deep" / "result.md")

    assert (said.code, said.out) == (0, "")
    assert "恢复" in (tmp_path / "deep" / "result.md").read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_said(drill: Drill, tmp_path: Path) -> None:
    told = tell()
    (tmp_path / "file").touch()

    said = drill("report", told, "-o", tmp_path / "file" / "result.html")

    assert said.code == 2
    assert "D030" in said.err


def test_a_record_that_was_not_touched_is_verified(drill: Drill, published: Path) -> None:
    said, machines = drill("verify", published), drill("verify", published / "facts.jsonl", "--json")

    head = json.loads((published / "report.json").read_text(encoding="utf-8"))["evidence"]["head_digest"]
    assert said.code == 0
    assert f"chain intact, head {head}" in said.out
    assert machines.json() == {"facts": len(_rows(published)), "head_digest": head, "ok": True}


def _rows(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "facts.jsonl").read_text(encoding="utf-8").splitlines()]


def _write(directory: Path, rows: list[Any]) -> None:
    (directory / "facts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _edit(rows: list[Any]) -> None:
    row = next(row for row in rows if row["kind"] == "Acknowledged")
    row["data"]["contacts"] = ["manager"]


def _edit_a_time(rows: list[Any]) -> None:
    rows[20]["mono_s"] += 0.001


def _remove(rows: list[Any]) -> None:
    del rows[15]


def _remove_and_count_anew(rows: list[Any]) -> None:
    del rows[15]
    for seq, row in enumerate(rows, start=1):
        row["seq"] = seq


def _reorder(rows: list[Any]) -> None:
    rows[10], rows[11] = rows[11], rows[10]


def _repeat(rows: list[Any]) -> None:
    rows.insert(10, rows[9])


def _add(rows: list[Any]) -> None:
    rows.append({**rows[-1], "seq": len(rows) + 1})


def _cut(rows: list[Any]) -> None:
    del rows[-3:]


def _empty(rows: list[Any]) -> None:
    rows.clear()


def _no_object(rows: list[Any]) -> None:
    rows[5] = [1, 2]


def _no_fact(rows: list[Any]) -> None:
    rows[5]["data"] = None


@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (_edit, "J001"),
        (_edit_a_time, "J001"),
        (_remove, "J002"),
        (_remove_and_count_anew, "J001"),
        (_reorder, "J002"),
        (_repeat, "J002"),
        (_add, "J001"),
        (_cut, "J006"),
        (_empty, "J003"),
        (_no_object, "J003"),
        (_no_fact, "J003"),
    ],
)
def test_an_altered_record_is_noticed(drill: Drill, published: Path, alter: Callable[[list[Any]], None], code: str) -> None:
    rows = _rows(published)
    alter(rows)
    _write(published, rows)

    people, machines = drill("verify", published), drill("verify", published, "--json")

    assert people.code == machines.code == 6
    assert f"[{code}]" in people.err
    assert machines.json()["error"]["code"] == code
    assert machines.json()["error"]["fix"]


def test_any_byte_that_changes_a_value_is_noticed(drill: Drill, published: Path) -> None:
    file = published / "facts.jsonl"
    whole = file.read_bytes()
    places = [place for place, byte in enumerate(whole) if chr(byte).isdecimal() and chr(whole[place - 1]).isdecimal()]
    chance = random.Random(7)  # the same twenty places each time

    for place in chance.sample(places, 20):
        other = b"1" if whole[place : place + 1] != b"1" else b"2"
        file.write_bytes(whole[:place] + other + whole[place + 1 :])

        assert drill("verify", published).code == 6, whole[place - 40 : place + 20]


def test_a_report_that_tells_of_other_facts_is_noticed(drill: Drill, published: Path) -> None:
    body = json.loads((published / "report.json").read_text(encoding="utf-8"))
    body["evidence"]["head_digest"] = "0" * 64
    (published / "report.json").write_text(json.dumps(body), encoding="utf-8")

    said = drill("verify", published)

    assert (said.code, "[J006]" in said.err) == (6, True)


def test_a_figure_of_a_report_that_the_facts_do_not_tell_is_noticed(drill: Drill, published: Path) -> None:
    body = json.loads((published / "report.json").read_text(encoding="utf-8"))
    body["rto"]["actual_s"] = 1.204
    (published / "report.json").write_text(json.dumps(body), encoding="utf-8")

    said = drill("verify", published)

    assert (said.code, "[J009]" in said.err, "rto" in said.err) == (6, True, True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"evidence": 5}', '{"evidence": {"facts": "x", "head_digest": ""}}'])
def test_a_report_that_cannot_be_read_is_no_bug_of_ours(drill: Drill, published: Path, text: str) -> None:
    (published / "report.json").write_text(text, encoding="utf-8")

    said = drill("verify", published)

    assert (said.code, "[J006]" in said.err) == (6, True)


def test_facts_alone_can_be_verified(drill: Drill, published: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.jsonl"
    alone.write_bytes((published / "facts.jsonl").read_bytes())

    assert drill("verify", alone).code == 0


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{not json}\n", b'{"drill": NaN}\n'])
def test_a_file_of_another_kind_is_said_to_be_so(drill: Drill, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.jsonl").write_bytes(content)

    said = drill("verify", tmp_path / "other.jsonl")

    assert (said.code, "[J003]" in said.err) == (6, True)


def test_a_directory_without_facts_is_said_to_be_so(drill: Drill, tmp_path: Path) -> None:
    said = drill("verify", tmp_path)

    assert (said.code, "U025" in said.err) == (2, True)
