"""Texts of an engine that died: what had left is written down and looked after by the next life, never sent again."""

from __future__ import annotations

import pytest

from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.ports import OutboundMessage, SendResult
from tests.engine.drilling import Died, DyingJournal, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

GATE = gate_of("a")
PLAN = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(GATE,))


class LosesTheFirstAnswer(FakeMessenger):
    """Takes the first text and kills the engine before it can write that down."""

    def send(self, message: OutboundMessage) -> SendResult:
        result = super().send(message)
        if len(self.sent) == 1:
            raise Died
        return result


def hold(drill: Stage, messenger: FakeMessenger) -> Notifier:
    notifier = Notifier(drill.recorder, drill.people, {"sms": messenger})
    GateKeeper(drill.recorder, notifier, checks=lambda: True).hold(GATE)
    return notifier


def test_a_question_that_was_answered_before_it_was_written_down_is_still_in_the_record() -> None:
    drill, messenger = Stage(PLAN), LosesTheFirstAnswer()
    with pytest.raises(Died):
        hold(drill, messenger)
    drill.says("lead", f"1 {drill.code('a', 'lead')}")

    hold(drill.next_life(), messenger)

    (sent,) = drill.facts(Kind.MESSAGE_SENT)
    assert (sent.data["gate"], sent.data["state"]) == ("a", "accepted")
    assert len(messenger.sent) == 1


def test_a_question_that_never_left_is_not_sent_once_the_gate_was_answered() -> None:
    drill, messenger = Stage(PLAN), LosesTheFirstAnswer()
    with pytest.raises(Died):
        hold(drill, messenger)
    messenger.fates.clear()
    drill.says("lead", f"1 {drill.code('a', 'lead')}")

    hold(drill.next_life(), messenger)

    assert not drill.facts(Kind.MESSAGE_SENT)
    assert len(messenger.sent) == 1


def test_a_text_whose_gate_is_closed_is_looked_after_by_the_next_life_until_it_arrives() -> None:
    drill, messenger = Stage(PLAN, DyingJournal(Kind.ACKNOWLEDGED)), FakeMessenger()
    drill.clock.after(1.0, lambda: drill.says("lead", f"1 {drill.code('a', 'lead')}"))
    with pytest.raises(Died):
        hold(drill, messenger)
    second = drill.next_life()
    notifier = Notifier(second.recorder, second.people, {"sms": messenger})

    notifier.look_after()
    notifier.look_after()

    (arrived,) = drill.facts(Kind.MESSAGE_DELIVERED)
    assert (arrived.data["contact"], arrived.data["state"]) == ("lead", "delivered")
