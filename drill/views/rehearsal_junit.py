"""Dry runs as JUnit XML for CI: a suite per scenario, a case per step, per phase of people only, and per broken rule."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from drill.model.rehearsal import Look, Rehearsal
from drill.views.figures import printable


def render_rehearsal_junit(rehearsals: Sequence[Rehearsal]) -> str:
    """JUnit XML text. What would be refused is a failure, what could not be looked at is skipped, an invalid file is an error each."""
    root = ET.Element("testsuites", name="drill dry run")
    for row in rehearsals:
        _suite(root, row)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, row: Rehearsal) -> None:
    suite = ET.SubElement(root, "testsuite", name=printable(row.name))
    properties = ET.SubElement(suite, "properties")
    facts = {"mode": "dry-run", "path": row.path, **({"plan_digest": row.plan.digest()} if row.plan else {})}
    for name, value in facts.items():
        ET.SubElement(properties, "property", name=name, value=printable(value))
    for finding in row.findings:
        case = _case(suite, f"line {finding.line}, column {finding.column}", row.name)
        _mark(case, "error", f"[{finding.code}] {finding.what}", str(finding))
    blocked = row.blocked_phases()
    for phase in row.plan.all_phases() if row.plan else ():
        if not phase.steps:
            case = _case(suite, phase.id, f"{row.name}.{phase.id}")
            if phase.id in blocked:
                _mark(case, "skipped", "not reached: something before it would be refused")
        for look in (look for look in row.looks if look.phase == phase.id):
            _look(suite, look, f"{row.name}.{phase.id}")
    for look in (look for look in row.looks if not look.phase):
        _look(suite, look, row.name)
    for key, tag in (
        ("tests", "testcase"),
        ("failures", "testcase/failure"),
        ("errors", "testcase/error"),
        ("skipped", "testcase/skipped"),
    ):
        suite.set(key, str(len(suite.findall(tag))))


def _look(suite: ET.Element, look: Look, of: str) -> None:
    case = _case(suite, look.about if look.state != "refused" or not look.code else f"{look.about} [{look.code}]", of)
    if look.state == "refused":
        _mark(case, "failure", look.detail, look.sentence())
    elif look.state == "skipped":
        _mark(case, "skipped", look.detail)
    else:
        ET.SubElement(case, "system-out").text = printable(look.detail)


def _case(suite: ET.Element, name: str, of: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", name=printable(name), classname=printable(of), time="0.000")


def _mark(case: ET.Element, tag: str, message: str, text: str = "") -> None:
    ET.SubElement(case, tag, message=printable(message)).text = printable(text) or None
