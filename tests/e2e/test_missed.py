"""A drill whose objective was missed says so everywhere: exit code, report, first screen, last line."""

from __future__ import annotations

import pytest

from tests.e2e.place import SCENARIO, Place

pytestmark = [pytest.mark.real, pytest.mark.sweep]


def test_a_recovery_slower_than_promised_is_red_with_exit_1(place: Place) -> None:
    done = place.drill("run", SCENARIO, "--id", "late", "--set", "objectives.rto=2s")

    assert done.returncode == 1, done.stderr
    assert "RTO missed by" in done.stdout.splitlines()[-1]
    report = place.report("late")
    assert (report["outcome"], report["exit_code"], report["rto"]["met"]) == ("finished", 1, False)
    assert report["rto"]["actual_s"] > report["rto"]["target_s"] == 2.0
    assert report["auto_answered"] is True
    page = (place.report_dir("late") / "index.html").read_text(encoding="utf-8")
    first_screen = page[: page.index('class="kpi')]
    assert "hero is-bad" in first_screen
    assert "sandbox" in first_screen
    assert "auto-answered" in page
    assert "127.0.0.1" not in first_screen
