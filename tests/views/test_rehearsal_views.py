"""Dry runs as text and as JUnit: what would happen, what stands in the way, and nothing that could break a terminal or a parser."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from drill.model.critical import CriticalPath
from drill.model.errors import Finding
from drill.model.rehearsal import Look, Rehearsal
from drill.views.rehearsal_junit import render_rehearsal_junit
from drill.views.rehearsal_text import render_rehearsals
from tests.model.story_plan import sandbox_plan

_LOOKS = (
    Look("secrets", "skipped", "not set here: A.", code="F010"),
    Look("outage.blackhole", "ready", "would stop primary/postgres", phase="outage", changes=1),
    Look("data.fence", "skipped", "no adapter for aws.", phase="data", code="F040"),
    Look("data.promote", "skipped", "no adapter for aws.", phase="data", code="F040"),
)
_REFUSED = Look("traffic.switch", "refused", "no such \x1b[31mname.", phase="traffic", code="A221", fix="Add it.")
_INVALID = Rehearsal("bad.yaml", findings=(Finding("bad.yaml", 3, 7, "S010", "unknown key 'x'."), Finding("bad.yaml", 4, 1, "S011", "no.")))


def _rehearsal(*looks: Look) -> Rehearsal:
    critical = CriticalPath(path=("outage",), with_gates_s=95.0, without_gates_s=24.0, slack={}, unbudgeted=())
    return Rehearsal("good.yaml", plan=sandbox_plan(), critical=critical, looks=looks, warnings=("a budget is missing.",))


def _junit(*rehearsals: Rehearsal) -> ET.Element:
    return ET.fromstring(render_rehearsal_junit(rehearsals))  # noqa: S314 - ours, rendered a moment ago


def test_one_scenario_is_told_step_by_step_with_its_gates_changes_and_budgets() -> None:
    text = render_rehearsals([_rehearsal(*_LOOKS)])

    assert "      outage.blackhole      would stop primary/postgres" in text
    assert "+ outage        budget" in text
    assert "changes: 1 of at most" in text
    assert "24 s without gates, 1:35 with them" in text
    assert "warning: a budget is missing." in text
    assert "would run as far as can be seen: 3 thing(s) skipped" in text


def test_things_that_were_skipped_for_one_reason_share_a_line() -> None:
    text = render_rehearsals([_rehearsal(*_LOOKS)])

    assert "skipped: data.fence, data.promote: [F040] no adapter for aws." in text


def test_a_refusal_is_told_with_its_code_and_remedy_and_marks_its_phase() -> None:
    text = render_rehearsals([_rehearsal(*_LOOKS, _REFUSED)])

    assert "x traffic" in text
    assert "+ outage" in text
    assert "refused: traffic.switch: [A221]" in text
    assert "Add it." in text
    assert "\x1b" not in text


def test_several_scenarios_are_one_line_each_and_a_sum() -> None:
    lines = render_rehearsals([_rehearsal(), _INVALID, _rehearsal(_REFUSED)]).splitlines()

    assert lines[0].startswith("good.yaml: all ")
    assert "bad.yaml: invalid, 2 errors" in lines
    assert "  bad.yaml:3:7: [S010] unknown key 'x'." in lines
    assert lines[-1] == "1 of 3 scenarios would run, 1 invalid, 1 refused"


def test_what_several_scenarios_skip_for_one_reason_stands_together_once() -> None:
    lines = render_rehearsals([_rehearsal(*_LOOKS), _INVALID, _rehearsal(*_LOOKS[1:], _REFUSED)]).splitlines()
    name = sandbox_plan().scenario

    at = lines.index("skipped: [F040] no adapter for aws.")
    assert lines[at + 1 : at + 3] == [f"  {name}: data.fence, data.promote"] * 2
    assert sum(line.startswith("skipped: ") for line in lines) == 2
    assert any(line.startswith("  refused: traffic.switch: [A221]") for line in lines[:at])


def test_the_junit_has_a_suite_per_scenario_whose_counts_are_those_of_its_cases() -> None:
    root = _junit(_rehearsal(*_LOOKS, _REFUSED), _INVALID)

    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == [sandbox_plan().scenario, "bad.yaml"]
    for suite in root:
        for key, tag in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            assert suite.get(key) == str(len(suite.findall(tag)))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "2", "3")


def test_the_junit_failure_of_a_step_says_why_and_what_to_do() -> None:
    root = _junit(_rehearsal(_REFUSED))

    case = root.find(".//testcase[failure]")
    assert case is not None
    assert case.get("name") == "traffic.switch [A221]"
    failure = case.find("failure")
    assert failure is not None
    assert "no such" in str(failure.get("message"))
    assert str(failure.text).endswith("Add it.")


def test_a_phase_of_people_only_is_a_case_and_skipped_when_it_would_not_be_reached() -> None:
    good, blocked = (_junit(_rehearsal(*looks)) for looks in ((), (Look("p", "refused", "no."),)))

    assert good.find(".//testcase[@name='go']") is not None
    assert good.find(".//testcase[@name='go']/skipped") is None
    assert blocked.find(".//testcase[@name='go']/skipped") is not None
