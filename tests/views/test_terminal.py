"""The live picture fits its terminal; the plain lines carry no escape and outlive a closed pipe."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from drill.model.events import GENESIS, PAYLOAD, Draft, Fact, Kind, seal
from drill.model.report import Report
from drill.views.lines import LinesView
from drill.views.live import LiveView, picture
from drill.views.telling import tell
from tests.views import sample

_ZERO = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def fact(kind: Kind, data: Mapping[str, Any], *, at_s: float = 12.34, seq: int = 1) -> Fact:
    draft = Draft(kind, "engine", f"key/{seq}", data, _ZERO + timedelta(seconds=at_s), 5.0 + at_s, "boot/1")
    return seal("d1", seq, draft, GENESIS)


def drawn(report: Report, *, width: int, height: int = 40, now_s: float = 8.0) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(picture(report, now_s=now_s, width=width, height=height))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 200])
@pytest.mark.parametrize("name", sample.ALL)
def test_the_picture_never_runs_over_the_edge(name: str, width: int) -> None:
    lines = drawn(sample.ALL[name](), width=width)

    assert max(cell_len(line.rstrip()) for line in lines) <= width


def test_the_picture_says_where_the_drill_stands() -> None:
    text = "\n".join(drawn(sample.ended("running", None, at_s=7.9), width=120))

    assert "SANDBOX" in text
    assert "AUTO-ANSWERED" in text
    assert "6.5 s / 1:00  answers again" in text
    assert "✓   promote  database.promote" in text
    assert "☎ recover: waiting for oncall  29.2 s left" in text
    assert "→ oncall (SMS, delivered)" in text


def test_the_service_is_down_while_the_users_last_sample_failed() -> None:
    report = sample.ended("running", None, at_s=7.9)
    probes = tuple(probe.model_copy(update={"runs": [run for run in probe.runs if not run.ok][:1]}) for probe in report.probes)

    text = "\n".join(drawn(report.model_copy(update={"probes": probes}), width=120))

    assert "6.5 s / 1:00  service down" in text


def test_a_drill_that_ended_unmeasured_shows_no_clock_that_runs_on() -> None:
    text = "\n".join(drawn(sample.ALL["unmeasured"](), width=120, now_s=999))

    assert "unmeasured: " in text
    assert "service down" not in text


def test_a_running_step_shows_its_time_so_far_and_its_last_progress() -> None:
    lines = drawn(sample.running(), width=120, now_s=6.4)

    capacity = next(line for line in lines if "terraform.apply" in line)
    assert "3.4 s" in capacity
    assert "sandbox_app.shop[0] created" in capacity


def test_a_low_terminal_folds_ended_phases_before_waiting_ones() -> None:
    lines = drawn(sample.ended("running", None, at_s=7.9), width=80, height=20)

    text = "\n".join(lines)
    assert len(lines) <= 20
    assert "blackhole" not in text
    assert "database.promote" in text


def test_an_ended_drill_shows_its_verdict() -> None:
    assert drawn(sample.missed(), width=80)[-1].strip() == "✕ RTO missed"


def test_the_live_view_draws_at_its_pace_and_always_the_last_state() -> None:
    out = io.StringIO()
    times = iter([0.0, 0.05, 0.1, 5.0])
    view = LiveView(out, now=lambda: _ZERO + timedelta(seconds=next(times)))

    view.show(sample.running(), [])
    first = len(out.getvalue())
    view.show(sample.running(), [])
    view.show(sample.met(), [])
    unchanged = len(out.getvalue())
    view.close()

    assert first == unchanged
    assert "Objectives met" in out.getvalue()


def test_closing_a_view_that_showed_nothing_writes_nothing() -> None:
    out = io.StringIO()

    LiveView(out).close()

    assert out.getvalue() == ""


def test_a_line_has_its_time_topic_subject_and_words() -> None:
    out = io.StringIO()
    started = fact(Kind.STEP_STARTED, {"phase": "rebuild", "step": "rebuild.capacity", "attempt": 1, "kind": "x", "no_return": False})

    LinesView(out).show(sample.running(), [started])

    assert out.getvalue() == "   12.3s  step     rebuild.capacity  started\n"


def test_a_second_try_and_a_failure_say_so_with_code_and_remedy() -> None:
    out = io.StringIO()
    data = {"phase": "a", "step": "a.b", "attempt": 2, "code": "A141", "error": "it broke.", "fix": "Plan again."}

    LinesView(out).show(sample.running(), [fact(Kind.STEP_FAILED, {**data, "retryable": True, "in_doubt": False})])

    assert out.getvalue() == "   12.3s  step     a.b  FAILED (try 2) [A141] it broke. Plan again.\n"


def test_a_check_that_failed_says_so_with_code_and_remedy() -> None:
    out = io.StringIO()
    data = {"check": "watchers", "ok": False, "detail": "no web server runs.", "fix": "Start one.", "code": "F073"}

    LinesView(out).show(sample.running(), [fact(Kind.PREFLIGHT_CHECKED, data)])

    assert out.getvalue() == "   12.3s  check    watchers  FAILED [F073] no web server runs. Start one.\n"


def test_samples_and_receipts_are_not_news() -> None:
    sampled = dict.fromkeys(PAYLOAD[Kind.CANARY_ACKNOWLEDGED], 1)

    assert tell(fact(Kind.CANARY_ACKNOWLEDGED, sampled)) is None


def test_no_escape_sequence_from_a_fact_reaches_the_terminal() -> None:
    out = io.StringIO()
    found = fact(Kind.FINDING_RAISED, {"code": "X1", "what": "\x1b[2J\x07gone\nnext", "fix": "\x9b31m"})

    LinesView(out).show(sample.running(), [found])

    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()
    assert "\x9b" not in out.getvalue()


def test_a_closed_pipe_silences_the_view_and_stops_nothing() -> None:
    tried: list[str] = []

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    view = LinesView(Closed())
    started = fact(Kind.DRILL_STARTED, {})

    view.show(sample.running(), [started])
    view.show(sample.running(), [started])

    assert len(tried) == 1


_VALUES: dict[str, Any] = {"attempt": 1, "ok": True, "within_s": 30.0, "wait_s": 1.0, "contacts": ["lead"], "to": ["lead"], "left": ["dns"]}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_fact_can_be_told_or_is_deliberately_silent(kind: Kind) -> None:
    data = {name: _VALUES.get(name, "x") for name in PAYLOAD[kind]}

    telling = tell(fact(kind, data))

    silent = {"ProbeSampled", "CanaryAcknowledged", "CanaryFound", "LeaseTaken", "UndoRegistered", "MessageDelivered"}
    assert (telling is None) == (kind.value in silent)
