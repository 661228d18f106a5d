"""What was built is shown with the time it was there; amounts only where the scenario says prices."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.report import BuiltRow, Report
from drill.views.costs import cost_line, money
from drill.views.html import render_html
from drill.views.markdown import render_markdown
from tests.views import sample

LB: dict[str, Any] = {"type": "aws_lb", "count": 1, "held_s": 3600.0, "left": 0, "amount": 0.0225}
ROUTE: dict[str, Any] = {"type": "aws_route", "count": 2, "held_s": 90.0, "left": 0, "amount": None}


def built(*rows: dict[str, Any], currency: str = "USD") -> Report:
    return sample.changed(sample.met(), built=[BuiltRow(**row).model_dump() for row in rows], currency=currency)


def test_a_drill_that_built_nothing_says_nothing_of_it() -> None:
    assert cost_line(sample.met()) is None
    assert "What was built" not in render_html(sample.met())
    assert "Built:" not in render_markdown(sample.met())


def test_without_prices_only_counts_and_times_are_told_and_no_price_is_invented() -> None:
    report = built({**LB, "amount": None}, ROUTE, currency="")

    assert "Built: 3 resources, held for 1:01:30 in all." in render_markdown(report)
    html = render_html(report)
    assert "The scenario says no prices." in html
    assert "<tfoot>" not in html


def test_with_prices_the_sum_and_what_has_none_are_told() -> None:
    report = built(LB, ROUTE)

    assert "Built: 1 aws\\_lb 1:00:00: 0.0225 USD; 1 types have no price." in render_markdown(report)
    assert "新建资源：1 aws\\_lb 1:00:00：0.0225 USD；1 种类型未标价。" in render_markdown(report, lang="zh")
    html = render_html(report)
    assert html.count("0.0225 USD") == 2
    assert "without the types that have no price" in html


def test_what_is_still_there_is_said() -> None:
    assert "; 1 still there." in render_markdown(built({**LB, "left": 1}))


@pytest.mark.parametrize(
    ("amount", "shown"), [(None, "–"), (0.0, "0.00 USD"), (0.00123, "0.0012 USD"), (1.5, "1.50 USD"), (12345.678, "12,345.68 USD")]
)
def test_an_amount_has_as_many_decimals_as_tell_something(amount: float | None, shown: str) -> None:
    assert money(amount, "USD") == shown


def test_a_hostile_type_is_text() -> None:
    assert "<script>" not in render_html(built({**LB, "type": "<script>"}))
