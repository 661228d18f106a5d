"""JSON, JUnit and Markdown say the same as the page."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from drill.model.report import Report
from drill.views.jsonview import render_json
from drill.views.junit import render_junit
from drill.views.markdown import render_markdown
from tests.views import sample, sample_odd


@pytest.mark.parametrize("name", sample.ALL)
def test_report_json_reads_back_as_the_same_report(name: str) -> None:
    report = sample.ALL[name]()

    document = json.loads(render_json(report))

    assert list(document)[:3] == ["schema", "drill", "scenario"]
    assert Report.model_validate({"schema_": document.pop("schema"), **document}) == report


def _suites(report: Report) -> dict[str, ET.Element]:
    root = ET.fromstring(render_junit(report))  # noqa: S314 - our own output
    return {suite.get("name", ""): suite for suite in root}


def test_junit_has_a_suite_per_phase_a_case_per_step_and_the_objectives() -> None:
    report = sample.met()

    suites = _suites(report)

    assert list(suites) == ["objectives", *(phase.id for phase in report.phases)]
    assert [case.get("name") for case in suites["objectives"].findall("testcase")] == ["rto", "rpo"]
    assert [case.get("name") for case in suites["data"].findall("testcase")] == ["data.fence", "data.promote", "data budget"]


def test_a_missed_objective_and_an_exceeded_budget_fail_their_cases() -> None:
    suites = _suites(sample.missed())

    failures = [failure.get("message") for suite in suites.values() for failure in suite.iter("failure")]
    assert failures == ["RTO missed: 7.5 s > 2 s", "5.4 s > 4.5 s (+0.87 s)"]
    assert suites["objectives"].get("failures") == "1"


def test_an_unmeasured_objective_is_an_error_but_skipped_in_a_dry_run() -> None:
    unmeasured = _suites(sample.unmeasured())["objectives"]
    dry = _suites(sample.dry_run())["objectives"]

    assert (unmeasured.get("errors"), unmeasured.get("skipped")) == ("1", "0")
    assert (dry.get("errors"), dry.get("skipped")) == ("0", "2")


def test_junit_counts_every_case_and_survives_hostile_text() -> None:
    root = ET.fromstring(render_junit(sample_odd.hostile()))  # noqa: S314 - our own output

    assert int(root.get("tests", "0")) == len(list(root.iter("testcase")))


def test_markdown_starts_with_the_verdict_and_lists_at_most_three_fixes() -> None:
    lines = render_markdown(sample.missed()).splitlines()

    assert lines[0] == "## ✕ Loss of the primary region: RTO missed"
    assert "**sandbox, auto-answered**" in lines[2]
    assert "| **RTO** | 7.5 s | 2 s | ✕ Missed |" in lines
    assert "detection 1.629 + machine 4.628 + human 1.194 + engine 0.051 = RTA 7.502 s" in lines
    assert len([line for line in lines if line[:2] in {"1.", "2.", "3.", "4."}]) <= 3


def test_markdown_speaks_chinese_when_asked() -> None:
    text = render_markdown(sample.missed(), lang="zh")

    assert text.startswith("## ✕ 主地域整体中断: RTO 未达标")
    assert "| 切换数据库 ◂ 瓶颈 | 5.4 s (▲ +0.87 s) |" in text


def test_markdown_lets_no_text_become_markup() -> None:
    text = render_markdown(sample_odd.hostile())

    outside_code = re.sub(r"`[^`]*`", "", text)
    assert not re.search(r"(?<!\\)<", outside_code)
    assert "\x1b" not in text
