"""The grammar says exactly what a scenario may hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drill.model.freeze import parse_freeze
from drill.model.scenario import Scenario, is_expression
from tests.scenarios import scenario, sound


@pytest.mark.parametrize("key", ["objectives", "limits", "contacts", "messages", "defaults", "phases"])
def test_every_mapping_refuses_a_key_it_does_not_know(key: str) -> None:
    data = sound()
    below: dict[str, Any] = data.setdefault(key, {})
    target = next(iter(below.values())) if key in ("contacts", "phases") else below
    target["surprise"] = 1

    with pytest.raises(ValidationError, match="surprise"):
        Scenario.model_validate(data)


def test_further_keys_of_a_site_are_its_providers_own() -> None:
    made = scenario(sites={"primary": {"provider": "aliyun", "region": "cn-hangzhou", "select": {"tag": {"drill": "allowed"}}}})

    assert made.sites["primary"].options() == {"select": {"tag": {"drill": "allowed"}}}


def test_a_document_reads_back_as_the_same_scenario() -> None:
    made = scenario()

    assert Scenario.model_validate(made.document()) == made


@pytest.mark.parametrize("value", ["13900000001", "secret:", "secret:lower", "SECRET:X", "secret:A-B"])
def test_a_number_where_a_reference_belongs_is_refused_and_not_repeated_by_our_words(value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        scenario(contacts={"oncall": {"title": "x", "sms": value}})

    assert all("13900000001" not in str(row["ctx"]["error"]) for row in caught.value.errors())


def test_a_probe_asks_exactly_one_thing() -> None:
    for probe in ({}, {"http": "http://a/", "tcp": "a:1"}):
        with pytest.raises(ValidationError, match="exactly one of http and tcp"):
            scenario(probes={"p": probe})


@pytest.mark.parametrize(
    ("now", "frozen"),
    [
        (datetime(2027, 2, 4, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2027, 2, 4, 16, 0, tzinfo=UTC), True),
        (datetime(2027, 2, 22, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2027, 2, 22, 16, 0, tzinfo=UTC), False),
    ],
)
def test_a_freeze_holds_whole_days_of_its_own_zone(now: datetime, frozen: bool) -> None:  # noqa: FBT001 - a table of cases
    assert parse_freeze("2027-02-05..2027-02-22 Asia/Shanghai").holds(now) is frozen


@pytest.mark.parametrize(
    "text", ["2027-02-05", "2027-02-30 UTC", "2027-02-05..2027-02-04 UTC", "2027-02-05 Mars/Olympus", "soon", "2027-02-05 ../etc"]
)
def test_a_freeze_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_freeze(text)


@given(st.recursive(st.integers() | st.just("plain"), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_without_braces_holds_no_expression(value: Any) -> None:
    assert not is_expression(value)
    assert is_expression([value, {"deep": ["{{ steps.a.outputs.b }}"]}])


def test_prices_are_the_users_own_and_the_closer_one_counts() -> None:
    form = scenario(prices={"currency": "USD", "per_hour": {"aws_lb": 0.0225, "aws_lb.inner": 0, "alicloud_instance": 0.4}}).prices
    assert form is not None

    prices = form.prices()

    assert (prices.of("aws_lb.site", "aws_lb"), prices.of('aws_lb.inner["a"]', "aws_lb")) == (0.0225, 0)
    assert prices.of("aws_eip.zone[0]", "aws_eip") is None


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ({"per_hour": {"aws_lb": 1}}, "currency"),
        ({"currency": "dollar", "per_hour": {"aws_lb": 1}}, "currency"),
        ({"currency": "USD"}, "per_hour"),
        ({"currency": "USD", "per_hour": {}}, "per_hour"),
        ({"currency": "USD", "per_hour": {"aws_lb": -1}}, "greater than or equal to 0"),
        ({"currency": "USD", "per_hour": {"aws_lb": float("inf")}}, "finite"),
        ({"currency": "USD", "per_hour": {"aws lb": 1}}, "match"),
        ({"currency": "USD", "per_hour": {"aws_lb": 1}, "per_day": {}}, "per_day"),
    ],
)
def test_prices_that_mean_nothing_are_refused(prices: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        scenario(prices=prices)
