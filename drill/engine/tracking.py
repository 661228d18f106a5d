"""Looks after texts on their way: asks what became of each, writes that down, and says which letters must go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from drill.engine.people import People
from drill.engine.record import Recorder
from drill.engine.trips import Text
from drill.model.events import Fact, Kind
from drill.model.ports import Messenger, OutboundMessage
from drill.model.ports_people import Arrival, Setback, Tracer

LATE_S: Final = 90.0
"""After this a text that did not arrive may be sent again: within a minute carriers drop it as a repetition."""
_LATE: Final = "+late"
_ENDS: Final = frozenset({"delivered", "failed"})


@dataclass(frozen=True)
class OnItsWay:
    """A text that was taken, and its letter."""

    text: Text
    letter: str


Lost = Callable[[OnItsWay, str], Callable[[], None] | None]
"""Told of a text that did not arrive and why, before that is written down; what it returns is done after."""


class Tracker:
    """The texts of one drill that were taken and have not arrived. Safe for threads."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._rows: dict[str, OnItsWay] = {}
        self._resting: dict[str, OnItsWay] = {}
        """Those that did not arrive, and may later."""
        self._lock = threading.Lock()

    def watch(self, text: Text, letter: str) -> None:
        """Look after a text that was taken."""
        with self._lock:
            self._rows.setdefault(text.message.id, OnItsWay(text, letter))
        if self.fate(text.message.id) is not None:
            with self._lock:
                self._rows.pop(text.message.id, None)

    def failed(self, message: str) -> bool:
        """Whether it is known not to have arrived."""
        fact = self.fate(message)
        return fact is not None and fact.data["state"] == "failed"

    def fate(self, message: str) -> Fact | None:
        """What was written down of its end."""
        return self._recorder.journal.find(self._recorder.drill, f"delivered/{message}")

    def pick_up(self, people: People, messengers: Mapping[str, Messenger]) -> None:
        """Look after the texts that an earlier life of the engine had sent and not seen arrive."""
        for fact in self._facts(Kind.MESSAGE_SENT):
            text = _again(fact, people, messengers)
            if text is None:
                continue
            row, end = OnItsWay(text, str(fact.data.get("letter", ""))), self.fate(text.message.id)
            if end is None:
                self.watch(text, row.letter)
            elif end.data["state"] == "failed":
                self._rest(row, str(end.data.get("code", "")))

    def channels(self) -> set[str]:
        """The channels that have texts on their way."""
        with self._lock:
            return {row.text.messenger.channel for row in self._rows.values()}

    # ------------------------------------------------------------ what became of them

    def look(self, channel: str, lost: Lost) -> None:
        """Ask about every text of a channel; `lost` is told of those that did not arrive."""
        with self._lock:
            rows = [(name, row) for name, row in self._rows.items() if row.text.messenger.channel == channel]
        for message_id, row in rows:
            arrival = _trace(row.text)
            if arrival.state in _ENDS:
                self._end(message_id, row, arrival, lost)

    def told(self, message_id: str, arrival: Arrival, lost: Lost) -> None:
        """The carrier told by itself what became of a text; one that is not looked after here is somebody else's."""
        with self._lock:
            row = self._rows.get(message_id)
        if row is not None and arrival.state in _ENDS:
            self._end(message_id, row, arrival, lost)

    def _end(self, message_id: str, row: OnItsWay, arrival: Arrival, lost: Lost) -> None:
        goes_on = lost(row, arrival.code) if arrival.state == "failed" else None
        about = {"message": message_id, "contact": row.text.message.contact, "channel": row.text.messenger.channel}
        self._recorder.say(Kind.MESSAGE_DELIVERED, f"delivered/{message_id}", **about, state=arrival.state, code=arrival.code)
        with self._lock:
            self._rows.pop(message_id, None)
        if arrival.state == "failed":
            self._rest(row, arrival.code)
        if goes_on is not None:
            goes_on()

    # ------------------------------------------------------------ late tries

    def _rest(self, row: OnItsWay, code: str) -> None:
        if not row.text.message.id.endswith(_LATE) and setback_of(row.text, code).again:
            with self._lock:
                self._resting[row.text.message.id] = row

    def due(self) -> list[OnItsWay]:
        """The texts that did not arrive, whose late try is due; they stay due until they are `settled`."""
        with self._lock:
            rows = list(self._resting.values())
        return [row for row in rows if self._is_late(row.text.message.id)]

    def settled(self, row: OnItsWay) -> None:
        """Its late try is begun, or not wanted."""
        with self._lock:
            self._resting.pop(row.text.message.id, None)

    def late_tries(self, texts: list[Text]) -> Iterator[Text]:
        """Of each text that did not arrive and may by now, the same once more."""
        for text in texts:
            end = self.fate(text.message.id)
            failed = end is not None and end.data["state"] == "failed" and self._is_late(text.message.id)
            if end is not None and failed and setback_of(text, str(end.data.get("code", ""))).again:
                yield replace(text, message=replace(text.message, id=f"{text.message.id}{_LATE}"))

    def _is_late(self, message: str) -> bool:
        end = self.fate(message)
        return end is not None and self._recorder.clock.now() - end.at >= timedelta(seconds=LATE_S)

    def _facts(self, kind: Kind) -> list[Fact]:
        return self._recorder.journal.read(self._recorder.drill, kinds=frozenset({kind}))


def setback_of(text: Text, code: str) -> Setback:
    """What it means that a text did not arrive, as far as its messenger says."""
    return text.messenger.setback(text.message, code) if isinstance(text.messenger, Tracer) else Setback()


def _trace(text: Text) -> Arrival:
    messenger = text.messenger
    return messenger.trace(text.message) if isinstance(messenger, Tracer) else Arrival(messenger.look_up(text.message))


def _again(fact: Fact, people: People, messengers: Mapping[str, Messenger]) -> Text | None:
    """The text of a fact as far as a look-up needs it; nothing when it was not taken, or cannot be looked up here."""
    message_id, channel = fact.data["message"], fact.data["channel"]
    messenger = messengers.get(channel)
    if fact.data["state"] != "accepted" or messenger is None:
        return None
    person = people.plan.contact(fact.data["contact"])
    addresses, number = people.addresses(person, channel), int(message_id.removesuffix(_LATE).rpartition(":")[2])
    if number >= len(addresses):
        return None
    message = OutboundMessage(message_id, person.id, addresses[number], person.language, fact.data["purpose"])
    return Text(messenger, message, {"gate": fact.data["gate"]})
