"""`drill probe`: what it refuses and how it says so, what it writes into a file, and what becomes of such a file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.model.events import Kind
from drill.model.plan import Plan
from tests.adapters.loopback import OK, say, serving
from tests.cli.conftest import Drill, Said, journal, tell
from tests.engine.vantage_samples import sampled
from tests.model.story import Story
from tests.model.story_pen import ZERO_AT

STARTED = datetime.now(UTC) - timedelta(minutes=2)
KEY = "frankfurt-key-that-nobody-guesses-0123456789"
SCENARIO = """
scenario: region
title: Region
objectives: {rto: 60s, rpo: 10s}
sites:
  primary: {provider: hosts, region: a, addresses: [127.0.0.1]}
  standby: {provider: hosts, region: b, addresses: [127.0.0.2]}
probes:
  checkout: {http: "http://127.0.0.1:PORT/", every: 50ms, timeout: 1s, user_view: true}
  sticky: {http: "http://127.0.0.1:PORT/", every: 100ms, connection: kept}
vantage_points:
  frankfurt: {}
  office: {probes: [sticky], user_view: false}
limits: {max_changes: 1, allow: ["primary/*"]}
contacts: {lead: {title: Lead, email: secret:LEAD_MAIL, channels: [mail]}}
messages: {channels: {mail: {smtp: {host: mail.example.com, from: drill@example.com}}}}
phases:
  go: {acknowledge: {when: before, ask: [lead], within: 1m}}
