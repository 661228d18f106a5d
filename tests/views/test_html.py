"""The page answers in order, says what it is, and is safe, small and self-contained."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from drill.model.report import Report
from drill.views.html import render_html
from tests.views import sample, sample_odd

_VOID = {"meta", "input", "br", "link", "img", "col", "hr"}


class _Outline(HTMLParser):
    """Checks nesting and keeps what the tests ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def outline_of(report: Report, **options: str) -> _Outline:
    outline = _Outline()
    outline.feed(render_html(report, **options))  # type: ignore[arg-type]  # the tests pass valid languages
    outline.close()
    assert outline.open == []
    return outline


@pytest.mark.parametrize("name", sample.ALL)
def test_every_ending_renders_as_well_formed_html_with_unique_ids(name: str) -> None:
    outline = outline_of(sample.ALL[name]())

    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", sample.ALL)
def test_the_page_asks_nothing_of_the_network_and_runs_no_script(name: str) -> None:
    page = render_html(sample.ALL[name]())

    assert "<script" not in page
    assert "http" not in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert not re.search(r"\bon\w+=", page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


@pytest.mark.parametrize(
    ("name", "tone", "words"),
    [
        ("met", "ok", "Objectives met"),
        ("missed", "bad", "RTO missed"),
        ("unmeasured", "unmeasured", "RTO unmeasured"),
        ("aborted", "stopped", "Aborted"),
        ("held", "held", "On hold: a person must decide"),
        ("dry-run", "info", "Dry run: nothing was touched"),
        ("running", "info", "The drill is running"),
    ],
)
def test_the_first_thing_on_the_page_is_the_verdict_in_its_own_colour_and_words(name: str, tone: str, words: str) -> None:
    outline = outline_of(sample.ALL[name]())

    hero = next(attrs["class"] for tag, attrs in outline.tags if tag == "section")
    assert hero == f"card hero is-{tone}"
    body = outline.words()
    assert words in body[: body.index("RTO 恢复时间")]


def test_the_first_screen_answers_its_five_questions_in_order() -> None:
    words = outline_of(sample.met(), lang="en").words()

    order = [
        "Objectives met",
        "time to recover",
        "data lost",
        "Where the time went",
        "Four clocks",
        "Bottleneck",
        "Who acknowledged, when",
        "What to fix",
    ]
    places = [words.index(answer) for answer in order]
    assert places == sorted(places)


def test_the_four_clocks_are_printed_so_that_they_add_up_to_the_rta() -> None:
    words = outline_of(sample.met(), lang="en").words()

    found = re.search(r"detection ([\d.]+) \+ .*?machine ([\d.]+) \+ .*?human ([\d.]+) \+ .*?engine ([\d.]+) = RTA ([\d.]+) s", words)
    assert found
    *clocks, rta = (round(float(figure) * 1000) for figure in found.groups())
    assert sum(clocks) == rta == 7502


def test_an_unmeasured_result_shows_its_interval_and_reason_and_no_figure() -> None:
    words = outline_of(sample.unmeasured(), lang="en").words()

    assert "time to recover ? ? 未测得 Unmeasured / 8 s 6.90 – 10.00 s" in words
    assert "No sample for 3.1 s around the recovery." in words
    assert "= RTA" not in words


@pytest.mark.parametrize("name", ["aborted", "held", "dry-run", "running"])
def test_a_drill_without_a_recovery_prints_no_rta(name: str) -> None:
    words = outline_of(sample.ALL[name]()).words()

    assert "= RTA" not in words
    assert "There was no recovery to compare." in words


def test_a_running_drill_is_not_called_unmeasured() -> None:
    words = outline_of(sample.running()).words()

    assert "Not yet known" in words
    assert "Unmeasured" not in words


def test_a_gate_without_an_answer_is_named_with_who_was_asked() -> None:
    words = outline_of(sample.held()).words()

    assert "oncall → lead" in words
    assert "No answer within 0.6 s" in words


def test_a_sandbox_result_is_stamped_on_screen_and_on_every_printed_page() -> None:
    page = render_html(sample.met())

    assert page.count('<p class="stamp">') == 2
    assert '@page{@top-center{content:"沙箱 SANDBOX · 自动应答 AUTO-ANSWERED"' in page
    assert "<title>sandbox, auto-answered: " in page


def test_a_live_drill_answered_by_people_carries_no_stamp() -> None:
    page = render_html(sample.changed(sample.met(), mode="live", auto_answered=False))

    assert 'class="stamp"' not in page
    assert "@top-center" not in page


def test_the_chosen_language_is_the_checked_one_and_both_are_in_the_file() -> None:
    for lang in ("both", "en", "zh"):
        outline = outline_of(sample.met(), lang=lang)

        checked = [attrs["id"] for tag, attrs in outline.tags if tag == "input" and "checked" in attrs]
        assert checked == [f"l-{lang}", "t-auto"]
        assert {"Timeline", "时间线"} <= set(outline.text)


def test_hostile_text_stays_text_in_markup_and_in_style() -> None:
    page = render_html(sample_odd.hostile())

    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    assert "\x00" not in page
    outline_of(sample_odd.hostile())


def test_phases_fold_above_thirty_steps_and_the_telling_one_stays_open() -> None:
    few = outline_of(sample.met())
    many = outline_of(sample_odd.many_steps(), lang="en")

    folds = [attrs for tag, attrs in many.tags if tag == "details" and attrs.get("class") == "block"]
    assert not [attrs for tag, attrs in few.tags if tag == "details" and attrs.get("class") == "block"]
    assert len(folds) == len(sample.met().phases)
    assert sum("open" in attrs for attrs in folds) == 1


def test_above_a_thousand_steps_those_that_have_nothing_to_tell_are_counted_only() -> None:
    failed = [{**row.model_dump(), "state": "failed"} if row.id == "data.fence707" else row for row in sample_odd.many_steps(5000).steps]

    page = render_html(sample.changed(sample.met(), steps=failed))

    assert "data.fence707" in page
    assert "data.fence708" not in page
    assert "more went well at the first try: see report.json" in page
    assert len(page) < 1_000_000


def test_resources_and_tasks_stand_inside_their_step_with_their_time() -> None:
    words = outline_of(sample.met(), lang="en").words()

    assert "sandbox_app.shop[1] created 1.5 s" in words
    assert "Wait until writable ok 0.50 s" in words


def test_undos_point_of_no_return_and_failback_are_on_the_page() -> None:
    words = outline_of(sample.aborted(), lang="en").words()

    assert "continue the stopped processes of site a ✓ 已撤销 undone 3.9 s" in words
    assert "point of no return 3.9 s" in outline_of(sample.held(), lang="en").words()
    failback = outline_of(sample.met(), lang="en").words()
    assert failback.index("outside the RTA") < failback.index("Data goes home", failback.index("outside the RTA"))


def test_tables_are_real_tables_with_a_header_for_every_column_and_row() -> None:
    outline = outline_of(sample.met())

    headers = [attrs for tag, attrs in outline.tags if tag == "th"]
    assert all(attrs.get("scope") in {"col", "row"} for attrs in headers)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_charts_that_mean_something_have_a_name() -> None:
    outline = outline_of(sample.met())

    assert all(attrs.get("aria-label") for _, attrs in outline.tags if attrs.get("role") in {"img", "region"})


def test_the_sandbox_page_is_small_and_quick() -> None:
    report = sample.met()
    render_html(report)

    started = time.process_time()
    page = render_html(report)

    assert time.process_time() - started < 0.5
    assert len(page.encode()) < 150_000
