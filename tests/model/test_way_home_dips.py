"""What users lose on the way home is told, and is no part of the recovery time."""

from __future__ import annotations

from drill.model.report import Report
from drill.model.summarize import summarize
from tests.model.story import Story


def told(story: Story) -> Report:
    return summarize(story.facts(), version="1")


def test_a_dip_on_the_way_home_is_added_up_and_said() -> None:
    report = told(Story())

    (row,) = [finding for finding in report.findings if finding.code == "V125"]

    assert row.what.startswith("On the way home users of checkout lost the service once, for 0.")
    assert row.severity == "info"
    assert (row.at_s or 0) > (report.verdict_s or 0)


def test_without_a_way_home_there_is_no_dip_on_it() -> None:
    assert not [finding for finding in told(Story(ending="held")).findings if finding.code == "V125"]


def test_a_probe_is_shown_with_the_interval_its_plan_names_whoever_else_asks_it() -> None:
    intervals = {probe.id: probe.every_s for probe in told(Story(every_s=0.05)).probes}

    assert intervals == {"checkout": 0.05, "heartbeat": 0.5}
