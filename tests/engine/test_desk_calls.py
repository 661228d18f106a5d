"""Keys pressed in a call: the call's id binds them to gate and person, but never to a destructive gate without its code."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drill.engine.desk import Desk
from drill.model.events import Kind, stamp
from drill.model.ports import InboundMessage
from drill.model.ports_people import CALL
from tests.engine.drilling import Stage, gate_of, phase_of, plan_of, step_of


def called(*gates: str, destructive: bool = False) -> Stage:
    """A drill whose gates are open to the lead, who was called for each: `call-a` for gate a."""
    phases = [phase_of(name, step_of(f"{name}.x"), gate=name) for name in gates]
    drill = Stage(plan_of(*phases, gates=tuple(gate_of(name, ask=("lead", "oncall"), destructive=destructive) for name in gates)))
    deadline = stamp(drill.clock.now() + timedelta(seconds=60))
    for name in gates:
        asked: dict[str, Any] = {"gate": name, "phases": [name], "contacts": ["lead"]}
        drill.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, f"{name}/requested", **asked, deadline=deadline, within_s=60.0)
        sent = {"message": f"m-{name}", "contact": "lead", "channel": "phone", "gate": name, "state": "accepted"}
        drill.recorder.say(
            Kind.MESSAGE_SENT, f"message/m-{name}", **sent, provider_id=f"call-{name}", purpose="gate", code="OK", phase=name, text=""
        )
    return drill


def press(drill: Stage, call: str, keys: str, message_id: str = "k-1") -> str:
    message = InboundMessage(message_id, CALL + call, keys, None, "h")
    judgement = Desk(drill.recorder, drill.people).take_message(message)
    return judgement.reason or f"{judgement.outcome} {judgement.gate}"


@pytest.mark.parametrize(("keys", "outcome"), [("1", "confirm b"), ("2", "decline b"), ("9", "abort b")])
def test_a_key_answers_the_gate_of_its_call_though_another_is_open(keys: str, outcome: str) -> None:
    drill = called("a", "b")

    assert press(drill, "call-b", keys) == outcome

    [fact] = drill.facts(Kind.REPLY_RECEIVED)
    assert (fact.by, fact.data["channel"], fact.data["gate"]) == ("person:lead", "phone", "b")


def test_the_keys_of_a_call_nobody_made_are_a_strangers() -> None:
    drill = called("a")

    assert press(drill, "call-z", "1") == "stranger"
    assert press(drill, "", "9", "k-2") == "stranger"


def test_a_destructive_gate_needs_its_code_keyed_too() -> None:
    drill = called("a", destructive=True)

    assert press(drill, "call-a", "1") == "needs-code"
    assert press(drill, "call-a", f"1{drill.code('a', 'lead')}", "k-2") == "confirm a"


def test_any_call_can_abort() -> None:
    assert press(called("a", destructive=True), "call-a", "9") == "abort a"


@pytest.mark.parametrize("keys", ["", "3", "11", "0"])
def test_other_keys_answer_nothing(keys: str) -> None:
    drill = called("a")

    press(drill, "call-a", keys)

    assert drill.facts(Kind.REPLY_RECEIVED) == []


def test_a_report_delivered_twice_counts_once() -> None:
    drill = called("a")

    press(drill, "call-a", "1")
    press(drill, "call-a", "1")

    assert len(drill.facts(Kind.REPLY_RECEIVED, Kind.REPLY_REJECTED)) == 1
