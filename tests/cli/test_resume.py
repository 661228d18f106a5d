"""`drill resume`, `abort`, `proceed` and `failback`: what they refuse, and how they hand over to an engine that runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from drill.model.events import Draft, Kind
from drill.settings import Settings
from drill.wiring.locks import engine_lock
from tests.cli.conftest import Drill, journal, tell
from tests.model.story import Story, redrafted

_VERBS = ("resume", "abort", "proceed", "failback")


def running(name: str = "friday") -> str:
    """A drill that has started and not ended."""
    facts = [fact for fact in Story(every_s=0.5).facts() if fact.kind is not Kind.DRILL_FINISHED]
    journal().append(name, redrafted(facts))
    return name


def say(name: str, kind: Kind, **data: Any) -> None:
    now = datetime.now(UTC)
    journal().append(name, [Draft(kind, "engine", f"{kind}/test", data, now, 9000.0, "boot/9")])


def texted(name: str, purpose: str) -> str:
    """The same drill, after everyone was texted how it stands."""
    for contact in ("oncall", "lead", "manager"):
        about = {"purpose": purpose, "gate": None, "phase": None, "contact": contact, "channel": "sms", "text": "…"}
        data = {"message": f"{purpose}:{contact}", "state": "accepted", "code": "OK", **about}
        at = datetime.now(UTC)
        journal().append(name, [Draft(Kind.MESSAGE_SENT, "engine", f"message/test/{purpose}/{contact}", data, at, 9000.0, "boot/9")])
    return name


class Elsewhere:
    """An engine of another process, as far as a command can tell: it holds the lock and ends the drill when asked to."""

    def __init__(self, name: str, asked: Callable[[], bool], *, kind: Kind, **data: Any) -> None:
        self._name, self._asked, self._kind, self._data = name, asked, kind, data
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        until_s = time.monotonic() + 20
        with engine_lock(Settings.load(), self._name):
            while not self._asked() and time.monotonic() < until_s:
                time.sleep(0.02)
            say(self._name, self._kind, **self._data)
            time.sleep(0.6)  # as a real engine lives on until its last text is sent

    def __enter__(self) -> None:
        self._thread.start()
        time.sleep(0.2)

    def __exit__(self, *_error: object) -> None:
        self._thread.join(25)


@pytest.mark.parametrize("verb", _VERBS)
def test_a_drill_that_has_ended_cannot_be_moved(drill: Drill, verb: str) -> None:
    told = texted(tell(), "result")

    said = drill(verb, told)

    assert (said.code, f"[U020] {told} has ended: finished." in said.err) == (2, True)


@pytest.mark.parametrize("verb", ["proceed", "failback"])
def test_only_a_drill_on_hold_can_be_decided(drill: Drill, verb: str) -> None:
    name = running()

    said = drill(verb, name)

    assert (said.code, "[U019] friday is not on hold but running." in said.err) == (2, True)
    assert not journal().read(name, kinds=frozenset({Kind.OPERATOR_DECIDED}))


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_drill_on_hold_waits_for_a_choice_and_not_for_more_of_the_same(drill: Drill, verb: str) -> None:
    told = texted(tell(Story(every_s=0.5, ending="held")), "hold")
    before = len(journal().read(told))

    said = drill(verb, told)

    assert said.code == 2
    assert f"Choose: `drill failback {told}` brings it home, `drill proceed {told}` goes on." in said.err
    assert len(journal().read(told)) == before


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (Kind.DRILL_FINISHED, {"outcome": "aborted", "exit_code": 4, "left": []}, 4),
        (Kind.DRILL_FINISHED, {"outcome": "aborted", "exit_code": 5, "left": ["dns"]}, 5),
        (Kind.DRILL_HELD, {"reason": "asked to", "left": []}, 5),
    ],
)
def test_an_abort_asks_the_engine_that_runs_and_leaves_with_its_verdict(drill: Drill, kind: Kind, data: dict[str, Any], code: int) -> None:
    name = running()

    def asked() -> bool:
        return bool(journal().read(name, kinds=frozenset({Kind.ABORT_REQUESTED})))

    with Elsewhere(name, asked, kind=kind, **data):
        said = drill("abort", name, "--reason", "real incident elsewhere")

    (fact,) = journal().read(name, kinds=frozenset({Kind.ABORT_REQUESTED}))
    assert said.code == code
    assert (fact.by, fact.data["reason"], fact.data["channel"]) == ("person:operator", "real incident elsewhere", "cli")


def test_a_choice_is_told_to_the_engine_that_holds(drill: Drill) -> None:
    told = tell(Story(every_s=0.5, ending="held"))

    def asked() -> bool:
        return bool(journal().read(told, kinds=frozenset({Kind.OPERATOR_DECIDED})))

    with Elsewhere(told, asked, kind=Kind.DRILL_FINISHED, outcome="finished", exit_code=1, left=[]):
        said = drill("failback", told)

    assert said.code == 1


def test_a_drill_cannot_be_resumed_while_another_runs_here(drill: Drill) -> None:
    name = running()

    with engine_lock(Settings.load(), "another"):
        said = drill("resume", name)

    assert said.code == 3
    assert "the drill another is running here" in said.err
