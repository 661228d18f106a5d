"""Takes answers in: from the carrier's queue and from the command line, judged by the same rules, stored before they are let go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from drill.engine.catching_up import CatchUp
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.acknowledgement import Judgement, judge
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Draft, Fact, Kind, stamp
from drill.model.ports import InboundMessage, ReplySource
from drill.model.ports_people import CALL
from drill.model.replies import Reply, parse

STATUSES_TOLD = 5
"""So often a person who asks is answered in one drill: a number takes only so many texts."""
_QUESTIONS = frozenset({"help", "status"})
_WAIT_S = 1.0
_LONGEST_REST_S = 30.0


class Desk:
    """Judges the answers of one drill. `on_asked` answers a contact who asks how it goes, given the id of their message.

    `catch_up` says when an answer counts as given; without it, and for what did not come from a carrier, that is now.
    """

    def __init__(
        self,
        recorder: Recorder,
        people: People,
        *,
        on_asked: Callable[[str, str], object] = lambda _contact, _id: None,
        catch_up: CatchUp | None = None,
    ) -> None:
        self._recorder = recorder
        self._people = people
        self._on_asked = on_asked
        self._catch_up = catch_up or CatchUp(recorder.clock, resumed=False)

    def take_message(self, message: InboundMessage) -> Judgement:
        """Judge a text that came in from a number, or keys pressed in a call."""
        reply, contact, channel = self._heard(message)
        return self.take(
            reply,
            contact=contact,
            channel=channel,
            message_id=message.id,
            sent_at=message.sent_at,
            automatic=message.automatic,
            as_of=self._catch_up.as_of(message),
        )

    def weigh(self, message: InboundMessage) -> Judgement:
        """What a text would do; writes nothing."""
        reply, contact, _ = self._heard(message)
        return self._judge(reply, contact, message.sent_at, self._catch_up.as_of(message))

    def contact_of(self, message: InboundMessage) -> str | None:
        """Who sent it; nothing for a stranger."""
        return self._heard(message)[1]

    def _heard(self, message: InboundMessage) -> tuple[Reply, str | None, str]:
        """What was said, by whom, over which channel. The call's id stands for the code: only who was called for that gate has it.

        Not at a destructive gate, whose code nobody but a reader of its text knows.
        """
        reply = parse(message.text)
        if not message.address.startswith(CALL):
            return reply, self._people.contact_of(message.address), "sms"
        call = self._called(message.address.removeprefix(CALL))
        if call is None:
            return reply, None, "voice"
        gate, contact = self._people.plan.gate(call.data["gate"]), str(call.data["contact"])
        if reply.code is None and not gate.destructive:
            reply = replace(reply, code=self._people.code(gate, contact))
        return reply, contact, str(call.data["channel"])

    def _called(self, call_id: str) -> Fact | None:
        sent = self._recorder.journal.read(self._recorder.drill, kinds=frozenset({Kind.MESSAGE_SENT}))
        return next((fact for fact in sent if call_id and fact.data["provider_id"] == call_id and fact.data["gate"]), None)

    def take(
        self,
        reply: Reply,
        *,
        contact: str | None,
        channel: str,
        message_id: str,
        sent_at: datetime | None = None,
        automatic: bool = False,
        as_of: datetime | None = None,
    ) -> Judgement:
        """Judge an answer and write down what it does; the same message twice changes nothing.

        `automatic`: no person gave it; `as_of`: when it counts as given, else now.
        """
        key = f"reply/{message_id}"
        judgement = self._judge(reply, contact, sent_at, as_of or self._recorder.clock.now())
        if self._recorder.journal.find(self._recorder.drill, key) is None:
            if contact and reply.verb in _QUESTIONS and self._asked(contact) < STATUSES_TOLD:
                self._on_asked(contact, message_id)
            said = {"provider_sent_at": stamp(sent_at) if sent_at else None, "contact": contact, "channel": channel, "auto": automatic}
            self._recorder.say_all(self._facts(reply, judgement, key, said))
        return judgement

    def _asked(self, contact: str) -> int:
        """How often a person has asked how the drill goes."""
        facts = self._recorder.journal.read(self._recorder.drill, kinds=frozenset({Kind.REPLY_REJECTED}))
        return sum(fact.data["contact"] == contact and fact.data.get("verb") in _QUESTIONS for fact in facts)

    def _judge(self, reply: Reply, contact: str | None, sent_at: datetime | None, as_of: datetime) -> Judgement:
        gates = self._recorder.look(self._people.questions)
        return judge(reply, contact=contact, open_gates=gates, now=as_of, sent_at=sent_at)

    def _facts(self, reply: Reply, judgement: Judgement, key: str, said: Mapping[str, Any]) -> list[Draft]:
        """What an answer does, gate by gate; one that stops the drill stops it once."""
        contact, channel = said["contact"], said["channel"]
        by = f"person:{contact}" if contact else "stranger"
        facts: list[Draft] = []
        for number, one in enumerate(judgement.each()):
            facts += self._facts_at(reply, one, f"{key}/{one.gate}" if number else key, by, {**said, "gate": one.gate})
        if judgement.counted and judgement.outcome != "confirm":
            gates = " and ".join(str(one.gate) for one in judgement.each() if one.counted)
            reason = f"{contact} said {'no' if judgement.outcome == 'decline' else 'abort'} to {gates}"
            facts.append(self._recorder.draft(Kind.ABORT_REQUESTED, f"abort/{key}", by=by, reason=reason, channel=channel))
        return facts

    def _facts_at(self, reply: Reply, judgement: Judgement, key: str, by: str, carried: Mapping[str, Any]) -> list[Draft]:
        if not judgement.counted:
            extra = {"reason": judgement.reason, "charged": list(judgement.charged), "given_in_time": judgement.given_in_time}
            return [self._recorder.draft(Kind.REPLY_REJECTED, key, by=by, verb=reply.verb, **extra, **carried)]
        verbs = {"confirm": "confirm", "decline": "reject", "abort": "abort"}
        facts = [self._recorder.draft(Kind.REPLY_RECEIVED, key, by=by, verb=verbs[judgement.outcome], **carried)]
        if judgement.outcome == "decline":
            declined = {name: carried[name] for name in ("gate", "contact", "channel")}
            facts.append(self._recorder.draft(Kind.DECLINED, f"{judgement.gate}/declined", by=by, **declined))
        return facts


class Taker(Protocol):
    """Whatever deals with one message at a time."""

    def take_message(self, message: InboundMessage) -> object:
        """Deal with it. Raises: JournalBroken: it cannot be stored, so its source must keep it."""


class DeskClerk:
    """A thread that empties a reply source into the desk, and has the postman look after deliveries.

    While the record's store is away it waits for it, for as long as the drill lives: an answer stays in its queue until it is stored.
    It ends when the record is another engine's or needs a person, and says so to `on_end`, which must not need the record.
    `on_empty` hears that the source had nothing more.
    """

    def __init__(
        self,
        desk: Taker,
        source: ReplySource,
        *,
        on_tick: Callable[[], None],
        on_trouble: Callable[[DrillError], None],
        on_end: Callable[[JournalBroken], None],
        on_empty: Callable[[], None] = lambda: None,
        rest_s: float = 1.0,
    ) -> None:
        self._desk = desk
        self._source = source
        self._on_tick = on_tick
        self._on_trouble = on_trouble
        self._on_end = on_end
        self._on_empty = on_empty
        self._rest_s = rest_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; waits for the answer in hand."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        away = 0
        while not self._stop.is_set():
            try:
                self._turn()
                away = 0
            except JournalBroken as error:
                if not error.transient:
                    self._on_end(error)
                    return
                away += 1
                self._stop.wait(min(self._rest_s * 2 ** min(away - 1, 10), _LONGEST_REST_S))

    def _turn(self) -> None:
        """Take in what has come. Raises: JournalBroken: the record takes nothing, not even that there was trouble."""
        try:
            messages = self._source.receive(_WAIT_S)
            for message in messages:
                self._desk.take_message(message)
                self._source.done(message)
            if not messages:
                self._on_empty()
            self._on_tick()
        except JournalBroken:
            raise
        except DrillError as error:
            self._rest_after(error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not leave people's answers unread; it becomes a finding
            self._rest_after(DrillError(f"an answer could not be taken in: {type(error).__name__}: {error}", code="D902"))

    def _rest_after(self, error: DrillError) -> None:
        self._on_trouble(error)
        self._stop.wait(self._rest_s)
