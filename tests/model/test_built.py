"""What a drill built: whose address is whose, how long each thing was there, and what that comes to at the user's prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.model.built import built_rows, sites_by_address, type_of
from drill.model.events import Draft, Kind
from drill.model.plan import Plan
from drill.model.plan_prices import Prices
from drill.model.timeline import Timeline
from drill.model.windows import all_series
from tests.model.story import Story, redrafted, seal_all
from tests.model.story_pen import ZERO_AT, ZERO_MONO_S, where_of

BUILD, REMOVE = "rebuild.capacity", "release.capacity"
Say = tuple[float, Kind, str, dict[str, Any]]


def told(*plays: Say, prices: Prices | None = None) -> Timeline:
    """A drill of which only this is told: seconds since its first fact, the kind, the step and its words."""
    opening = redrafted(Story().facts())[:1]
    plan = Plan.model_validate({**opening[0].data["plan"], "prices": prices.model_dump() if prices else None})
    opening[0] = replace(opening[0], data={**opening[0].data, "plan": plan.model_dump(mode="json"), "plan_digest": plan.digest()})
    drafts = [_draft(number, *play) for number, play in enumerate(plays)]
    return Timeline(seal_all("d", [*opening, *drafts]))


def _draft(number: int, at_s: float, kind: Kind, step: str, words: dict[str, Any]) -> Draft:
    at = ZERO_AT + timedelta(seconds=at_s)
    return Draft(kind, "engine", f"{step}/{number}", {**words, **where_of(step, 1)}, at, ZERO_MONO_S + at_s, "b00t1-101-76")


def resource(at_s: float, address: str, action: str, word: str, step: str = BUILD) -> Say:
    return at_s, Kind.STEP_PROGRESSED, step, {"what": f"{address} {action} {word}", "address": address, "action": action}


def ended(at_s: float, step: str, **outputs: Any) -> Say:
    return at_s, Kind.STEP_SUCCEEDED, step, {"outputs": outputs}


def figures(timeline: Timeline) -> list[tuple[str, int, float, int, float | None]]:
    return [(row.type, row.count, row.held_s, row.left, row.amount) for row in built_rows(timeline)]


WHOLE = (
    resource(10.0, "aws_lb.site", "create", "started"),
    resource(11.0, "aws_instance.app[0]", "create", "started"),
    resource(12.0, "aws_instance.app[1]", "create", "started"),
    resource(20.0, "aws_instance.app[0]", "create", "done"),
    resource(50.0, "aws_lb.site", "create", "done"),
    ended(50.5, BUILD, created=["aws_instance.app[0]", "aws_instance.app[1]", "aws_lb.site"]),
    resource(100.0, "aws_lb.site", "delete", "started", REMOVE),
    resource(111.0, "aws_instance.app[1]", "delete", "done", REMOVE),
    resource(130.0, "aws_lb.site", "delete", "done", REMOVE),
    ended(131.0, REMOVE, destroyed=["aws_instance.app[0]", "aws_instance.app[1]", "aws_lb.site"]),
)


def test_each_thing_counts_from_the_beginning_of_its_making_to_the_end_of_its_removal() -> None:
    assert figures(told(*WHOLE)) == [("aws_instance", 2, 120.0 + 99.0, 0, None), ("aws_lb", 1, 120.0, 0, None)]


def test_the_users_own_prices_make_an_amount_and_the_closer_one_counts() -> None:
    prices = Prices(currency="USD", per_hour={"aws_instance": 1.0, "aws_instance.app": 3.6})

    assert figures(told(*WHOLE, prices=prices)) == [("aws_instance", 2, 219.0, 0, 0.219), ("aws_lb", 1, 120.0, 0, None)]


def test_what_is_still_there_counts_until_now_and_is_named() -> None:
    assert figures(told(*WHOLE[:6])) == [("aws_instance", 2, 39.5 + 38.5, 2, None), ("aws_lb", 1, 40.5, 1, None)]


def test_an_undo_ends_what_its_step_had_made_even_half() -> None:
    undone: Say = (60.0, Kind.UNDO_DONE, BUILD, {})

    assert figures(told(*WHOLE[:2], undone)) == [("aws_instance", 1, 49.0, 0, None), ("aws_lb", 1, 50.0, 0, None)]


def test_what_was_made_while_nobody_wrote_it_down_counts_from_the_steps_success() -> None:
    assert figures(told(ended(30.0, BUILD, created=["aws_vpc.site"]), ended(70.0, REMOVE, destroyed=["aws_vpc.site"]))) == [
        ("aws_vpc", 1, 40.0, 0, None)
    ]


def test_a_replacement_is_another_thing() -> None:
    again = (resource(40.0, "aws_lb.site", "delete", "done"), resource(41.0, "aws_lb.site", "create", "started"))

    assert figures(told(*WHOLE[:1], *again, ended(50.0, BUILD, created=["aws_lb.site"]))) == [("aws_lb", 2, 30.0 + 9.0, 1, None)]


def test_drift_and_failures_are_not_things_and_terraforms_own_data_costs_nothing() -> None:
    drifted = (10.0, Kind.STEP_PROGRESSED, BUILD, {"what": "aws_lb.site drifted: update", "address": "aws_lb.site", "action": "update"})

    assert figures(told(drifted, resource(11.0, "aws_vpc.site", "create", "failed"))) == []
    assert figures(told(ended(12.0, BUILD, created=['terraform_data.app["b1"]']))) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["create", "delete"]), st.sampled_from(["started", "done", "failed"]))))
def test_nothing_is_there_longer_than_the_drill_took_and_what_is_left_was_made_and_not_removed(rows: list[tuple[str, str, str]]) -> None:
    plays = [resource(float(n), f"aws_lb.{name}", action, word) for n, (name, action, word) in enumerate(rows, start=1)]

    found = built_rows(told(*plays))

    counting = {("create", "started"), ("create", "done"), ("delete", "done")}
    last = {name: action for name, action, word in rows if (action, word) in counting}
    assert sum(row.left for row in found) == sum(action == "create" for action in last.values())
    assert all(0 <= row.held_s <= row.count * len(rows) and row.left <= row.count for row in found)
    assert bool(found) == any(action == "create" and word != "failed" for _, action, word in rows)


def test_an_address_that_was_built_belongs_to_the_site_it_was_built_for() -> None:
    built = ended(30.0, BUILD, addresses=["198.51.100.7"], created=[])

    assert sites_by_address(told(built)) == {"198.51.100.7": "standby"}
    assert sites_by_address(told(ended(30.0, BUILD, addresses="not known", created=[]))) == {}


@pytest.mark.parametrize(("address", "site"), [("198.51.100.7", "standby"), ("203.0.113.9", ""), (None, "")])
def test_a_sample_that_came_to_a_built_address_was_answered_by_that_site(address: str | None, site: str) -> None:
    times = {"due_s": 5040.0, "sent_s": 5040.0, "received_s": 5040.1}
    words = {"probe": "checkout", "k": 1, "ok": True, "error": "", "site": "", "address": address, "user_view": True, **times}
    built = ended(30.0, BUILD, addresses=["198.51.100.7"], created=[])

    series = all_series(told(built, (40.0, Kind.PROBE_SAMPLED, BUILD, words)))

    assert [shot.site for shot in series["checkout"].shots] == [site]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("aws_lb.site", "aws_lb"),
        ('module.m["x.y"].aws_lb.site[0]', "aws_lb"),
        ('aws_lb.site["a.b[c]"]', "aws_lb"),
        ('aws_lb.site["a\\"].b"]', "aws_lb"),
        ("module.m.data.aws_ami.it", "aws_ami"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_type_of_an_address_is_told_whatever_its_indexes_hold(address: str, kind: str) -> None:
    assert type_of(address) == kind


def test_a_price_by_address_holds_for_every_index_of_it_and_of_its_modules() -> None:
    prices = Prices(currency="USD", per_hour={"module.m.aws_lb.site": 2.0, "aws_lb": 1.0})

    assert prices.of('module.m["x"].aws_lb.site[0]', "aws_lb") == 2.0
    assert prices.of("aws_lb.other[1]", "aws_lb") == 1.0
