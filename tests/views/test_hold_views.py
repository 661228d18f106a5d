"""The time on hold is shown as its own thing in every view, and never as a phase that works."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from drill.model.report import Report
from drill.model.summarize import summarize
from drill.views.headline import strip_of, to_fix
from drill.views.html import render_html
from drill.views.live import picture
from drill.views.markdown import render_markdown
from drill.views.timeline import timeline_of
from tests.model.story import Story


def lifted() -> Report:
    return summarize(Story(every_s=0.5, hold_s=40.0).facts(), version="1")


def went_home() -> Report:
    return summarize(Story(every_s=0.5, ending="held", hold_s=40.0, within_s=4.0).facts(), version="1")


def held() -> Report:
    return summarize(Story(every_s=0.5, ending="held", within_s=4.0).facts(), version="1")


def drawn(report: Report) -> str:
    console = Console(file=io.StringIO(), width=100, height=60, force_terminal=False)
    console.print(picture(report, now_s=60.0, width=100, height=60))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("report", [lifted(), went_home()], ids=["lifted", "went home"])
def test_the_page_names_the_hold_who_ended_it_and_how(report: Report) -> None:
    page = render_html(report)

    assert "On hold" in page
    assert "nobody answered traffic" in page
    assert "operator" in page
    assert 'class="u-hold"' in page


def test_a_page_without_a_hold_does_not_explain_one() -> None:
    assert 'class="u-hold"' not in render_html(summarize(Story(every_s=0.5).facts(), version="1"))


def test_the_strip_shows_how_long_the_drill_stood_still() -> None:
    strip = strip_of(lifted())

    assert strip.held_s == pytest.approx(40.0)
    assert len(strip.holds) == 1


def test_a_hold_at_the_end_of_a_part_does_not_squeeze_its_phases() -> None:
    report = summarize(Story(every_s=0.5, ending="held", hold_s=3000.0, within_s=4.0).facts(), version="1")

    line = timeline_of(report, "drill")

    assert line is not None
    assert line.axis.high_s < report.holds[0].start_s * 1.4


def test_the_summary_in_markdown_says_how_long_why_and_what_was_chosen() -> None:
    assert "‖ On hold 40.0 s: nobody answered traffic; operator → proceed" in render_markdown(lifted())
    assert "‖ 暂停 40.0 s" in render_markdown(lifted(), lang="zh")


def test_the_live_view_of_a_drill_on_hold_says_why_and_asks_nobody() -> None:
    text = drawn(held())

    assert "‖ on hold: nobody answered traffic" in text
    assert "waiting for" not in text


def test_a_question_the_drill_turned_away_from_is_withdrawn_and_not_open() -> None:
    states = {gate.state for gate in went_home().gates}

    assert "open" not in states


def test_one_silence_is_one_thing_to_fix() -> None:
    titles = [fix.title.en for fix in to_fix(went_home())]

    assert [title for title in titles if "Traffic" in title] == ["“Traffic” was not answered"]
    assert not any("hold" in title for title in titles)


def test_the_bar_of_a_withdrawn_question_ends_where_the_drill_turned_away() -> None:
    report = summarize(Story(every_s=0.5, ending="held", hold_s=40.0, within_s=20.0).facts(), version="1")
    asked = report.gates[-1].model_copy(
        update={"state": "withdrawn", "answered_s": None, "wait_s": 1.0, "asked_s": report.gates[-1].asked_s}
    )

    line = timeline_of(report.model_copy(update={"gates": (*report.gates[:-1], asked)}), "drill")

    assert line is not None
    (row,) = [row for block in line.blocks for row in block.rows if row.kind == "gate" and row.id == asked.id]
    assert row.bars[0].width == line.axis.width(asked.asked_s, asked.asked_s + 1.0)
