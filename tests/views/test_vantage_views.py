"""The report shows what each place saw, which one decides, and where nobody looked."""

from __future__ import annotations

import json
import re

from drill.model.plan import VantagePoint
from drill.model.report import Report
from drill.model.summarize import summarize
from drill.views.charts import probe_charts
from drill.views.html import render_html
from drill.views.jsonview import render_json
from drill.views.markdown import render_markdown
from drill.views.plan_text import render_plan
from tests.model.story import Story
from tests.model.story_plan import sandbox_plan
from tests.model.story_vantage import Seen, with_points
from tests.views.test_plan_views import _CRITICAL

FACTS = Story(every_s=0.1).facts()
POINTS = (VantagePoint(id="frankfurt", probes=("checkout",)), VantagePoint(id="tokyo", probes=("checkout",)))


def seen(*what: Seen) -> Report:
    return summarize(with_points(FACTS, POINTS[: len(what)], what), version="1")


WORST = seen(Seen("frankfurt", late_s=1.0, error_s=0.0042), Seen("tokyo", error_s=None))
BLIND = seen(Seen("frankfurt", keep=lambda at: not 4 <= at < 8))


def words(report: Report) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", render_html(report, lang="en")).split())


def test_the_page_has_a_row_per_view_with_the_worst_marked_and_each_clock() -> None:
    text = words(WORST)

    assert re.search(r"frankfurt .{0,40}the worst: it decides", text)
    assert "clock within 5.0 ms" in text
    assert "clock not compared" in text
    assert [chart.probe.id for chart in probe_charts(WORST)][:3] == ["checkout", "checkout@frankfurt", "checkout@tokyo"]


def test_a_page_without_vantage_points_shows_no_table_of_views() -> None:
    assert "Seen from" not in words(summarize(FACTS, version="1"))


def test_a_stretch_without_samples_is_drawn_as_one_and_no_line_crosses_it() -> None:
    chart = next(chart for chart in probe_charts(BLIND) if chart.probe.vantage)

    assert len(chart.gaps) == 1
    gap = chart.gaps[0].span
    assert not any(stretch.run.start_s < gap.end_s - 0.01 and stretch.run.end_s > gap.start_s + 0.01 for stretch in chart.stretches)
    assert 'class="f-none"' in render_html(BLIND)
    assert "no samples" in words(BLIND)


def test_markdown_and_json_say_the_same() -> None:
    text, body = render_markdown(WORST), json.loads(render_json(WORST))

    assert "| checkout@frankfurt ◂ decides | 10." in text
    assert "| checkout@tokyo | 9." in text
    assert render_markdown(summarize(FACTS, version="1")).count("seen by") == 0
    rows = {row["id"]: row for row in body["probes"]}
    assert rows["checkout@frankfurt"]["decides"]
    assert rows["checkout@frankfurt"]["rto"]["actual_s"] == body["rto"]["actual_s"]
    assert (rows["checkout@frankfurt"]["vantage"], rows["checkout@tokyo"]["clock_error_s"]) == ("frankfurt", None)


def test_a_plan_names_its_vantage_points_and_how_their_samples_come() -> None:
    points = (
        VantagePoint(id="frankfurt", probes=("checkout", "sticky"), key="secret:V"),
        VantagePoint(id="tokyo", probes=("checkout",), user_view=False),
    )
    plan = sandbox_plan().model_copy(update={"vantage_points": points})

    text = render_plan(plan, effects={}, critical=_CRITICAL, warnings=[], width=160)

    assert "seen from frankfurt too: checkout, sticky; its users count; over HTTP or by file\n" in text
    assert "seen from tokyo too: checkout; shown, does not count; by file only: it has no key\n" in text


def test_a_place_that_does_not_count_or_never_sent_has_a_row_that_says_so() -> None:
    office = VantagePoint(id="office", probes=("checkout",), user_view=False)
    silent = VantagePoint(id="cellar", probes=("checkout",), user_view=False)
    report = summarize(with_points(FACTS, (office, silent), [Seen("office", error_s=None)]), version="1")

    text = words(report)

    assert re.search(r"office .{0,40}does not count.{0,40}clock not compared", text)
    assert re.search(r"cellar .{0,40}does not count.{0,40}sent nothing", text)
    assert "no sample came" in text
    assert "| checkout@cellar | – | – | sent nothing |" in render_markdown(report)
