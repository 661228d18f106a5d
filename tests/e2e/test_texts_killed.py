"""A process that is killed with texts in its queue: every text goes out exactly once, over however many lives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from drill.model.events import Kind
from drill.sandbox.phone import Phone
from tests.carrier_running import RunningCarrier, running_carrier
from tests.e2e.place import PROJECT, Place, eventually
from tests.e2e.texting import DRILL, PEOPLE, PHASES, records_of
from tests.e2e.world import reasons

pytestmark = pytest.mark.real

ALL = sorted(f"{DRILL}:status/{phase}:{person}:sms:0" for phase in PHASES for person in PEOPLE)


def accepted(carrier: RunningCarrier) -> list[str]:
    """The ids of the texts that the carrier has taken, repetitions too."""
    log = carrier.directory / "phone.jsonl"
    return [json.loads(line)["out_id"] for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def life(home: Path, carrier: RunningCarrier) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.e2e.texting", str(home), str(carrier.directory)], cwd=PROJECT)


@pytest.mark.sweep
def test_texts_queued_when_the_process_is_killed_go_out_once_each(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "carrier"
    home.mkdir()
    folder.mkdir()
    with running_carrier(folder) as carrier:
        carrier.phone.order_fault("SendSms", "delay", seconds=0.4, times=1000)
        for at_least in (3, 9, 14, 19):
            process = life(home, carrier)
            assert eventually(lambda seen=at_least: len(accepted(carrier)) >= seen, within_s=60)  # type: ignore[misc]
            assert process.poll() is None, "it ended before it could be killed"
            process.kill()  # two are being sent: taken by the carrier, and not written down
            process.wait()
        carrier.phone.clear_faults()

        assert life(home, carrier).wait(90) == 0

        assert sorted(accepted(carrier)) == ALL
    facts = records_of(home).journal.read(DRILL, kinds=frozenset({Kind.MESSAGE_SENT, Kind.ENGINE_STARTED}))
    sent = [fact.data for fact in facts if fact.kind is Kind.MESSAGE_SENT]
    assert sorted(row["message"] for row in sent) == ALL
    assert {row["state"] for row in sent} == {"accepted"}
    assert any(row["detail"] == "sent before the engine died" for row in sent)
    assert sum(fact.kind is Kind.ENGINE_STARTED for fact in facts) == 5


@pytest.mark.sweep
def test_a_drill_killed_while_a_text_is_sent_looks_it_up_and_sends_the_queued_ones_once(place: Place) -> None:
    assert place.drill("sandbox", "up").returncode == 0
    phone = Phone(place.sandbox().layout.carrier)
    engine = place.run("queued", "--keep", sets=("objectives.rto=3m",))
    engine.fact("Acknowledged", gate="go")
    phone.order_fault("SendSms", "hang", seconds=4.0, times=2)
    engine.fact("OutageInjected")
    assert eventually(lambda: any("gate/outage" in reason for reason in reasons(place.sandbox())), within_s=30)
    engine.kill()

    resumed = place.start("resume", "queued", "--keep")

    assert resumed.ended(within_s=180) == 0
    told = Counter(reasons(place.sandbox()))
    assert max(told.values()) == 1
    assert sum(told.values()) == sum(fact["kind"] == "MessageSent" for fact in place.facts("queued"))
    details = {fact["data"]["detail"] for fact in place.facts("queued") if fact["kind"] == "MessageSent"}
    assert "sent before the engine died" in details
    assert place.drill("sandbox", "down").returncode == 0
