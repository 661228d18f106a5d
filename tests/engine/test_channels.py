"""Several channels: over the next when one fails, all at once when asked to, and nobody told twice for one reason without need."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drill.engine.notify import Notifier
from drill.model.acknowledgement import Judgement
from drill.model.channel_order import Outcome
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import OutboundMessage, SendResult
from tests.engine.drilling import NUMBERS, Died, DyingJournal, Stage, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

REFUSED = SendResult("rejected", "fake", code="no")
LOST = SendResult("in_doubt", "fake", code="no-answer", traceable=False)
MAIL = Channel(id="email", kind="smtp", host="mail", port=587, sender="drill@example.com")
CHAT = Channel(id="chat", kind="dingtalk", url="secret:CHAT")
GATE = gate_of("a", destructive=True)
Order = Literal["fall-over", "parallel"]


def plan(*channels: str, order: Order = "fall-over") -> Plan:
    told = phase_of("b", notify=("lead",))
    made = plan_of(phase_of("a", step_of("a.x"), gate="a"), told, phase_of("c", notify=("lead",)), gates=(GATE,))
    lead = made.contact("lead").model_copy(update={"channels": channels, "email": ("secret:LEAD_MAIL",)})
    messages = Messages(order=order, channels=(MAIL, CHAT))
    return made.model_copy(update={"contacts": (lead, *made.contacts[1:]), "messages": messages})


class Post:
    """A notifier with three channels in one life of the engine."""

    def __init__(self, made: Plan, *, drill: Stage | None = None, by_channel: dict[str, FakeMessenger] | None = None) -> None:
        self.drill = drill or Stage(made)
        self.drill.secrets.values["LEAD_MAIL"] = "lead@example.com"
        self.channels = by_channel or {name: FakeMessenger(channel=name) for name in ("sms", "email", "chat")}
        self.notifier = Notifier(self.drill.recorder, self.drill.people, self.channels)

    def next_life(self) -> Post:
        return Post(self.drill.plan, drill=self.drill.next_life(), by_channel=self.channels)

    def script(self, channel: str, *results: SendResult) -> None:
        self.channels[channel] = FakeMessenger(*results, channel=channel)
        self.notifier = Notifier(self.drill.recorder, self.drill.people, self.channels)

    def ask(self) -> bool:
        deadline = self.drill.clock.now().isoformat()
        opened: dict[str, Any] = {"gate": "a", "phases": ["a"], "contacts": ["lead"], "deadline": deadline, "within_s": 60}
        self.drill.recorder.say(Kind.ACKNOWLEDGEMENT_REQUESTED, "a/requested", **opened)
        return self.notifier.ask(GATE, "lead", escalated=False)

    def tell(self, phase: str = "b") -> None:
        self.notifier.tell(self.drill.plan.phase(phase), took_s=1.0)

    def sent(self) -> list[tuple[str, str]]:
        return [(fact.data["channel"], fact.data["state"]) for fact in self.drill.facts(Kind.MESSAGE_SENT)]

    def addresses(self, channel: str) -> list[str]:
        return [message.address for message in self.channels[channel].sent]


def test_the_next_channel_is_tried_when_every_number_refuses() -> None:
    post = Post(plan("sms", "email"))
    post.script("sms", REFUSED, REFUSED)

    post.tell()

    assert post.sent() == [("sms", "rejected"), ("sms", "rejected"), ("email", "accepted")]
    assert post.addresses("email") == ["lead@example.com"]


def test_the_first_channel_that_takes_it_is_enough() -> None:
    post = Post(plan("email", "sms", "chat"))

    post.tell()

    assert post.sent() == [("email", "accepted")]


def test_a_send_nobody_can_look_up_is_not_repeated_and_the_next_goes_at_once() -> None:
    post = Post(plan("sms", "email"))
    post.script("sms", LOST)
    before_s = post.drill.clock.at_s

    assert post.ask()

    assert post.drill.clock.at_s == before_s
    assert post.sent() == [("sms", "in_doubt"), ("sms", "accepted")]
    assert post.addresses("sms") == [NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]]


def test_in_parallel_each_channel_takes_it_once() -> None:
    post = Post(plan("sms", "email", "chat", order="parallel"))
    post.script("sms", REFUSED)

    post.tell()
    post.tell()

    assert sorted(post.sent()) == [("chat", "accepted"), ("email", "accepted"), ("sms", "accepted"), ("sms", "rejected")]


def test_one_transaction_runs_over_all_channels() -> None:
    post = Post(plan("sms", "email", order="parallel"))

    post.tell()

    assert {fact.data["transaction"] for fact in post.drill.facts(Kind.MESSAGE_SENT)} == {"drill-1:status/b:lead"}


def test_the_result_says_where_the_report_is() -> None:
    post = Post(plan("email"))
    outcome = {"outcome": "met", "rta": "3s", "rpa": "0s", "digest": "abc"}

    post.notifier.announce("result", "end", {"en": outcome, "zh": outcome}, place="reports/drill-1/index.html")

    assert [message.place for message in post.channels["email"].sent] == ["reports/drill-1/index.html"]


def test_a_group_is_told_of_a_question_but_does_not_take_the_place_of_asking() -> None:
    post = Post(plan("chat", "sms"))

    assert post.ask()

    assert post.sent() == [("chat", "accepted"), ("sms", "accepted")]


def test_a_question_that_only_a_group_heard_reached_nobody() -> None:
    assert not Post(plan("chat")).ask()


def test_a_text_that_does_not_arrive_goes_over_the_next_channel_once() -> None:
    post = Post(plan("sms", "email"))
    post.tell()
    post.channels["sms"].fates["drill-1:status/b:lead:sms:0"] = "failed"

    for _ in range(3):
        post.notifier.look_after()

    assert post.sent() == [("sms", "accepted"), ("sms", "accepted")]
    assert post.addresses("sms") == [NUMBERS["LEAD_PHONE"], NUMBERS["LEAD_PHONE_2"]]
    assert [fact.data["state"] for fact in post.drill.facts(Kind.MESSAGE_DELIVERED)] == ["failed", "delivered"]


def test_a_question_that_does_not_arrive_is_not_asked_again_once_its_gate_is_closed() -> None:
    post = Post(plan("sms", "email"))
    post.ask()
    post.channels["sms"].fates["drill-1:gate/a:lead:sms:0"] = "failed"
    judged: Judgement = post.drill.says("lead", f"1 {post.drill.code('a', 'lead')}")
    post.drill.recorder.say(Kind.ACKNOWLEDGED, "a/acknowledged", gate="a", contacts=["lead"], channel="sms")

    post.notifier.look_after()

    assert judged.counted
    assert post.sent() == [("sms", "accepted")]


def test_a_text_that_did_not_arrive_while_the_engine_was_dead_is_asked_over_the_next_by_the_next_life() -> None:
    post = Post(plan("sms", "email"))
    post.ask()
    post.channels["sms"].fates["drill-1:gate/a:lead:sms:0"] = "failed"
    second = post.next_life()
    second.notifier.recall(GATE, "lead", escalated=False)

    second.notifier.look_after()

    assert second.sent() == [("sms", "accepted"), ("sms", "accepted")]


def test_a_channel_that_failed_twice_in_a_row_is_tried_last() -> None:
    post = Post(plan("sms", "email"))
    post.script("sms", REFUSED, REFUSED)

    post.tell("b")
    post.tell("c")

    assert post.sent()[3:] == [("email", "accepted")]


def test_what_earlier_drills_saw_of_a_channel_counts_too() -> None:
    post = Post(plan("sms", "email"))
    failed = Outcome("lead", "sms", reached=False)
    post.notifier = Notifier(post.drill.recorder, post.drill.people, post.channels, past=[failed, failed])

    post.tell("b")

    assert post.sent() == [("email", "accepted")]


def test_a_crash_after_the_order_changed_does_not_tell_a_person_again() -> None:
    made = plan("sms", "email")
    drill = Stage(made, DyingJournal(Kind.MESSAGE_DELIVERED))
    post = Post(made, drill=drill)
    post.script("sms", REFUSED, REFUSED)
    post.tell("b")
    with pytest.raises(Died):
        post.notifier.look_after()

    post.next_life().tell("b")

    assert len(post.channels["email"].sent) == 1


Fate = Literal["arrives", "refused", "lost", "undelivered"]
FATES: st.SearchStrategy[Fate] = st.sampled_from(["arrives"] * 7 + ["refused", "lost", "undelivered"])


class Unreliable(FakeMessenger):
    """A channel whose sends fail as they are drawn: 3 of 10."""

    def __init__(self, channel: str, drawn: list[Fate]) -> None:
        super().__init__(channel=channel)
        self._drawn = drawn
        self.arrived: list[OutboundMessage] = []

    def send(self, message: OutboundMessage) -> SendResult:
        fate = self._drawn.pop()
        if fate in {"refused", "lost"}:
            self.sent.append(message)
            return REFUSED if fate == "refused" else LOST
        result = super().send(message)
        self.fates[message.id] = "failed" if fate == "undelivered" else "delivered"
        if fate == "arrives":
            self.arrived.append(message)
        return result


@settings(deadline=None, max_examples=60)
@given(st.tuples(*[st.lists(FATES, min_size=16, max_size=16)] * 3), st.sampled_from(["fall-over", "parallel"]))
def test_with_three_sends_in_ten_failing_everyone_is_told_and_nobody_twice_for_the_same_reason(
    fates: tuple[list[Fate], ...], order: Order
) -> None:
    made = plan("sms", "email", "chat", order=order)
    told = tuple(phase_of(f"p{number}", notify=("lead", "oncall")) for number in range(4))
    channels: dict[str, Any] = {name: Unreliable(name, drawn) for name, drawn in zip(("sms", "email", "chat"), fates, strict=True)}
    post = Post(made.model_copy(update={"phases": (*made.phases, *told)}), by_channel=channels)

    for phase in told:
        post.tell(phase.id)
        post.tell(phase.id)
        for _ in range(4):
            post.notifier.look_after()

    sent = [message.id for channel in channels.values() for message in channel.sent]
    arrived = [message.id.rsplit(":", 2)[0] for channel in channels.values() for message in channel.arrived]
    assert len(sent) == len(set(sent))
    for phase in told:
        reason = f"drill-1:status/{phase.id}:lead"
        tried = [message_id for message_id in sent if message_id.startswith(f"{reason}:")]
        assert reason in arrived or len(tried) == 4
        assert order == "parallel" or arrived.count(reason) <= 1
    assert len(post.drill.facts(Kind.MESSAGE_SENT)) == len(sent)
