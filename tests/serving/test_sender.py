"""Two processes: a worker without a provider's keys plays the drill, a sender sends its messages and takes the answers in."""

from __future__ import annotations

import pytest

from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.adapters.outbox_sql import SENDER, SqlLetters
from drill.model.events import Kind
from tests.e2e.place import eventually
from tests.serving.place import Fleet


@pytest.mark.sweep
def test_a_worker_that_sends_nothing_has_its_messages_sent_by_a_sender(fleet: Fleet) -> None:
    fleet.serve("s1", "--sender")
    fleet.more["DRILL_SEND"] = "elsewhere"
    fleet.serve("w1", "--worker")

    engine = fleet.run("d1")

    assert engine.process.wait(180) == 0, (engine.facts[-3:], fleet.servants[0].said(), fleet.servants[1].said())
    assert eventually(lambda: any("d1: finished" in line for line in fleet.servants[1].said()), within_s=30)  # its sandbox is down
    database = database_engine(fleet.database.url)
    facts = SqlJournal(database).read("d1")
    sent = [fact.data for fact in facts if fact.kind is Kind.MESSAGE_SENT]
    assert {row["state"] for row in sent} == {"accepted"}
    assert len(sent) == len({row["message"] for row in sent}) > 5
    assert [fact.data["channel"] for fact in facts if fact.kind is Kind.ACKNOWLEDGED]
    store = SqlLetters(database)
    assert fleet.database.sql("select distinct owner from outbox_letter") == [(f"{SENDER}s1",)]
    assert not store.claim(f"{SENDER}other", limit=10, stale_s=600)
    database.dispose()
