"""A scenario file is read with every mistake at its place; a hostile file ends in one clear line."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.scenario_yaml import load, read
from drill.adapters.scenario_yaml_document import MAX_NODES, parse, resolve
from drill.model.errors import ScenarioInvalid
from tests.scenarios import MODELS, scenario, sound

_BAD = """\
scenario: Bad Name
title: hello
objectives: {rto: soon, rpo: 10}
sites: {primary: {provider: sandbox}}
limits: {max_changes: many, allow: primary, freeze: [tomorrow]}
frobnicate: 3
contacts:
  lead: {titel: x, sms: 13900000001}
phases:
  Go: {acknowledge: nobody}
  out:
    acknowledge: {silense: hold, within: 5}
    steps:
      a: {fence: {site: 3, ttl: "{{ steps.x.outputs.y }}", valuess: 1}, timeot: 3s}
      b: {fense: {}}
      c: {after: []}
      d: 3
      e: {fence: {site: x}, idle: {}}
    steps: {}
"""

_FOUND = """\
1:11 S012 scenario: expected a name of small letters, digits, _ and - that starts with a letter, got 'Bad Name'.
3:19 S012 objectives.rto: expected a duration such as 250ms, 30s, 8m or 1m48s, got 'soon'.
3:30 S012 objectives.rpo: expected a duration such as 250ms, 30s, 8m or 1m48s, got 10.
4:18 S011 'region' is missing in sites.primary.
5:23 S012 limits.max_changes: expected a whole number, got 'many'.
5:36 S012 limits.allow: expected a list, got 'primary'.
5:54 S012 limits.freeze[0]: expected dates and a time zone such as 2027-02-05..2027-02-22 Asia/Shanghai.
6:1 S010 unknown key 'frobnicate' in the file.
8:9 S011 'title' is missing in contacts.lead.
8:10 S010 unknown key 'titel' in contacts.lead.
8:25 S012 contacts.lead.sms: expected a reference such as secret:NAME, never the value itself.
10:3 S012 phases.Go: expected a name of small letters, digits, _ and - that starts with a letter, got 'Go'.
10:21 S012 phases.Go.acknowledge: expected 'none', got 'nobody'.
12:19 S010 unknown key 'silense' in phases.out.acknowledge.
12:42 S012 phases.out.acknowledge.within: expected a duration such as 250ms, 30s, 8m or 1m48s, got 5.
14:25 S012 phases.out.steps.a.fence.site: expected text, got 3.
14:60 S010 unknown key 'valuess' in phases.out.steps.a.fence.
14:73 S013 'timeot' is neither a step kind nor a key of a step.
15:11 S013 'fense' is neither a step kind nor a key of a step.
16:10 S014 phases.out.steps.c names no step kind.
17:10 S012 phases.out.steps.d: expected a mapping, got 3.
18:29 S014 phases.out.steps.e names two step kinds, 'fence' and 'idle'.
19:5 S007 'steps' is written twice, first in line 13.
"""


def _file(folder: Path, text: str | bytes, name: str = "scenario.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _sound(folder: Path, **changes: Any) -> Path:
    return _file(folder, yaml.safe_dump(sound(**changes), sort_keys=False))


def _refusal(path: Path) -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        load(path, MODELS)
    return [str(row) for row in caught.value.findings]


def test_every_mistake_of_a_file_is_reported_at_once_and_at_its_place(tmp_path: Path) -> None:
    found = read(_file(tmp_path, _BAD), MODELS)

    assert found.scenario is None
    assert [f"{row.line}:{row.column} {row.code} {row.what}" for row in found.findings] == _FOUND.splitlines()


@pytest.mark.parametrize(
    ("wrong", "right"), [("titel", "title"), ("silense", "silence"), ("valuess", "values"), ("timeot", "timeout"), ("fense", "fence")]
)
def test_a_wrong_key_or_kind_is_answered_with_the_nearest_right_one(tmp_path: Path, wrong: str, right: str) -> None:
    found = {row.what: row.fix for row in read(_file(tmp_path, _BAD), MODELS).findings}

    assert [fix for what, fix in found.items() if f"'{wrong}'" in what] == [f"Did you mean '{right}'?"]


def test_a_phone_number_in_the_place_of_a_reference_is_not_repeated(tmp_path: Path) -> None:
    assert not any("13900000001" in str(row) for row in read(_file(tmp_path, _BAD), MODELS).findings)


def test_a_sound_file_gives_the_scenario_it_says(tmp_path: Path) -> None:
    assert load(_sound(tmp_path), MODELS) == scenario()


def test_an_expression_is_accepted_wherever_a_parameter_stands(tmp_path: Path) -> None:
    step = {"fence": {"site": "primary", "ttl": "{{ steps.x.outputs.ttl }}", "values": "{{ steps.x.outputs.values }}"}}

    made = load(_sound(tmp_path, phases={"out": {"steps": {"a": step}}}), MODELS)

    assert made.phases["out"].steps["a"].params == step["fence"]


# ---------------------------------------------------------------- hostile files


def test_aliases_that_repeat_aliases_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.monotonic()

    found = _refusal(_file(tmp_path, "\n".join(lines)))

    assert len(found) == 1
    assert "[S005]" in found[0]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "a: &a [*a]", "- " * 100_000])
def test_depth_without_end_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    found = _refusal(_file(tmp_path, text))

    assert len(found) == 1
    assert "[S005]" in found[0]


def test_a_file_of_ten_megabytes_is_refused_without_being_parsed(tmp_path: Path) -> None:
    assert _refusal(_file(tmp_path, b"a: 1\n" * 2_000_000)) == [
        f"{tmp_path}/scenario.yaml:1:1: [S002] the file is larger than 1000 kB. A scenario is a few kB: is this the right file?"
    ]


def test_a_file_that_is_not_utf8_is_refused_at_its_first_wrong_byte(tmp_path: Path) -> None:
    found = _refusal(_file(tmp_path, "scenario: x\ntitle: caf\xe9\n".encode("latin-1")))

    assert found == [f"{tmp_path}/scenario.yaml:2:11: [S003] byte 0xe9 is not UTF-8. Save the file as UTF-8."]


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("", "1:1", "S006"),
        ("# only a comment\n", "1:1", "S006"),
        ("- a\n- b\n", "1:1", "S006"),
        ("just text", "1:1", "S006"),
        ("a: {b\n", "2:1", "S004"),
        ("a: *nobody\n", "1:4", "S004"),
        ("a: 1\n---\nb: 2\n", "3:1", "S004"),
        ("a: b\n\tc: d\n", "2:1", "S004"),
        ("a: b\x00c\n", "1:5", "S004"),
        ('a: "\\ud800"\n', "1:7", "S004"),
    ],
)
def test_what_is_no_scenario_at_all_ends_in_one_line_with_its_place(tmp_path: Path, text: str, place: str, code: str) -> None:
    found = _refusal(_file(tmp_path, text))

    assert len(found) == 1
    assert found[0].startswith(f"{tmp_path}/scenario.yaml:{place}: [{code}] ")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert "[S001] there is no such file." in _refusal(tmp_path / "nowhere.yaml")[0]
    assert "[S001] this is not a file." in _refusal(tmp_path)[0]


@pytest.mark.parametrize("extra", ["x: !!python/object:os.system {}\n", "x: !secret y\n"])
def test_a_tag_is_refused_and_never_acted_on(tmp_path: Path, extra: str) -> None:
    text = yaml.safe_dump(sound()) + extra

    assert any("[S009]" in row for row in _refusal(_file(tmp_path, text)))


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_whatever_ends_in_anything_but_findings(text: str | bytes) -> None:
    raw = text if isinstance(text, str) else text.decode("latin-1")
    with suppress(ScenarioInvalid):
        parse(raw, "x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("2:30", "2:30"), ("0777", 777), ("0o17", 15), ("0x1f", 31), ("1e3", 1000.0),
        ("2026-11-21", "2026-11-21"),
        ("~", None), ("", None), ("true", True), ("-3", -3), ("9" * 5000, "9" * 5000), ("1e999", "1e999"), (".inf", ".inf"), (".5", 0.5),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_the_core_schema_says(text: str, value: Any) -> None:
    assert resolve(text) == value


def test_many_values_are_fine_below_the_limit() -> None:
    assert len(parse("[" + "1," * (MAX_NODES // 2) + "]", "x").data) == MAX_NODES // 2


def test_a_name_with_line_ends_and_escapes_is_shown_in_one_plain_line(tmp_path: Path) -> None:
    text = yaml.safe_dump(sound()) + '"x\\e[31m\\ny": 1\n'

    assert [row.split("] ")[1] for row in _refusal(_file(tmp_path, text))] == ["unknown key 'x\\x1b[31m\\ny' in the file. Remove it."]


# ---------------------------------------------------------------- shared files and overrides


def test_a_shared_file_brings_contacts_sites_and_limits(tmp_path: Path) -> None:
    data = sound()
    shared = {key: data.pop(key) for key in ("contacts", "limits")}
    _file(tmp_path, yaml.safe_dump(shared), "shared.yaml")

    made = load(_file(tmp_path, yaml.safe_dump({"include": "shared.yaml", **data})), MODELS)

    assert made == scenario()


def test_a_mistake_in_a_shared_file_is_reported_there(tmp_path: Path) -> None:
    _file(tmp_path, "contacts:\n  night: {titel: x, title: y}\nphases: {}\n", "shared.yaml")

    found = _refusal(_sound(tmp_path, include="shared.yaml"))

    assert [row.split("] ")[0].removeprefix(f"{tmp_path}/") + "]" for row in found] == [
        "shared.yaml:2:11: [S010]",
        "shared.yaml:3:1: [S010]",
    ]


def test_what_stands_in_both_files_is_refused(tmp_path: Path) -> None:
    _file(tmp_path, yaml.safe_dump({"contacts": {"lead": {"title": "x"}}, "limits": {"max_changes": 1, "allow": []}}), "shared.yaml")

    found = _refusal(_sound(tmp_path, include=["shared.yaml"]))

    assert len(found) == 2
    assert all("[S007]" in row and "is also in" in row for row in found)


def test_a_shared_file_that_is_not_there_is_reported_at_its_name(tmp_path: Path) -> None:
    found = _refusal(_file(tmp_path, "include: [nowhere.yaml]\n" + yaml.safe_dump(sound())))

    assert found == [f"{tmp_path}/scenario.yaml:1:11: [S015] cannot include 'nowhere.yaml': there is no such file. Check the path."]


def test_an_override_is_typed_as_yaml_is(tmp_path: Path) -> None:
    sets = ["objectives.rto=5m", "limits.max_changes=3", "contacts.lead.channels=[sms, email]", "phases.data.steps.promote.skip=true"]

    made = load(_sound(tmp_path), MODELS, sets=[*sets, "phases.data.steps.fence.retries=2", "canary.postgres=secret:DSN"])

    assert made.objectives.rto == 300
    assert made.limits.max_changes == 3
    assert made.contacts["lead"].channels == ("sms", "email")
    assert made.phases["data"].steps["promote"].skip is True
    assert made.canary is not None


def test_an_override_reaches_below_a_kind_whose_name_has_dots_and_into_lists(tmp_path: Path) -> None:
    models = {**MODELS, "a.fence": MODELS["fence"]}
    path = _sound(tmp_path, phases={"out": {"steps": {"a": {"a.fence": {"site": "x", "values": ["1", "2"]}}}}})

    made = load(path, models, sets=["phases.out.steps.a.a.fence.site=y", 'phases.out.steps.a.a.fence.values.1="3"'])

    assert made.phases["out"].steps["a"].params == {"site": "y", "values": ["1", "3"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("objectives.rto=never", "[S012] objectives.rto: expected a duration such as 250ms, 30s, 8m or 1m48s, got 'never'."),
        ("objectives.rot=1m", "[S010] unknown key 'rot' in objectives. Did you mean 'rto'?"),
        ("objectives.rto", "[S016] expected path.to.key=value. For example objectives.rto=5m."),
        ("scenario.deep.er=1", "[S016] 'scenario' is a plain value: nothing can be set below it. Shorten the path."),
        ("limits.allow.7=x", "[S016] the list has 2 entries, no entry '7'. Count from 0."),
    ],
)
def test_a_wrong_override_is_reported_at_the_override(tmp_path: Path, text: str, found: str) -> None:
    reading = read(_sound(tmp_path), MODELS, sets=[text])

    assert [str(row) for row in reading.findings] == [f"--set {text.partition('=')[0]}:1:1: {found}"]
