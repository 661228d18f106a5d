"""Questions over channels that fail: with three sends and answers in ten going wrong, one in time is enough and none counts twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import OutboundMessage, SendResult
from tests.engine.drilling import Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

WITHIN_S = 120.0
LATE_S = 16 * 60.0
GATE = gate_of("a", ask=("lead",), then=("oncall", "manager"), within_s=WITHIN_S)
MAIL = Channel(id="email", kind="smtp", host="mail", port=587, sender="drill@example.com")
BAD = ["refused", "lost", "undelivered"]
MIXED = st.lists(st.sampled_from(["arrives"] * 7 + BAD), min_size=24, max_size=24)
SENDS = st.one_of(
    MIXED,
    st.lists(st.sampled_from(BAD), min_size=24, max_size=24),
    st.lists(st.sampled_from(["arrives", *BAD * 3]), min_size=24, max_size=24),
)
EVERY_WAY = 7
"""Four numbers and three mailboxes."""
ANSWERS = st.one_of(
    st.lists(st.sampled_from(["once"] * 7 + ["twice", "late", "late"]), min_size=8, max_size=8),
    st.lists(st.sampled_from(["late", "late", "twice"]), min_size=8, max_size=8),
)


class Carrier(FakeMessenger):
    """A channel whose sends fail as drawn, and whose people answer what arrives 3 s later, as drawn."""

    def __init__(self, channel: str, world: World) -> None:
        super().__init__(channel=channel)
        self._world = world

    def send(self, message: OutboundMessage) -> SendResult:
        fate = self._world.sends.pop()
        if fate in {"refused", "lost"}:
            self.sent.append(message)
            return SendResult("rejected" if fate == "refused" else "in_doubt", "fake", code="no", traceable=False)
        result = super().send(message)
        self.fates[message.id] = "failed" if fate == "undelivered" else "delivered"
        if fate == "arrives":
            self._world.answer(message)
        return result


class World:
    """One drill with two channels, its people, and a clerk that looks after deliveries every second."""

    def __init__(self, sends: list[str], answers: list[str]) -> None:
        made = plan_of(phase_of("a", step_of("a.x"), gate="a"), gates=(GATE,))
        ways: dict[str, Any] = {"channels": ("sms", "email"), "email": ("secret:MAIL",)}
        contacts = tuple(contact.model_copy(update=ways) for contact in made.contacts)
        self.drill = Stage(made.model_copy(update={"contacts": contacts, "messages": Messages(channels=(MAIL,))}))
        self.drill.secrets.values["MAIL"] = "somebody@example.com"
        self.sends, self._answers = list(sends), list(answers)
        self.channels = {name: Carrier(name, self) for name in ("sms", "email")}
        self.notifier = Notifier(self.drill.recorder, self.drill.people, self.channels)
        self.in_time = False

    def answer(self, message: OutboundMessage) -> None:
        how = self._answers.pop()
        wait_s = LATE_S if how == "late" else 3.0
        self.drill.clock.after(wait_s, lambda: self._says(message, times=2 if how == "twice" else 1))

    def _says(self, message: OutboundMessage, *, times: int) -> None:
        for _ in range(times):
            judgement = self.drill.says(message.contact, f"1 {message.variables['code']}", message_id=f"reply-to-{message.id}")
            self.in_time = self.in_time or (judgement.outcome == "confirm")

    def tick(self) -> None:
        self.notifier.look_after()
        self.drill.clock.after(1.0, self.tick)

    def hold(self) -> str:
        self.drill.clock.after(1.0, self.tick)
        return str(GateKeeper(self.drill.recorder, self.notifier, checks=lambda: True).hold(GATE)["status"])


@settings(deadline=None, max_examples=40)
@given(SENDS, ANSWERS)
def test_one_answer_in_time_over_any_way_from_anyone_asked_closes_a_question_and_none_expires_it(
    sends: list[str], answers: list[str]
) -> None:
    world = World(sends, answers)

    status = world.hold()

    sent = [message.id for channel in world.channels.values() for message in channel.sent]
    counted = [fact.key for fact in world.drill.facts(Kind.REPLY_RECEIVED)]
    assert status == ("ok" if world.in_time else "expired")
    assert len(sent) == len(set(sent))
    assert len(counted) == len(set(counted)) <= 3
    assert {fact.data["message"] for fact in world.drill.facts(Kind.MESSAGE_SENT)} == set(sent)


@settings(deadline=None, max_examples=40)
@given(SENDS)
def test_with_people_who_answer_at_once_a_question_goes_unanswered_only_if_nothing_reached_anybody(sends: list[str]) -> None:
    world = World(sends, ["once"] * 8)

    status = world.hold()

    used = sends[len(world.sends) :]
    assert (status == "ok") == ("arrives" in used)
    assert status == "ok" or len(used) == EVERY_WAY  # every number and mailbox of all three was tried
