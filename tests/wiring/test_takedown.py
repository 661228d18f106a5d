"""The sandbox goes, and no drill that stood on it stays open for ever; under a live engine it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from drill.adapters.leases_sql import SqlLeases
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.events import Kind
from drill.settings import Settings
from drill.wiring.leases import SiteLease, sites_of, this_process
from drill.wiring.records import Records
from drill.wiring.takedown import take_down_with_drills
from drill.wiring.telling import told
from tests.engine.drilling import phase_of, plan_of, step_of

PLAN = plan_of(phase_of("a", step_of("a.x")))
DEAD = "elsewhere:1:0.00"


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DRILL_DATABASE_URL", raising=False)
    monkeypatch.setenv("DRILL_TTL", "2s")
    (tmp_path / "home").mkdir()
    return Records(Settings.load())


def say(records: Records, drill: str, kind: Kind, /, **data: Any) -> None:
    records.recorder(drill).say(kind, f"{kind}/{len(records.journal.read(drill))}", **data)


def manned(records: Records, drill: str, *, holder: str = "") -> None:
    """A drill that an engine has brought onto the sandbox; with a holder, it has the sites' lease."""
    planned: dict[str, Any] = {"plan": PLAN.model_dump(mode="json"), "plan_digest": PLAN.digest(), "started_by": "sre"}
    records.recorder(drill).say(Kind.DRILL_PLANNED, "planned", **planned)
    say(records, drill, Kind.ENGINE_STARTED, pid=1, host="elsewhere", version="1")
    say(records, drill, Kind.DRILL_STARTED)
    if holder:
        assert isinstance(SqlLeases(records.database).take(sites_of(records.settings, PLAN), drill=drill, holder=holder), int)


def down(records: Records, *, force: bool = False) -> list[str]:
    return take_down_with_drills(records.settings, force=force, say=lambda _text: None, patience_s=0.3)


def ending(records: Records, drill: str) -> dict[str, Any]:
    (finished,) = records.journal.read(drill, kinds=frozenset({Kind.DRILL_FINISHED}))
    return dict(finished.data)


def test_a_drill_on_hold_and_one_whose_engine_is_gone_end_as_aborted(records: Records) -> None:
    manned(records, "held")
    say(records, "held", Kind.DRILL_HELD, reason="x", left=[])
    manned(records, "dead")

    assert down(records) == ["held", "dead"]

    for drill in ("held", "dead"):
        assert (ending(records, drill)["outcome"], ending(records, drill)["exit_code"]) == ("aborted", 4)
        assert "ground is gone" in ending(records, drill)["reason"]
        assert records.progress(drill).state == "aborted"
        assert told(records, drill)  # a resume has nobody to text: the carrier went with the sandbox


@pytest.mark.parametrize(("holder", "left"), [("", ""), (DEAD, ""), (this_process(), "cli:friday")], ids=["nobody", "dead", "alive"])
def test_no_server_claims_a_drill_that_ended_with_its_ground_unless_an_engine_still_has_it(
    records: Records, holder: str, left: str
) -> None:
    from drill.engine.durable import DrillQueue

    manned(records, "friday", holder=holder)
    queue = DrillQueue(records.database)
    queue.put("friday", PLAN)
    table = sa.table("workflow_status", sa.column("status"), sa.column("executor_id"))
    with records.database.begin() as connection:
        connection.execute(table.update().values(status="PENDING", executor_id="cli:friday"))
    if holder == DEAD:
        with records.database.begin() as connection:
            connection.execute(sa.text("update site_lease set beat = 0"))

    assert down(records, force=True) == ["friday"]

    assert queue.owner("friday") == left
    queue.close()


def test_under_a_live_engine_the_sandbox_stays_and_the_refusal_says_what_to_do(records: Records) -> None:
    manned(records, "friday", holder=this_process())
    before = len(records.journal.read("friday"))

    with pytest.raises(PreflightFailed, match="friday is running on this sandbox") as refused:
        down(records)

    assert refused.value.code == "F066"
    assert "`drill abort friday`" in refused.value.fix
    assert "--force" in refused.value.fix
    assert len(records.journal.read("friday")) == before


def test_force_ends_a_drill_whose_engine_does_not_notice_and_lets_that_engine_write_no_more(records: Records) -> None:
    manned(records, "friday", holder=this_process())
    token = records.journal.take_token("friday")
    engine = records.recorder("friday", token=token)

    assert down(records, force=True) == ["friday"]

    assert ending(records, "friday")["outcome"] == "aborted"
    assert [fact.data["channel"] for fact in records.journal.read("friday", kinds=frozenset({Kind.ABORT_REQUESTED}))] == ["ground"]
    with pytest.raises(JournalBroken):
        engine.say(Kind.PHASE_OPENED, "a/opened", phase="a")


def test_drills_that_have_ended_or_wait_in_a_queue_are_left_alone(records: Records) -> None:
    manned(records, "past")
    records.recorder("past").say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=0, left=[])
    planned: dict[str, Any] = {"plan": PLAN.model_dump(mode="json"), "plan_digest": PLAN.digest(), "started_by": "sre"}
    records.recorder("queued").say(Kind.DRILL_PLANNED, "planned", **planned)

    assert down(records) == []

    assert ending(records, "past")["outcome"] == "finished"
    assert records.progress("queued").state == "planned"


def test_a_home_without_a_journal_gets_none(records: Records) -> None:
    (records.settings.home / "drill.sqlite").unlink(missing_ok=True)

    assert down(records) == []

    assert not (records.settings.home / "drill.sqlite").exists()


def test_a_journal_that_cannot_be_used_is_told_and_in_nobodys_way(records: Records) -> None:
    records.database.dispose()
    for left in records.settings.home.glob("drill.sqlite*"):
        left.unlink()
    (records.settings.home / "drill.sqlite").write_bytes(b"no database" * 100)
    warnings: list[str] = []

    ended = take_down_with_drills(records.settings, force=False, say=warnings.append)

    assert ended == []
    assert "its drills cannot be ended" in warnings[0]


@pytest.mark.parametrize(("crossed", "way"), [(True, "failback"), (False, "abort")])
def test_who_finds_a_site_taken_by_a_drill_on_hold_is_told_the_ways_that_work(records: Records, *, crossed: bool, way: str) -> None:
    manned(records, "held", holder=this_process())
    started = {"phase": "a", "step": "a.x", "attempt": 1, "kind": "scripted"}
    say(records, "held", Kind.STEP_STARTED, no_return=crossed, **started)
    say(records, "held", Kind.DRILL_HELD, reason="x", left=[])

    with pytest.raises(PreflightFailed, match="held is on hold on this site") as refused:
        SiteLease(records, "next", PLAN).refuse_if_taken()

    assert f"`drill {way} held`" in refused.value.fix
    assert "`drill proceed held`" in refused.value.fix
    assert "`drill sandbox down`" in refused.value.fix
    assert ("drill abort held`" in refused.value.fix) != crossed