"""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "U001"),
        (["--as", "frankfurt"], "U001"),
        (["--as", "frankfurt", "--to", "samples.jsonl"], "U001"),
        (["--as", "frankfurt", "--to", "http://127.0.0.1:1"], "U054"),
        (["--as", "frankfurt", "--to", "http://192.0.2.1", "--key-file", "KEYFILE"], "U051"),
        (["--as", "frankfurt", "--to", "http://127.0.0.1:1", "--key-file", "nowhere"], "U054"),
        (["--as", "../up", "--to", "http://127.0.0.1:1", "--key-file", "KEYFILE"], "U057"),
        (["--as", "frankfurt", "--to", "x", "--for", "soon"], "U058"),
        (["--as", "frankfurt", "--to", "x", "--resolver", "nobody"], "U058"),
        (["--take", "d"], "U001"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_a_way_out(drill: Drill, tmp_path: Path, words: list[str], code: str) -> None:
    (tmp_path / "key").write_text(KEY)

    said = drill("probe", *(str(tmp_path / "key") if word == "KEYFILE" else word for word in words))

    assert (said.code, f"[{code}]" in said.err, said.err.count("\n")) == (2, True, 1), said.err


def _sampled(drill: Drill, tmp_path: Path, vantage: str, *words: str) -> Said:
    with serving(say(OK)) as server:
        (tmp_path / "region.yaml").write_text(SCENARIO.replace("PORT", str(server.port)))
        return drill("probe", tmp_path / "region.yaml", "--as", vantage, "--to", tmp_path / "out.jsonl", "--for", "1200ms", *words)


def test_a_file_says_what_was_asked_and_holds_a_sample_a_line(drill: Drill, tmp_path: Path) -> None:
    said = _sampled(drill, tmp_path, "frankfurt", "--json")

    head, *rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert said.code == 0, said.err
    assert (head["drill_samples"], head["scenario"], head["vantage"]) == (1, "region", "frankfurt")
    assert [probe["id"] for probe in head["probes"]] == ["checkout", "sticky"]
    assert len(rows) >= 5
    assert all(row["ok"] and row["site"] == "primary" and row["clock_error_s"] is None for row in rows)
    events = [json.loads(line)["event"] for line in said.out.splitlines()]
    assert (events[0], events[-1]) == ("order", "ended")


def test_a_file_that_is_there_and_a_point_that_is_not_are_refused(drill: Drill, tmp_path: Path) -> None:
    unknown = _sampled(drill, tmp_path, "lagos")
    (tmp_path / "out.jsonl").write_text("mine")
    there = _sampled(drill, tmp_path, "office")

    assert (unknown.code, "[U057]" in unknown.err, "frankfurt, office" in unknown.err) == (2, True, True)
    assert (there.code, "[U055]" in there.err) == (2, True)
    assert (tmp_path / "out.jsonl").read_text() == "mine"


def _story(ending: Any = "running", key: str = "") -> str:
    """A drill with the vantage point frankfurt, in the journal of the home."""
    from tests.model.story import redrafted
    from tests.model.story_vantage import with_points

    story = Story(every_s=0.5, ending=ending)
    point = {"id": "frankfurt", "probes": ["checkout"], "key": key}
    facts = with_points(story.facts(), Plan.model_validate({**_plan(story), "vantage_points": [point]}).vantage_points, [])
    journal().append(story.drill, [replace(draft, at=draft.at - ZERO_AT + STARTED) for draft in redrafted(facts)])
    return story.drill


def _plan(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = dict(story.facts()[0].data["plan"])
    return found


def _file(
    path: Path,
    *,
    off: timedelta = timedelta(),
    scenario: str = "sandbox-region-outage",
    vantage: str = "frankfurt",
    method: str = "POST",
    tail: str = "",
) -> Path:
    probe = {"id": "checkout", "http": "http://shop.drill.test/checkout", "method": method, "every_s": 0.5, "timeout_s": 1.0}
    head = {"drill_samples": 1, "scenario": scenario, "vantage": vantage, "probes": [{**probe, "user_view": True}]}
    known = {"clock_offset_s": None, "clock_error_s": None, "clock_boot": ""}
    rows = [sampled(k, at=STARTED + off + timedelta(seconds=k), **known).model_dump_json() for k in range(5)]
    early = sampled(99, at=STARTED - timedelta(hours=1), **known).model_dump_json()
    path.write_text("\n".join([json.dumps(head), *rows, early, tail]))
    return path


def test_a_file_is_taken_into_a_drill_that_has_not_ended_and_twice_does_no_harm(drill: Drill, tmp_path: Path) -> None:
    name, file = _story(), _file(tmp_path / "s.jsonl", tail='{"probe": "chec')

    first, again = drill("probe", "--take", name, file, "--json"), drill("probe", "--take", name, file)

    assert first.code == 0, first.err
    assert {key: first.json()[key] for key in ("taken", "outside", "refused", "unreadable")} == {
        "taken": 5,
        "outside": 1,
        "refused": 0,
        "unreadable": 1,
    }
    assert again.out.splitlines()[0] == f"frankfurt: 5 samples are in {name}"
    held = [fact for fact in journal().read(name, kinds=frozenset({Kind.PROBE_SAMPLED})) if fact.data.get("vantage")]
    assert len(held) == 5


def test_status_says_when_each_point_of_a_running_drill_was_last_heard(drill: Drill, tmp_path: Path) -> None:
    name = _story()
    before = drill("status", name)
    drill("probe", "--take", name, _file(tmp_path / "s.jsonl"))
    after = drill("status", name)

    assert "vantage point frankfurt: no sample lately" in before.out
    assert f"vantage point frankfurt: last sample at {STARTED + timedelta(seconds=4):%H:%M:%S} UTC" in after.out
    assert drill("status", name, "--json").json()["vantage_points"][0]["id"] == "frankfurt"


def test_nothing_is_taken_after_the_last_fact(drill: Drill, tmp_path: Path) -> None:
    said = drill("probe", "--take", _story("finished"), _file(tmp_path / "s.jsonl"))

    assert (said.code, "[F075]" in said.err) == (3, True)


@pytest.mark.parametrize(
    ("off", "why"),
    [
        (timedelta(hours=1), "the clock of frankfurt is at least 3"),
        (timedelta(hours=-2), "they are from before it, or the clock of frankfurt is behind"),
    ],
)
def test_a_file_of_which_nothing_can_be_taken_is_a_failure_that_names_the_clock(
    drill: Drill, tmp_path: Path, off: timedelta, why: str
) -> None:
    said = drill("probe", "--take", _story(), _file(tmp_path / "s.jsonl", off=off))

    assert (said.code, "[F076]" in said.err, why in said.err) == (3, True, True), said.err
    assert "frankfurt: 0 samples are in" in said.out


def test_a_file_proves_nothing_for_a_point_that_sends_with_a_key(drill: Drill, tmp_path: Path) -> None:
    name = _story(key="secret:VANTAGE_FRANKFURT")

    said = drill("probe", "--take", name, _file(tmp_path / "s.jsonl"))

    assert (said.code, "[F077]" in said.err) == (3, True), said.err
    assert not [fact for fact in journal().read(name, kinds=frozenset({Kind.PROBE_SAMPLED})) if fact.data.get("vantage")]


@pytest.mark.parametrize(
    ("changed", "code", "exits"),
    [
        ({"scenario": "another"}, "U059", 2),
        ({"method": "GET"}, "U059", 2),
        ({"vantage": "lagos"}, "F072", 3),
    ],
)
def test_a_file_of_something_else_is_refused(drill: Drill, tmp_path: Path, changed: dict[str, Any], code: str, exits: int) -> None:
    said = drill("probe", "--take", _story(), _file(tmp_path / "s.jsonl", **changed))

    assert (said.code, f"[{code}]" in said.err) == (exits, True), said.err


@pytest.mark.parametrize(
    "content", ["", "hello\n", "{}\n", '{"drill_samples": 2, "scenario": "x", "vantage": "y", "probes": []}\n', "\x00\xff"]
)
def test_what_is_no_file_of_samples_is_named(drill: Drill, tmp_path: Path, content: str) -> None:
    (tmp_path / "s.jsonl").write_text(content)

    said = drill("probe", "--take", tell(Story(every_s=0.5, ending="running")), tmp_path / "s.jsonl")

    assert (said.code, "[U056]" in said.err) == (2, True), said.err
