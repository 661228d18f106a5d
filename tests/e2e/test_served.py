"""A drill that a server plays leaves the whole record on disk, and frees the site before whoever runs it comes back."""

from __future__ import annotations

import json

import pytest

from tests.e2e.place import Place, eventually
from tests.e2e.vantage_place import serving

pytestmark = [pytest.mark.real, pytest.mark.sweep]
OWN = "scenarios/own-ground.yaml"


def written(place: Place, drill: str) -> int:
    """How many facts the report on disk holds."""
    file = place.report_dir(drill) / "facts.jsonl"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def kept(place: Place, drill: str) -> int:
    """How many facts the journal holds."""
    return len(place.drill("logs", drill, "--measurements").stdout.splitlines())


def test_the_report_of_a_queued_drill_is_the_whole_record_and_its_result_is_shown_as_delivered(place: Place) -> None:
    with serving(place) as served:
        assert place.start("run", OWN, "--id", "queued", "--queue").ended() == 0
        log = place.base / "serve.log"
        assert eventually(lambda: "queued: finished" in log.read_text(), within_s=150), log.read_text()

        assert written(place, "queued") == kept(place, "queued") > 100
        report = place.report("queued")
        results = [message for message in report["messages"] if message["purpose"] == "result"]
        assert results
        assert {message["state"] for message in results} == {"delivered"}, json.dumps(results)
        assert place.drill("verify", str(place.report_dir("queued"))).returncode == 0
        assert served.process.poll() is None


def test_a_second_run_may_follow_the_first_at_once(place: Place) -> None:
    with serving(place):
        first = place.start("run", OWN, "--id", "first", "--set", "objectives.rto=1s")
        code = first.ended()
        second = place.start("run", OWN, "--id", "second", "--set", "objectives.rto=1s")

        assert (code, second.ended()) == (1, 1), (first.refusal, second.refusal)
