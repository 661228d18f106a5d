"""Carries the drill's texts: each once per reason and person, over the next number or channel when one fails, looked up when in doubt."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.events import Fact, Kind
from drill.model.ports import Messenger, OutboundMessage, SendResult

_LOOK_UP_TRIES = 5
_LOOK_UP_REST_S = 1.0
_RETRY_REST_S = 1.0


@dataclass(frozen=True)
class Text:
    """One message on its channel; `about` is what its fact tells. Not `enough`: it tells, but gives no way to answer."""

    messenger: Messenger
    message: OutboundMessage
    about: Mapping[str, Any]
    enough: bool = True


@dataclass(frozen=True)
class _OnItsWay:
    """A text that was taken and has not arrived, and what is sent in its place when it does not."""

    text: Text
    instead: Sequence[Text]


class Posting:
    """The texts of one drill on their way. Safe for threads."""

    def __init__(self, recorder: Recorder, people: People, messengers: Mapping[str, Messenger], *, parallel: bool = False) -> None:
        self._recorder = recorder
        self._people = people
        self._messengers = messengers
        self._parallel = parallel
        self._on_their_way: dict[str, _OnItsWay] = {}
        self._picked_up = False
        self._lock = threading.Lock()

    def reach(self, texts: Sequence[Text], *, send: bool = True) -> bool:
        """Get one reason to one person, best text first: the first that is taken is enough; in parallel, the first of every channel.

        What an earlier life of the engine had tried comes before what it had not. True when a text was taken that lets them answer.
        """
        if not self._parallel:
            return self._chain(self._tried_first(texts), send=send)
        chains = [list(rows) for _, rows in groupby(texts, key=lambda text: text.messenger.channel)]
        if len(chains) < 2:
            return any(self._chain(chain, send=send) for chain in chains)
        with ThreadPoolExecutor(len(chains), thread_name_prefix="posting") as pool:
            return any(list(pool.map(lambda chain: self._chain(chain, send=send), chains)))

    def _tried_first(self, texts: Sequence[Text]) -> list[Text]:
        return sorted(texts, key=lambda text: self._written(text.message.id) is None)

    def _chain(self, texts: Sequence[Text], *, send: bool) -> bool:
        return any(self._taken(text, instead=texts[place + 1 :], send=send) and text.enough for place, text in enumerate(texts))

    def _taken(self, text: Text, *, instead: Sequence[Text], send: bool) -> bool:
        earlier = self._written(text.message.id)
        if earlier is None:
            earlier = self._first_send(text, send=send)
        if earlier is None or earlier.data["state"] != "accepted":
            return False
        with self._lock:
            self._on_their_way.setdefault(text.message.id, _OnItsWay(text, instead if text.enough else ()))
        return True

    def _written(self, message_id: str) -> Fact | None:
        return self._recorder.journal.find(self._recorder.drill, f"message/{message_id}")

    def _first_send(self, text: Text, *, send: bool) -> Fact | None:
        """Find out that an earlier life of the engine had sent it, or send it; nothing when it had not and must not."""
        if self._resumed() and text.messenger.look_up(text.message) in {"accepted", "delivered"}:
            result = SendResult("accepted", "", code="OK", detail="sent before the engine died")
        elif not send:
            return None
        else:
            result = self._sent(text.messenger, text.message)
        return self._recorder.say(
            Kind.MESSAGE_SENT,
            f"message/{text.message.id}",
            message=text.message.id,
            state=result.state,
            code=result.code,
            provider=result.provider,
            provider_id=result.provider_id,
            detail=result.detail,
            **text.about,
        )

    def _sent(self, messenger: Messenger, message: OutboundMessage) -> SendResult:
        self._recorder.before_an_effect()
        result = messenger.send(message)
        if result.state == "rejected" and result.retryable:
            self._recorder.clock.sleep(_RETRY_REST_S)
            result = messenger.send(message)
        return self._settle(messenger, message, result) if result.state == "in_doubt" and result.traceable else result

    def _settle(self, messenger: Messenger, message: OutboundMessage, result: SendResult) -> SendResult:
        for _ in range(_LOOK_UP_TRIES):
            self._recorder.clock.sleep(_LOOK_UP_REST_S)
            if messenger.look_up(message) in {"accepted", "delivered"}:
                return SendResult("accepted", result.provider, code=result.code, detail="no answer to the send; found by look-up")
        return result

    def _resumed(self) -> bool:
        return len(self.facts(Kind.ENGINE_STARTED)) > 1

    def look_after(self) -> None:
        """Ask what became of the texts on their way, write down each arrival, and send the next when one did not arrive."""
        if not self._picked_up:
            self._pick_up()
            self._picked_up = True
        with self._lock:
            waiting = list(self._on_their_way.items())
        for message_id, row in waiting:
            message, state = row.text.message, row.text.messenger.look_up(row.text.message)
            if state not in {"delivered", "failed"}:
                continue
            channel = row.text.messenger.channel
            arrived = {"message": message_id, "contact": message.contact, "channel": channel, "state": state}
            self._recorder.say(Kind.MESSAGE_DELIVERED, f"delivered/{message_id}", **arrived)
            if state == "failed" and self._still_wanted(row.text):
                self._chain(row.instead, send=True)
            with self._lock:
                self._on_their_way.pop(message_id, None)

    def _still_wanted(self, text: Text) -> bool:
        """Whether a question is still open; other texts always are."""
        gate = text.about.get("gate")
        return gate is None or self._recorder.look(lambda progress: progress.gate(gate).state) == "open"

    def _pick_up(self) -> None:
        """Look after the texts that an earlier life of the engine had sent and not seen arrive."""
        arrived = {fact.data["message"] for fact in self.facts(Kind.MESSAGE_DELIVERED)}
        for fact in self.facts(Kind.MESSAGE_SENT):
            message_id, channel = fact.data["message"], fact.data["channel"]
            messenger = self._messengers.get(channel)
            if fact.data["state"] != "accepted" or message_id in arrived or messenger is None:
                continue
            person = self._people.plan.contact(fact.data["contact"])
            addresses, number = self._people.addresses(person, channel), int(message_id.rpartition(":")[2])
            if number < len(addresses):
                message = OutboundMessage(message_id, person.id, addresses[number], person.language, fact.data["purpose"])
                with self._lock:
                    self._on_their_way.setdefault(message_id, _OnItsWay(Text(messenger, message, {"gate": fact.data["gate"]}), ()))

    def facts(self, *kinds: Kind) -> list[Fact]:
        """The drill's facts of these kinds."""
        return self._recorder.journal.read(self._recorder.drill, kinds=frozenset(kinds))
