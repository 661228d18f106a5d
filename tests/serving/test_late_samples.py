"""Samples of other hosts race the last fact of a drill, on both databases: none is stored after it, and none is lost before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.database import database_engine
from drill.adapters.journal_sql import SqlJournal
from drill.engine.record import Recorder
from drill.engine.vantage_intake import Moment, sieve, store
from drill.model.events import Kind, check_chain
from tests.engine.vantage_samples import sampled, vantage_plan
from tests.serving.place import database

pytestmark = pytest.mark.real
_PENS = 4


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'drill.sqlite'}"
        return
    with database() as found:
        yield found.url


def test_no_sample_follows_the_last_fact_and_what_was_acknowledged_is_there(url: str) -> None:
    clock, ended, kept = SystemClock(), threading.Event(), []
    engines = [database_engine(url) for _ in range(_PENS + 1)]
    pen = Recorder("d", journal=SqlJournal(engines[0]), clock=clock)
    pen.say(Kind.DRILL_PLANNED, "planned", plan=vantage_plan().model_dump(mode="json"), plan_digest="0", started_by="lead")

    def send(number: int) -> None:
        journal, k = SqlJournal(engines[number]), 0
        while True:
            row = sampled(k, at=clock.now(), epoch=f"f00d-{number}-1")
            found = sieve(vantage_plan(), "frankfurt", [row], planned_at=clock.now(), moment=Moment.by(clock))
            if not store(journal, "d", found.drafts):
                return
            kept.append(found.drafts[0].key)
            k += 1
            if k == 10:
                ended.set()

    senders = [threading.Thread(target=send, args=(number,)) for number in range(1, _PENS + 1)]
    for sender in senders:
        sender.start()
    assert ended.wait(30)
    pen.say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=0, left=[])
    for sender in senders:
        sender.join(30)

    facts = pen.journal.read("d")
    for engine in engines:
        engine.dispose()
    assert facts[-1].kind is Kind.DRILL_FINISHED
    assert sorted(kept) == sorted(fact.key for fact in facts if fact.kind is Kind.PROBE_SAMPLED)
    check_chain(facts)
