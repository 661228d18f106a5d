"""With 30 % of sends failing and 30 % of answers doubled or 16 minutes late, a drill still tells and asks everybody, and nobody twice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from drill.engine.desk import Desk
from drill.engine.gate import GateKeeper
from drill.engine.notify import Notifier
from drill.engine.trips import Office
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Channel, Messages
from drill.model.ports import InboundMessage, OutboundMessage, SendResult
from drill.model.ports_people import Way
from drill.model.summarize import summarize
from tests.engine.drilling import NUMBERS, Stage, StageClock, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeMessenger

LATE_S: Final = 16 * 60.0
MAIL = Channel(id="email", kind="smtp", host="mail", port=587, sender="drill@example.com")
PHASES: Final = 8
WITHIN_S: Final = 45 * 60.0


def plan() -> Plan:
    """Eight phases: every other asks, the rest tells; three persons, each with a number and a mailbox."""
    gates = tuple(gate_of(f"p{n}", ask=("lead",), then=("oncall", "manager"), within_s=WITHIN_S) for n in range(0, PHASES, 2))
    asking = [phase_of(f"p{n}", step_of(f"p{n}.x"), gate=f"p{n}") for n in range(0, PHASES, 2)]
    telling = [phase_of(f"p{n}", step_of(f"p{n}.x"), notify=("lead", "oncall", "manager")) for n in range(1, PHASES, 2)]
    made = plan_of(*asking, *telling, gates=gates)
    people = tuple(row.model_copy(update={"channels": ("sms", "email"), "email": (f"secret:{row.id}_MAIL",)}) for row in made.contacts)
    return made.model_copy(update={"contacts": people, "messages": Messages(channels=(MAIL,))})


@dataclass
class Weather:
    """What befalls one drill, by its seed."""

    chance: random.Random
    fails: float = 0.3
    astray: float = 0.3

    def send(self) -> str:
        kinds = ["refused", "busy", "silent", "undelivered"]
        return self.chance.choice(kinds) if self.chance.random() < self.fails else "fine"

    def answer(self) -> str:
        return self.chance.choice(["doubled", "late"]) if self.chance.random() < self.astray else "fine"


class Carrier(FakeMessenger):
    """A provider in this weather. `arrived` is what people have read; `traceable` providers know what they took."""

    def __init__(self, channel: str, weather: Weather, read: Any, *, traceable: bool) -> None:
        super().__init__(channel=channel)
        self._weather = weather
        self._read = read
        self._traceable = traceable
        self.arrived: list[OutboundMessage] = []
        self.loses: set[str] = set()
        """Messages that do not arrive, whatever the weather."""

    def way(self, message: OutboundMessage) -> Way:
        return Way(self.channel, traceable=self._traceable)

    def send(self, message: OutboundMessage) -> SendResult:
        befalls = "undelivered" if message.id in self.loses else self._weather.send()
        self.sent.append(message)
        if befalls == "refused":
            return SendResult("rejected", "fake", code="no")
        if befalls == "busy":
            return SendResult("rejected", "fake", code="busy", retryable=True)
        self.fates[message.id] = "failed" if befalls == "undelivered" else "delivered"
        if befalls != "undelivered":
            self.arrived.append(message)
            self._read(message)
        if befalls == "silent":
            return SendResult("in_doubt", "fake", code="no-answer", traceable=self._traceable)
        return SendResult("accepted", "fake", code="OK", traceable=self._traceable)


class Striding(StageClock):
    """Fake time in which whoever polls looks every two seconds: 45 minutes are long in steps of 50 ms."""

    def sleep(self, seconds: float) -> None:
        super().sleep(max(seconds, 2.0) if seconds < 0.1 else seconds)


@dataclass
class Drill:
    """One drill in bad weather, with people who answer what they read after 40 seconds."""

    seed: int
    drill: Stage = field(default_factory=lambda: Stage(plan(), clock=Striding()))

    def __post_init__(self) -> None:
        self.weather = Weather(random.Random(self.seed))
        for contact in self.drill.plan.contacts:
            self.drill.secrets.values[f"{contact.id}_MAIL"] = f"{contact.id}@example.com"
        self.sms = Carrier("sms", self.weather, self._read, traceable=True)
        self.mail = Carrier("email", self.weather, self._read, traceable=False)
        office = Office(chance=self.weather.chance.random)
        self.notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.sms, "email": self.mail}, office=office)
        self.desk = Desk(self.drill.recorder, self.drill.people)
        self.answers = 0
        body = self.drill.plan.model_dump(mode="json")
        self.drill.recorder.say(Kind.DRILL_PLANNED, "planned", plan=body, plan_digest=self.drill.plan.digest(), started_by="sre")
        self.drill.recorder.say(Kind.DRILL_STARTED, "started")

    def _read(self, message: OutboundMessage) -> None:
        if "code" not in message.variables or (message.purpose == "gate" and self.weather.chance.random() < 0.1):
            return  # nothing to answer, or a person who overlooks it
        self.answers += 1
        number = self.drill.secrets.values[{"lead": "LEAD_PHONE", "oncall": "ONCALL_PHONE", "manager": "MANAGER_PHONE"}[message.contact]]
        answer = InboundMessage(f"in-{self.answers}", number, f"1 {message.variables['code']}", None, "")
        befalls = self.weather.answer()
        for _ in range(2 if befalls == "doubled" else 1):
            self.drill.clock.after(40.0 + (LATE_S if befalls == "late" else 0.0), lambda: self.desk.take_message(answer))

    def play(self) -> None:
        keeper = GateKeeper(self.drill.recorder, self.notifier, checks=lambda: True)
        self.ended = {}
        for phase in self.drill.plan.phases:
            self.drill.recorder.say(Kind.PHASE_OPENED, f"{phase.id}/opened", phase=phase.id)
            self.look_now_and_then()
            if phase.gate:
                self.ended[phase.gate] = keeper.hold(self.drill.plan.gate(phase.gate))["status"]
            else:
                self.notifier.tell(phase, took_s=1.0)
        for _ in range(6):
            self.notifier.look_after()

    def look_now_and_then(self) -> None:
        for second in range(5, int(WITHIN_S), 60):
            self.drill.clock.after(float(second), self.notifier.look_after)

    def facts(self, kind: Kind) -> list[dict[str, Any]]:
        return [dict(fact.data) for fact in self.drill.facts(kind)]


def check(seed: int) -> Counter[str]:
    """Play one and hold it to every promise; what befell it."""
    weather = Drill(seed)
    weather.play()

    everything = [*weather.sms.arrived, *weather.mail.arrived]
    read = Counter((message.id.rsplit(":", 2)[0], message.contact, message.id.rsplit(":", 2)[1]) for message in everything)
    assert max(read.values()) == 1, f"seed {seed}: a text came twice over one channel for one reason"

    written = {row["message"]: row for row in weather.facts(Kind.MESSAGE_SENT)}
    assert {message.id for message in (*weather.sms.sent, *weather.mail.sent)} == set(written), f"seed {seed}: an attempt is not recorded"
    tries = Counter(message.id for message in (*weather.sms.sent, *weather.mail.sent))
    assert all(len(written[name]["tries"]) == count for name, count in tries.items()), f"seed {seed}: a try is not shown"

    told = {(row["gate"] or row["phase"]) for name, row in written.items() if name in {message.id for message in everything}}
    lost = [phase.id for phase in weather.drill.plan.phases if phase.id not in told]
    assert not lost, f"seed {seed}: nobody knows of {lost}"
    assert set(weather.ended.values()) == {"ok"}, f"seed {seed}: {weather.ended}"

    doubt = {row["message"] for row in written.values() if row["state"] == "in_doubt"}
    for (reason, contact), channels in _by_reason(everything).items():
        assert len(channels) == 1 or any(name.startswith(f"{reason}:") for name in doubt), f"seed {seed}: {contact} told twice ({reason})"

    report = summarize(weather.drill.facts(), version="1")
    assert {row.id: len(row.tries) for row in report.messages} == dict(tries)
    return Counter(row["state"] for row in written.values()) + Counter(row["reason"] for row in weather.facts(Kind.REPLY_REJECTED))


def _by_reason(messages: list[OutboundMessage]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for message in messages:
        reason, channel, _ = message.id.rsplit(":", 2)
        found.setdefault((reason, message.contact), []).append(channel)
    return found


def test_in_bad_weather_every_phase_is_told_and_answered_and_nobody_is_told_twice() -> None:
    seen: Counter[str] = Counter()
    for seed in range(100):
        seen += check(seed)

    assert seen["rejected"]
    assert seen["in_doubt"]
    assert seen["duplicate"] or seen["closed"] or seen["late"], seen


@pytest.mark.sweep
def test_in_all_sorts_of_bad_weather_every_phase_is_told_and_answered() -> None:
    for seed in range(100, 1000):
        check(seed)


def test_the_numbers_of_the_test_are_fictional() -> None:
    assert all(number.startswith("1390000") for number in NUMBERS.values())


def test_a_person_no_way_reaches_is_not_waited_for() -> None:
    weather = Drill(1)
    weather.weather.fails = weather.weather.astray = 0.0
    gate = weather.drill.plan.gate("p0")
    first = {f"drill-1:gate/p0:lead:{way}" for way in ("sms:0", "sms:1", "email:0")}
    weather.sms.loses = weather.mail.loses = first
    weather.look_now_and_then()

    ended = GateKeeper(weather.drill.recorder, weather.notifier, checks=lambda: True).hold(gate)

    (escalated,) = weather.drill.facts(Kind.ESCALATED)
    assert ended == {"status": "ok"}
    assert (escalated.data["to"], escalated.data["why"]) == ("oncall", "the message did not arrive")
    assert escalated.mono_s - 1000.0 < WITHIN_S / 6
