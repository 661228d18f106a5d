"""The observer: sees what users see, at its own rhythm, whatever the services, the journal or the engine do."""

from __future__ import annotations

import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from drill.adapters.journal_memory import MemoryJournal
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Draft, Fact, Kind, check_chain
from drill.model.plan import Probe
from tests.adapters.loopback import OK, closed_port, say, serving
from tests.engine.observing import DRILL, CountingCanary, Watched, plan_of, watching

SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    with peer:
        try:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        except OSError:
            pass
"""


class Service:
    """A little server in a process of its own, that can be frozen as a lost region is."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-I", "-c", SERVER], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def freeze(self) -> float:
        self.process.send_signal(signal.SIGSTOP)
        return time.monotonic()

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.end()


def probe(port: int, name: str = "checkout", **changes: object) -> Probe:
    wanted = {"id": name, "http": f"http://127.0.0.1:{port}/", "every_s": 0.05, "timeout_s": 0.4, "user_view": name == "checkout"}
    return Probe.model_validate(wanted | changes)


def outage(watched: Watched) -> Fact:
    return watched.say(Kind.OUTAGE_INJECTED, site="primary", method="blackhole", step="outage.blackhole")


def test_a_frozen_server_yields_failed_samples_and_not_a_gap(service: Service, tmp_path: Path) -> None:
    with watching(plan_of([probe(service.port)]), tmp_path) as watched:
        watched.wait(lambda: len(watched.samples("checkout")) > 5)
        frozen_s = service.freeze()
        watched.wait(lambda: len([row for row in watched.samples("checkout") if row["error"] == "deadline"]) >= 20)
        service.thaw()
        thawed_s = time.monotonic()
        watched.wait(lambda: watched.samples("checkout")[-1]["sent_s"] > thawed_s + 0.3)
        samples = watched.samples("checkout")

    during = [row for row in samples if frozen_s + 0.05 < row["due_s"] < thawed_s - 0.45]
    assert len(during) >= 12
    assert {(row["ok"], row["error"], row["received_s"]) for row in during} == {(False, "deadline", None)}
    gaps = [later["due_s"] - earlier["due_s"] for earlier, later in pairwise(during)]
    assert statistics.median(gaps) < 0.2  # a closed loop would send one in each 0.4 s
    assert samples[0]["ok"]
    assert samples[-1]["ok"]
    assert all(row["sent_s"] >= row["due_s"] and row["user_view"] for row in samples)


def test_a_frozen_server_is_noticed_within_every_times_misses(service: Service, tmp_path: Path) -> None:
    plan = plan_of([probe(service.port, "heartbeat")], heartbeat={"probe": "heartbeat", "every": "300ms", "misses": 3})
    with watching(plan, tmp_path) as watched:
        watched.wait(lambda: watched.samples("heartbeat"))
        frozen_s = service.freeze()
        outage(watched)
        watched.wait(lambda: watched.facts(Kind.OUTAGE_DETECTED))
        time.sleep(0.7)
        (detected,) = watched.facts(Kind.OUTAGE_DETECTED)

    assert detected.by == "probe:heartbeat"
    assert detected.key == "detected/heartbeat/1"
    assert detected.data == {"probe": "heartbeat", "misses": 3}
    assert detected.mono_s - frozen_s < 0.9 + 0.4  # the bound, and the scheduler of a busy machine


def test_a_detection_does_not_wait_for_the_batch(tmp_path: Path) -> None:
    plan = plan_of([probe(closed_port(), "heartbeat")], heartbeat={"probe": "heartbeat", "every": "40ms", "misses": 2})
    with watching(plan, tmp_path) as watched:
        watched.wait(lambda: watched.facts(Kind.OUTAGE_DETECTED))
        (detected,) = watched.facts(Kind.OUTAGE_DETECTED)

    assert detected.seq == 1


def test_a_detector_that_was_down_already_notices_the_outage_anew(tmp_path: Path) -> None:
    plan = plan_of([probe(closed_port(), "heartbeat")], heartbeat={"probe": "heartbeat", "every": "40ms", "misses": 2})
    with watching(plan, tmp_path) as watched:
        watched.wait(lambda: watched.facts(Kind.OUTAGE_DETECTED))
        injected = outage(watched)
        watched.wait(lambda: len(watched.facts(Kind.OUTAGE_DETECTED)) == 2)
        time.sleep(0.4)
        first, second = watched.facts(Kind.OUTAGE_DETECTED)

    assert first.seq < injected.seq < second.seq
    assert second.key == "detected/heartbeat/2"


def test_a_user_view_probe_keeps_its_rhythm_beside_the_detector(tmp_path: Path) -> None:
    with serving(say(OK)) as server:
        plan = plan_of([probe(server.port)], heartbeat={"probe": "checkout", "every": "2s", "misses": 2})
        with watching(plan, tmp_path) as watched:
            watched.wait(lambda: len(watched.samples("checkout")) > 10)
            rows = watched.samples("checkout")

    assert [row["k"] for row in rows] == sorted({row["k"] for row in rows})
    assert rows[10]["due_s"] - rows[0]["due_s"] < 2


