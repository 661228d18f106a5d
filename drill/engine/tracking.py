"""Looks after texts on their way: asks what became of each, writes arrivals down, and says which letters must go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drill.engine.people import People
from drill.engine.record import Recorder
from drill.engine.trips import Text
from drill.model.events import Fact, Kind
from drill.model.ports import Messenger, OutboundMessage


@dataclass(frozen=True)
class _OnItsWay:
    text: Text
    letter: str


class Tracker:
    """The texts of one drill that were taken and have not arrived. Safe for threads."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._rows: dict[str, _OnItsWay] = {}
        self._lock = threading.Lock()

    def watch(self, text: Text, letter: str) -> None:
        """Look after a text that was taken."""
        if self._arrival(text.message.id) is None:
            with self._lock:
                self._rows.setdefault(text.message.id, _OnItsWay(text, letter))

    def failed(self, message: str) -> bool:
        """Whether it is known not to have arrived."""
        fact = self._arrival(message)
        return fact is not None and fact.data["state"] == "failed"

    def pick_up(self, people: People, messengers: Mapping[str, Messenger]) -> None:
        """Look after the texts that an earlier life of the engine had sent and not seen arrive."""
        for fact in self._facts(Kind.MESSAGE_SENT):
            text = _again(fact, people, messengers)
            if text is not None:
                self.watch(text, str(fact.data.get("letter", "")))

    def channels(self) -> set[str]:
        """The channels that have texts on their way."""
        with self._lock:
            return {row.text.messenger.channel for row in self._rows.values()}

    def look(self, channel: str, lost: Callable[[str], object]) -> None:
        """Ask about every text of a channel; `lost` is told the letters of those that did not arrive, before that is written down."""
        with self._lock:
            rows = [(name, row) for name, row in self._rows.items() if row.text.messenger.channel == channel]
        for message_id, row in rows:
            state = row.text.messenger.look_up(row.text.message)
            if state not in {"delivered", "failed"}:
                continue
            goes_on = lost(row.letter) if state == "failed" else None
            arrived = {"message": message_id, "contact": row.text.message.contact, "channel": channel, "state": state}
            self._recorder.say(Kind.MESSAGE_DELIVERED, f"delivered/{message_id}", **arrived)
            with self._lock:
                self._rows.pop(message_id, None)
            if callable(goes_on):
                goes_on()

    def _arrival(self, message: str) -> Fact | None:
        return self._recorder.journal.find(self._recorder.drill, f"delivered/{message}")

    def _facts(self, kind: Kind) -> list[Fact]:
        return self._recorder.journal.read(self._recorder.drill, kinds=frozenset({kind}))


def _again(fact: Fact, people: People, messengers: Mapping[str, Messenger]) -> Text | None:
    """The text of a fact as far as a look-up needs it; nothing when it was not taken, or cannot be looked up here."""
    message_id, channel = fact.data["message"], fact.data["channel"]
    messenger = messengers.get(channel)
    if fact.data["state"] != "accepted" or messenger is None:
        return None
    person = people.plan.contact(fact.data["contact"])
    addresses, number = people.addresses(person, channel), int(message_id.rpartition(":")[2])
    if number >= len(addresses):
        return None
    message = OutboundMessage(message_id, person.id, addresses[number], person.language, fact.data["purpose"])
    return Text(messenger, message, {"gate": fact.data["gate"]})
