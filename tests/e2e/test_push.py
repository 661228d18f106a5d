"""Answers that the carrier pushes reach a drill, whichever process takes them in, and count once also when they come by queue too."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drill.sandbox.phone import Phone
from drill.sandbox.world import PHONES
from tests.e2e.place import DRILL, PROJECT, Engine, Place, eventually

pytestmark = pytest.mark.real


@contextmanager
def serving(place: Place) -> Iterator[str]:
    """A `drill serve --web` of the place; its address."""
    log = place.base / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen([*DRILL, "serve", "--web", "0"], cwd=PROJECT, env=place.environment, stdout=sink, stderr=sink)
    try:
        assert eventually(lambda: "is ready" in log.read_text(), within_s=60), log.read_text()
        found = re.search(r"web server on http://(\S+):", log.read_text())
        assert found, log.read_text()
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def say_no(place: Place, engine: Engine) -> None:
    """The lead declines the go by text."""
    engine.fact("MessageSent", gate="go", contact="lead")
    phone = Phone(place.sandbox().layout.carrier)
    code = next(text.code for text in phone.messages(wait_s=10) if text.number == PHONES["LEAD_PHONE"] and text.code)
    phone.reply(PHONES["LEAD_PHONE"], f"2 {code}")


def kept(place: Place) -> int:
    """What the inbox keeps for drills, and for how many of them; a receipt that comes after the end is nobody's, and swept later."""
    with sqlite3.connect(place.home / "inbox.sqlite") as database:
        query = "select (select count(*) from inbox where drill != '') + (select count(*) from inbox_reader)"
        return int(database.execute(query).fetchone()[0])


def test_an_answer_by_queue_and_push_at_once_counts_once_and_the_inbox_is_empty_after_the_drill(place: Place) -> None:
    with serving(place) as address:
        engine = place.run("both", "--manual", sets=("messages.sms.inbound=both", "messages.sms.receipts=queue"))
        engine.fact("MessageDelivered", state="delivered", code="DELIVERED")
        assert f"{address}/sms/" in (place.sandbox().layout.carrier / "carrier-inbound.json").read_text()
        Phone(place.sandbox().layout.carrier).order_fault("Reply", "duplicate")  # twice by each way

        say_no(place, engine)

        assert kept(place) > 0
        assert engine.ended() == 4
        assert eventually(lambda: kept(place) == 0)
    facts = place.facts("both")
    assert [fact["data"]["verb"] for fact in facts if fact["kind"] == "ReplyReceived"] == ["reject"]
    assert [fact for fact in facts if fact["kind"] == "ReplyRejected"] == []


@pytest.mark.sweep
def test_a_drill_run_alone_takes_pushes_in_by_itself(place: Place) -> None:
    engine = place.run("alone", "--manual", sets=("messages.sms.inbound=push",))

    say_no(place, engine)

    assert engine.ended() == 4
    assert [fact["data"]["verb"] for fact in engine.told("ReplyReceived")] == ["reject"]
    assert kept(place) == 0
