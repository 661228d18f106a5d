"""Facts: what is sealed reads back, and whatever is changed in a chain afterwards is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.model.errors import JournalBroken
from drill.model.events import GENESIS, PAYLOAD, Draft, Fact, Kind, canonical, check_chain, fact_from_row, seal, stamp
from tests.model.story import Story, seal_all

_AT = datetime(2027, 3, 1, 2, 0, tzinfo=UTC)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NUMBERS = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def _drafts(draw: st.DrawFn) -> Draft:
    kind = draw(st.sampled_from(list(Kind)))
    data = {name: draw(_JSON) for name in PAYLOAD[kind]}
    at = _AT + timedelta(microseconds=draw(st.integers(0, 10**12)))
    zone = timezone(timedelta(minutes=draw(st.integers(-720, 720))))
    return Draft(kind, draw(_WORDS), draw(_WORDS), data, at.astimezone(zone), draw(st.floats(0, 1e9)), draw(_WORDS))


def _through_a_file(facts: list[Fact]) -> list[Fact]:
    return [fact_from_row(json.loads(json.dumps(fact.row(), ensure_ascii=False))) for fact in facts]


@settings(max_examples=60, deadline=None)
@given(st.lists(_drafts(), min_size=1, max_size=6))
def test_a_sealed_chain_reads_back_from_a_file_fact_by_fact(drafts: list[Draft]) -> None:
    facts = seal_all("drill-1", drafts)

    read = _through_a_file(facts)

    assert read == facts
    assert check_chain(read) == (len(facts), facts[-1].digest)


@cache
def _chain() -> tuple[Fact, ...]:
    facts = [fact for fact in Story().facts() if fact.kind not in {Kind.PROBE_SAMPLED, Kind.CANARY_ACKNOWLEDGED, Kind.DRILL_PLANNED}]
    drafts = [Draft(fact.kind, fact.by, fact.key, fact.data, fact.at, fact.mono_s, fact.epoch) for fact in facts[:40]]
    return tuple(seal_all("drill-1", drafts))


_EDITS: dict[str, Callable[[Fact], Fact]] = {
    "drill": lambda fact: replace(fact, drill=f"{fact.drill}x"),
    "at": lambda fact: replace(fact, at=fact.at + timedelta(microseconds=1)),
    "mono_s": lambda fact: replace(fact, mono_s=fact.mono_s + 0.000001),
    "epoch": lambda fact: replace(fact, epoch=f"{fact.epoch}x"),
    "by": lambda fact: replace(fact, by="person:lead" if fact.by != "person:lead" else "engine"),
    "kind": lambda fact: replace(fact, kind=Kind.DRILL_STARTED if fact.kind is not Kind.DRILL_STARTED else Kind.FAILBACK_STARTED),
    "key": lambda fact: replace(fact, key=f"{fact.key}x"),
    "data": lambda fact: replace(fact, data={**fact.data, "added": None}),
    "digest": lambda fact: replace(fact, digest=fact.digest[::-1]),
}


@given(st.integers(0, 39), st.sampled_from(sorted(_EDITS)))
def test_any_edited_field_of_any_row_is_noticed_at_that_row(place: int, field: str) -> None:
    facts = list(_chain())
    facts[place] = _EDITS[field](facts[place])

    with pytest.raises(JournalBroken, match=rf"fact {place + 1} ") as broken:
        check_chain(facts)

    assert broken.value.code == "J001"


@given(st.integers(0, 39), st.data())
def test_any_edited_value_in_the_data_of_a_row_is_noticed(place: int, data: st.DataObject) -> None:
    facts = list(_chain())
    fact = facts[place]
    name = data.draw(st.sampled_from(sorted(fact.data) or ["added"]))
    value = data.draw(_JSON.filter(lambda value: canonical(value) != canonical(fact.data.get(name, ...) if name in fact.data else {})))
    facts[place] = replace(fact, data={**fact.data, name: value})

    with pytest.raises(JournalBroken, match="J001"):
        check_chain(facts)


@given(st.integers(0, 38))
def test_a_removed_row_is_noticed_and_named(place: int) -> None:
    facts = list(_chain())
    del facts[place]

    with pytest.raises(JournalBroken, match=rf"J002\] fact {place + 1} is missing"):
        check_chain(facts)


@given(st.integers(0, 39), st.integers(0, 39))
def test_reordered_rows_are_noticed(one: int, other: int) -> None:
    facts = list(_chain())
    facts[one], facts[other] = facts[other], facts[one]

    if one == other:
        check_chain(facts)
    else:
        with pytest.raises(JournalBroken, match="J002"):
            check_chain(facts)


def test_a_removed_row_cannot_be_hidden_by_counting_anew() -> None:
    facts = list(_chain())
    del facts[10]
    counted = [replace(fact, seq=number) for number, fact in enumerate(facts, start=1)]

    with pytest.raises(JournalBroken, match="J001"):
        check_chain(counted)


def test_the_digest_does_not_depend_on_the_order_of_keys_or_the_time_zone() -> None:
    first = Draft(Kind.PHASE_CLOSED, "engine", "k", {"phase": "a", "state": "succeeded"}, _AT, 1.0, "e")
    east = _AT.astimezone(timezone(timedelta(hours=8)))
    second = Draft(Kind.PHASE_CLOSED, "engine", "k", {"state": "succeeded", "phase": "a"}, east, 1.0, "e")

    assert seal("d", 1, first, GENESIS).digest == seal("d", 1, second, GENESIS).digest


@given(st.sampled_from([kind for kind in Kind if PAYLOAD[kind]]), st.data())
def test_a_fact_without_one_of_its_fields_cannot_be_written(kind: Kind, data: st.DataObject) -> None:
    missing = data.draw(st.sampled_from(sorted(PAYLOAD[kind])))

    with pytest.raises(ValueError, match=missing):
        Draft(kind, "engine", "k", dict.fromkeys(PAYLOAD[kind] - {missing}), _AT, 1.0, "e")


def test_a_fact_needs_an_aware_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        Draft(Kind.DRILL_STARTED, "engine", "k", {}, _AT.replace(tzinfo=None), 1.0, "e")


def test_what_json_cannot_say_cannot_be_sealed() -> None:
    draft = Draft(Kind.FINDING_RAISED, "engine", "k", {"code": "D1", "what": float("nan"), "fix": ""}, _AT, 1.0, "e")

    with pytest.raises(ValueError, match="not JSON compliant"):
        seal("d", 1, draft, GENESIS)


_ROW: dict[str, Any] = seal("d", 1, Draft(Kind.DRILL_STARTED, "engine", "k", {}, _AT, 1.0, "e"), GENESIS).row()


@pytest.mark.parametrize("field", sorted(_ROW))
def test_a_row_without_one_of_its_fields_is_refused(field: str) -> None:
    with pytest.raises(JournalBroken, match="J003"):
        fact_from_row({name: value for name, value in _ROW.items() if name != field})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "1"),
        ("seq", True),
        ("at", 5),
        ("at", "yesterday"),
        ("at", "2027-03-01T02:00:00"),
        ("mono_s", "1"),
        ("mono_s", float("nan")),
        ("kind", "MoonLanded"),
        ("data", None),
        ("data", [1]),
        ("digest", 5),
        ("by", None),
    ],
)
def test_a_row_with_a_field_of_another_type_is_refused_and_never_breaks_the_reader(field: str, value: Any) -> None:
    with pytest.raises(JournalBroken, match="J003") as broken:
        fact_from_row({**_ROW, field: value})

    assert broken.value.fix


@pytest.mark.parametrize("row", [[], "a line", 5, None])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    with pytest.raises(JournalBroken, match="J003"):
        fact_from_row(row)


def test_a_value_that_is_no_json_in_the_data_of_a_row_is_an_edited_row() -> None:
    with pytest.raises(JournalBroken, match="J001"):
        check_chain([fact_from_row({**_ROW, "data": {"lag": float("inf")}})])


def test_times_are_written_in_utc_to_the_microsecond() -> None:
    assert stamp(datetime(2027, 3, 1, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))) == "2027-03-01T02:00:00.000005Z"


def test_an_empty_chain_ends_where_every_chain_begins() -> None:
    assert check_chain([]) == (0, GENESIS)