def test_the_canary_skips_the_rows_it_could_not_write_in_time(tmp_path: Path) -> None:
    class SlowOnce(CountingCanary):
        def write(self, row: int, *, connect_within_s: float, answer_within_s: float) -> tuple[float, float] | None:
            if len(self.rows) == 3:
                time.sleep(0.3)
            return super().write(row, connect_within_s=connect_within_s, answer_within_s=answer_within_s)

    canary = SlowOnce()
    with watching(plan_of([], canary_every_s=0.02), tmp_path, canary=canary) as watched:
        watched.wait(lambda: len(watched.facts(Kind.CANARY_ACKNOWLEDGED)) > 20)

    rows = [fact.data["row"] for fact in watched.facts(Kind.CANARY_ACKNOWLEDGED)]
    assert rows == sorted(set(rows)) == canary.rows
    assert rows[0] == 1
    assert rows[4] - rows[3] >= 10
    assert canary.closed


def test_every_fact_lands_once_in_order_when_the_journal_refuses_for_a_while(tmp_path: Path) -> None:
    class FullForAWhile(MemoryJournal):
        refusals = 3

        def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
            if self.refusals:
                self.refusals -= 1
                raise JournalBroken("the journal cannot be used: the disk is full.", code="J020")
            return super().append(drill, drafts, token=token)

    canary = CountingCanary()
    with watching(plan_of([], canary_every_s=0.01), tmp_path, journal=FullForAWhile(), canary=canary) as watched:
        watched.wait(lambda: watched.facts(Kind.CANARY_ACKNOWLEDGED))

    facts = watched.facts(Kind.CANARY_ACKNOWLEDGED)
    assert [fact.data["row"] for fact in facts] == canary.rows
    check_chain(facts)


def test_readiness_needs_an_answer_or_a_failure_of_every_probe_and_one_acknowledged_row(tmp_path: Path) -> None:
    canary = CountingCanary()
    canary.broken = True
    plan = plan_of([probe(closed_port())], canary_every_s=0.02)
    with watching(plan, tmp_path, canary=canary) as watched:
        watched.wait(lambda: watched.samples("checkout"))
        time.sleep(0.3)
        ready_without_a_row = (tmp_path / "observer.ready").exists()
        canary.broken = False
        watched.wait((tmp_path / "observer.ready").exists)

    assert not ready_without_a_row
    assert not (tmp_path / "observer.ready").exists()


def test_the_end_of_the_drill_ends_the_observer(tmp_path: Path) -> None:
    watched = Watched(plan_of([probe(closed_port())]), tmp_path)
    watched.thread.start()
    watched.wait(lambda: watched.samples("checkout"))

    watched.say(Kind.DRILL_FINISHED, outcome="finished", exit_code=0, left=[])
    watched.thread.join(20)

    assert not watched.thread.is_alive()


def test_nothing_follows_the_last_fact_of_a_drill(tmp_path: Path) -> None:
    with watching(plan_of([probe(closed_port())]), tmp_path) as watched:
        watched.wait(lambda: watched.samples("checkout"))
        finished = watched.say(Kind.DRILL_FINISHED, outcome="finished", exit_code=0, left=[])
        watched.thread.join(20)

    later = watched.journal.read(DRILL, after=finished.seq)
    assert len(later) <= 6  # what was on its way: one batch at most


def test_an_observer_measures_on_through_a_hold_but_not_after_the_end(tmp_path: Path) -> None:
    watched = Watched(plan_of([probe(closed_port())]), tmp_path)
    watched.say(Kind.DRILL_HELD, reason="silence", left=[])
    with watching(plan_of([probe(closed_port())]), tmp_path, journal=watched.journal) as again:
        again.wait(lambda: again.samples("checkout"))
    finished = watched.say(Kind.DRILL_FINISHED, outcome="held", exit_code=5, left=[])

    with watching(plan_of([probe(closed_port())]), tmp_path, journal=watched.journal) as last:
        last.thread.join(20)

    assert watched.journal.read(DRILL, after=finished.seq) == []


def test_an_observer_whose_engine_has_been_gone_too_long_ends(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    watched = Watched(plan_of([probe(closed_port())], dead_man_s=0.5), tmp_path)
    watched.say(Kind.ENGINE_STARTED, pid=gone.pid, host=platform.node(), version="0")

    watched.thread.start()
    watched.thread.join(20)

    assert not watched.thread.is_alive()
    assert watched.samples("checkout")


def test_an_observer_waits_with_a_silent_engine_as_long_as_that_lives(tmp_path: Path) -> None:
    with watching(plan_of([probe(closed_port())], dead_man_s=0.2), tmp_path) as watched:
        watched.say(Kind.ENGINE_STARTED, pid=os.getpid(), host=platform.node(), version="0")
        time.sleep(1.0)
        alive = watched.thread.is_alive()

    assert alive


def test_a_second_observer_of_the_same_drill_refuses(tmp_path: Path) -> None:
    with watching(plan_of([probe(closed_port())]), tmp_path) as watched:
        watched.wait(lambda: watched.samples("checkout"))

        with pytest.raises(DrillError, match=f"pid {psutil.Process().pid}.*already") as refused:
            Watched(plan_of([probe(closed_port())]), tmp_path).observer.run()

    assert refused.value.code == "D020"
