"""What was promised about messages is in the report, with the carrier's part, and answers that came late through no fault of the person."""

from __future__ import annotations

from drill.model.report import Label, PromiseRow, ReplyRow
from drill.views.html import render_html
from tests.views.sample import met

WHY = Label(en="The slowest answer was to go.", zh="最慢的答复：go。")
KEPT = PromiseRow(
    id="answer", title=Label(en="Questions answered", zh="询问已答复"), target_s=300, actual_s=6.5, met=True, carrier_s=2.25, why=WHY
)
MISSED = PromiseRow(id="switch", title=Label(en="Switch received", zh="切换已送达"), target_s=60, actual_s=None, met=False, why=WHY)


def test_promises_are_a_table_with_target_actual_and_the_carriers_part() -> None:
    page = render_html(met().model_copy(update={"promises": (KEPT, MISSED)}))

    assert "Promised about messages" in page
    assert "Questions answered" in page
    assert "2.2 s" in page or "2.3 s" in page
    assert "The slowest answer was to go." in page


def test_an_answer_that_was_sent_in_time_and_came_too_late_says_so() -> None:
    late = ReplyRow(at_s=9.0, contact="lead", gate="go", channel="sms", verb="confirm", counted=False, reason="late", given_in_time=True)

    page = render_html(met().model_copy(update={"replies": (late,)}))

    assert "sent in time, delivered too late" in page


def test_a_report_without_promises_shows_no_table_of_them() -> None:
    assert "Promised about messages" not in render_html(met())
