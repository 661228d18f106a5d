"""JUnit XML for CI: a suite per phase, a case per step, and cases for the objectives and budgets."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from drill.model.report import PhaseRow, Report, StepRow
from drill.model.verdict import nothing_judged
from drill.views.figures import difference, length, printable, promised


def render_junit(report: Report) -> str:
    """The report as JUnit XML. What was missed fails its case; an unmeasured objective is an error, or skipped in a dry run."""
    root = ET.Element("testsuites", name=printable(report.scenario))
    _objectives(root, report)
    for phase in report.phases:
        _phase_suite(root, phase, [step for step in report.steps if step.phase == phase.id])
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _objectives(root: ET.Element, report: Report) -> None:
    suite = ET.SubElement(root, "testsuite", name="objectives", timestamp=report.zero_at)
    facts = {"drill": report.drill, "mode": report.mode, "outcome": report.outcome, "head_digest": report.evidence.head_digest}
    facts["auto_answered"] = str(report.auto_answered).lower()
    _properties(suite, facts)
    for name, result in (("rto", report.rto), ("rpo", report.rpo)):
        case = _case(suite, name, "objectives", result.actual_s)
        if result.met is False:
            what = f"{length(result.actual_s)} > {promised(result.target_s)}" if result.actual_s is not None else result.why.en
            _mark(case, "failure", f"{name.upper()} missed: {what}", result.why.en)
        elif result.met is None and report.mode == "dry-run":
            _mark(case, "skipped", "a dry run measures nothing")
        elif nothing_judged(report):
            _mark(case, "skipped", "the scenario loses nothing: no objective is judged")
        elif result.met is None:
            _mark(case, "error", f"{name.upper()} unmeasured: {result.why.en}", result.why.en)
    _count(suite)


def _phase_suite(root: ET.Element, phase: PhaseRow, steps: list[StepRow]) -> None:
    suite = ET.SubElement(root, "testsuite", name=printable(phase.id))
    _properties(
        suite, {"part": phase.part, "ack_wait_seconds": f"{phase.human_s:.3f}", "acknowledged_by": ", ".join(phase.acknowledged_by)}
    )
    for step in steps:
        case = _case(suite, step.id, phase.id, step.actual_s)
        if step.state == "failed":
            _mark(case, "failure", step.error or "failed", f"{step.error}\n{step.fix}")
        elif step.state == "interrupted":
            _mark(case, "error", "interrupted: the engine died and did not come back")
        elif step.state in {"skipped", "pending", "running"}:
            _mark(case, "skipped", {"skipped": "skipped", "pending": "not reached", "running": "still running"}[step.state])
    if phase.budget_s is not None:
        case = _case(suite, f"{phase.id} budget", phase.id, phase.actual_s)
        if phase.actual_s is None:
            _mark(case, "skipped", "the phase has no measured length")
        elif phase.over_budget_s is not None and phase.over_budget_s > 0:
            over = difference(phase.over_budget_s)
            _mark(case, "failure", f"{length(phase.actual_s)} > {promised(phase.budget_s)} ({over})")
    _count(suite)


def _case(suite: ET.Element, name: str, of: str, seconds: float | None) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=printable(name), classname=printable(of), time=f"{seconds or 0.0:.3f}")


def _mark(case: ET.Element, tag: str, message: str, text: str = "") -> None:
    ET.SubElement(case, tag, message=printable(message)).text = "\n".join(printable(line) for line in text.split("\n")) or None


def _properties(suite: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(suite, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=printable(value))


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
