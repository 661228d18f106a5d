"""The door for vantage points: work for those who show the key, receipts only for what is in the journal, and silence for everyone else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.vantage_http import HttpLink
from drill.model.errors import UsageError
from drill.model.events import Kind
from drill.model.plan import VantagePoint
from drill.model.vantage_wire import Batch, Sampled
from drill.wiring import vantage_desk
from tests.engine.vantage_samples import order_for, vantage_plan
from tests.web.served import PATH, pushed, up
from tests.web.vantage_served import FRANKFURT, TOKYO, WEAK, Stand, batch, now_sampled, standing


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with standing(tmp_path) as found:
        yield found


@pytest.fixture
def running(stand: Stand) -> Stand:
    """A drill that has told its points what to ask."""
    stand.plan()
    stand.tell()
    return stand


def samples(stand: Stand, *numbers: int) -> tuple[Sampled, ...]:
    return tuple(now_sampled(stand.clock, k) for k in numbers)


def test_a_point_gets_its_order_once_the_drill_has_written_it(stand: Stand) -> None:
    stand.plan()
    before = stand.link().ask()
    stand.tell()
    stand.fresh()

    said = stand.link().ask()

    assert before.outcome == "nothing"
    assert (said.outcome, said.order) == ("order", order_for("d"))


def test_samples_are_in_the_journal_when_they_are_acknowledged_and_once_however_often_they_come(running: Stand) -> None:
    link = running.link()

    first, again = (link.send(Batch(drill="d", samples=samples(running, 1, 2))) for _ in range(2))

    assert (first.outcome, again.outcome) == ("taken", "taken")
    assert [fact.key.rpartition("/")[2] for fact in running.samples()] == ["1", "2"]
    assert {fact.data["vantage"] for fact in running.samples()} == {"frankfurt"}


def test_the_clocks_are_compared_with_every_answer(running: Stand) -> None:
    link = running.link()
    link.ask()

    assert link.compared is not None
    assert link.compared.boot == running.clock.epoch.partition("-")[0]
    assert abs(link.compared.offset_s) <= link.compared.error_s + 1e-5  # both stand on one machine
    assert link.compared.error_s < 1.0
    assert abs(running.clock.mono_s() + link.compared.wall_offset_s - time.time()) < 1.0


@pytest.mark.parametrize("key", ["wrong-key-that-is-long-enough-0123456789", TOKYO, None])
@pytest.mark.parametrize("path", ["/probe/frankfurt", "/probe/nowhere"])
def test_a_wrong_key_and_an_unknown_point_are_the_same_silence(running: Stand, key: str | None, path: str) -> None:
    answers = [running.call(method, path, body, key=key) for method, body in (("GET", None), ("POST", batch(running.clock, 1)))]
    nowhere = running.call("GET", "/nowhere", key=key)

    assert {(status, body) for status, body, _ in (*answers, nowhere)} == {(404, b"not found\n")}
    assert not any("drill-clock" in headers for _, _, headers in answers)
    assert running.samples() == []


def test_a_key_opens_its_own_point_only(running: Stand) -> None:
    assert running.call("GET", "/probe/tokyo", key=TOKYO)[0] == 200
    assert running.call("GET", "/probe/tokyo", key=FRANKFURT)[0] == 404


def test_a_key_that_could_be_guessed_or_is_not_set_opens_nothing(stand: Stand) -> None:
    keys = {"oslo": "secret:VANTAGE_OSLO", "lagos": "secret:VANTAGE_LAGOS", "lima": ""}
    points = [VantagePoint(id=name, probes=("checkout",), key=key) for name, key in keys.items()]
    stand.plan(plan=vantage_plan().model_copy(update={"vantage_points": tuple(points)}))

    assert {stand.call("GET", f"/probe/{name}", key=key)[0] for name in keys for key in ("", "x", WEAK, FRANKFURT)} == {404}


def test_after_the_end_nothing_is_taken_and_the_agent_hears_that_it_is_over(running: Stand) -> None:
    link = running.link()
    link.send(Batch(drill="d", samples=samples(running, 1)))
    running.end()

    said = link.send(Batch(drill="d", samples=samples(running, 2)))
    running.fresh()

    assert (said.outcome, len(running.samples())) == ("over", 1)
    assert link.ask().outcome == "nothing"
    assert link.send(Batch(drill="never-heard-of", samples=samples(running, 3))).outcome == "over"


def test_the_newest_running_drill_is_worked_for_and_only_of_the_scenario_that_was_named(running: Stand) -> None:
    running.plan("e")
    running.tell("e")
    running.fresh()

    found = running.link().ask().order
    other = running.link(scenario="another").ask()

    assert found is not None
    assert found.drill == "e"
    assert other.outcome == "nothing"


def test_what_cannot_be_true_is_left_out_and_counted(running: Stand) -> None:
    status, body, _ = running.call("POST", "/probe/frankfurt", batch(running.clock, 1, 2, probe="heartbeat"))

    assert (status, json.loads(body)) == (200, {"stored": 0, "refused": 2, "why": "frankfurt does not ask 'heartbeat'"})
    assert running.samples() == []


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", '{"drill": "d"}', '{"drill": "d", "samples": [{}]}', '{"drill": 1, "samples": []}', b"\xff\xfe", "[" * 100_000],
)
def test_garbage_is_refused_in_one_line_and_harms_nobody(running: Stand, body: str | bytes) -> None:
    status, said, _ = running.call("POST", "/probe/frankfurt", body)

    assert status == 422
    assert said.count(b"\n") == 1
    assert running.link().send(Batch(drill="d", samples=samples(running, 1))).outcome == "taken"


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(running: Stand) -> None:
    assert running.call("POST", "/probe/frankfurt", b"x" * (257 * 1024))[0] == 413


def test_a_journal_that_takes_nothing_now_means_come_again(running: Stand) -> None:
    running.journal.broken = True
    link = running.link()

    away = link.send(Batch(drill="d", samples=samples(running, 1)))
    running.journal.broken = False

    assert (away.outcome, away.why) == ("away", "the server answers 503")
    assert link.send(Batch(drill="d", samples=samples(running, 1))).outcome == "taken"


def test_a_slow_journal_delays_no_answer_to_a_carrier(running: Stand) -> None:
    running.journal.slow_s = 0.4
    ended, took = threading.Event(), []

    def press() -> None:
        link = running.link()
        while not ended.is_set():
            link.send(Batch(drill="d", samples=samples(running, *range(300))))

    callers = [threading.Thread(target=press) for _ in range(8)]
    for caller in callers:
        caller.start()
    for number in range(20):
        begun_s = time.monotonic()
        status, _, _ = running.call("POST", f"/sms/{PATH}/up", pushed(up(f"1 {number}")), key=None)
        took.append(time.monotonic() - begun_s)
        assert status == 200
    ended.set()
    for caller in callers:
        caller.join(20)

    assert sorted(took)[10] < 0.7, took  # the carrier gives up after 0.7 s


def test_more_callers_than_may_wait_are_asked_to_come_again(running: Stand) -> None:
    running.journal.slow_s = 0.3
    outcomes: list[str] = []

    def press() -> None:
        outcomes.append(running.link().send(Batch(drill="d", samples=samples(running, 1))).outcome)

    callers = [threading.Thread(target=press) for _ in range(45)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)

    assert set(outcomes) == {"taken", "away"}


def test_a_link_survives_a_server_that_is_not_there_and_says_why() -> None:

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        link = HttpLink(f"http://127.0.0.1:{held.getsockname()[1]}", "frankfurt", FRANKFURT, clock=SystemClock())

        said = link.ask()

    assert (said.outcome, said.why) == ("away", "Connection refused")


@pytest.mark.parametrize(
    ("address", "key", "code"),
    [
        ("http://drill.example.com", FRANKFURT, "U051"),
        ("http://192.0.2.1:8080", FRANKFURT, "U051"),
        ("ftp://drill.example.com", FRANKFURT, "U051"),
        ("https://", FRANKFURT, "U051"),
        ("https://user:pass@drill.example.com", FRANKFURT, "U051"),
        ("https://drill.example.com:99999", FRANKFURT, "U051"),
        ("https://drill..example.com", FRANKFURT, "U051"),
        ("https://drill example.com", FRANKFURT, "U051"),
        ("https://[::1", FRANKFURT, "U051"),
        ("https://drill.example.com", "two words", "U054"),
        ("https://drill.example.com", "line\nbreak", "U054"),
        ("https://drill.example.com", "", "U054"),
    ],
)
def test_an_address_that_would_show_the_key_or_a_key_that_is_none_is_refused(address: str, key: str, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        HttpLink(address, "frankfurt", key, clock=SystemClock())

    assert refused.value.code == code
    assert refused.value.fix


def test_the_key_is_in_no_fact(running: Stand) -> None:
    running.link().send(Batch(drill="d", samples=samples(running, 1)))

    facts = json.dumps([fact.row() for fact in running.journal.read("d")])

    assert FRANKFURT not in facts
    assert len(running.journal.read("d", kinds=frozenset({Kind.PROBE_SAMPLED}))) == 1


def test_a_point_that_sends_without_end_is_stopped_before_it_fills_the_disk(running: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vantage_desk, "MOST_SAMPLES_A_DRILL", 5)
    link = running.link()

    first = link.send(Batch(drill="d", samples=samples(running, 1, 2, 3)))
    then = link.send(Batch(drill="d", samples=samples(running, 4, 5, 6)))

    assert (first.refused, then.refused, "samples came" in then.why) == (0, 3, True)
    assert len(running.samples()) == 3
