"""Following a drill: what ends it, that no fact is missed, and that nobody has to listen."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from drill.cli.follow import follow_drill
from drill.model.events import Fact, Kind
from drill.settings import Settings
from drill.wiring.records import Records
from tests.cli.conftest import journal, tell
from tests.model.story import Story, redrafted

pytestmark = pytest.mark.usefixtures("home")


def records() -> Records:
    return Records(Settings.load())


def lifted(*, then: tuple[Kind, ...] = ()) -> str:
    """A drill whose hold a person lifted, and perhaps what came after."""
    told = tell(Story(every_s=0.5, ending="held"))
    pen = records().recorder(told)
    pen.say(Kind.OPERATOR_DECIDED, "operator/1", by="person:operator", verb="failback", subject=told)
    if Kind.DRILL_FINISHED in then:
        pen.say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=1, left=[])
    return told


def test_an_end_is_the_end() -> None:
    told = tell()

    ended = follow_drill(records(), told, as_json=True, out=io.StringIO())

    assert ended is not None
    assert ended.kind is Kind.DRILL_FINISHED


def test_a_hold_that_was_lifted_is_not_the_end() -> None:
    told = lifted(then=(Kind.DRILL_FINISHED,))

    ended = follow_drill(records(), told, as_json=True, out=io.StringIO())

    assert ended is not None
    assert ended.kind is Kind.DRILL_FINISHED


def test_an_engine_that_is_gone_ends_the_following_without_an_end() -> None:
    assert follow_drill(records(), lifted(), as_json=True, out=io.StringIO(), alive=lambda: False) is None


def test_what_an_engine_wrote_just_before_it_went_is_still_seen() -> None:
    told = lifted()

    def dies() -> bool:
        records().recorder(told).say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=1, left=[])
        return False

    ended = follow_drill(records(), told, as_json=True, out=io.StringIO(), alive=dies)

    assert ended is not None
    assert ended.data["exit_code"] == 1


def test_only_what_is_new_is_shown_and_nothing_of_it_is_missed() -> None:
    told = tell(Story(every_s=0.5))
    facts = journal().read(told)
    out = io.StringIO()

    follow_drill(records(), told, as_json=True, out=out, after=30)

    shown = [json.loads(line)["seq"] for line in out.getvalue().splitlines()]
    measured = {Kind.PROBE_SAMPLED, Kind.CANARY_ACKNOWLEDGED}
    assert shown == [fact.seq for fact in facts if fact.seq > 30 and fact.kind not in measured]


def test_a_reader_who_leaves_early_does_not_stop_the_following(tmp_path: Path) -> None:
    told = tell()
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "w") as out:
        ended = follow_drill(records(), told, as_json=True, out=out)

    assert ended is not None
    assert tmp_path.exists()


def test_plain_lines_for_a_pipe_tell_the_end() -> None:
    told = tell(Story(every_s=0.5, ending="aborted"))
    out = io.StringIO()

    follow_drill(records(), told, as_json=False, out=out)

    assert "aborted" in out.getvalue().splitlines()[-1]


def test_facts_that_arrive_later_are_shown_in_order() -> None:
    story = Story(every_s=0.5)
    drafts = redrafted(story.facts())
    journal().append("later", drafts[:50])
    out = io.StringIO()
    parts = iter([drafts[50:120], drafts[120:]])

    def arrives() -> bool:
        part = next(parts, None)
        if part:
            journal().append("later", part)
        return True

    ended: Fact | None = follow_drill(records(), "later", as_json=True, out=out, alive=arrives)

    shown = [json.loads(line)["seq"] for line in out.getvalue().splitlines()]
    assert ended is not None
    assert shown == sorted(set(shown))
