"""Sends the drill's texts: each once per reason and person, over the next number when one fails, looked up when in doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.durations import format_duration
from drill.model.events import Fact, Kind
from drill.model.plan import Contact, Gate, PlannedPhase
from drill.model.ports import Messenger, OutboundMessage, SendResult
from drill.model.wording import MASKED_CODE, STATES, fit, render

Purpose = Literal["gate", "joint", "status", "escalation", "hold", "result"]
_LOOK_UP_TRIES = 5
_LOOK_UP_REST_S = 1.0
_RETRY_REST_S = 1.0
_AND = {"en": " and ", "zh": "与"}


@dataclass(frozen=True)
class _Text:
    """One message on its channel; `about` is what its fact tells."""

    messenger: Messenger
    message: OutboundMessage
    about: Mapping[str, Any]


class Notifier:
    """The outgoing side of one drill's messages."""

    def __init__(self, recorder: Recorder, people: People, messengers: Mapping[str, Messenger]) -> None:
        self._recorder = recorder
        self._people = people
        self._messengers = messengers
        self._in_flight: dict[str, tuple[Messenger, OutboundMessage]] = {}
        self._picked_up = False

    # ------------------------------------------------------------ what is said

    def ask(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """Put the question of a gate to a person (port Asker)."""
        return self._question(gate, contact, escalated=escalated, send=True)

    def recall(self, gate: Gate, contact: str, *, escalated: bool) -> None:
        """Write down a question that had left just before the engine died; sends nothing (port Asker)."""
        self._question(gate, contact, escalated=escalated, send=False)

    def _question(self, gate: Gate, contact: str, *, escalated: bool, send: bool) -> bool:
        person = self._people.plan.contact(contact)
        titles = [getattr(self._people.plan.phase(phase).title, person.language) for phase in gate.phases]
        together = _AND[person.language].join(titles)
        words = {
            "phase": titles[0] if len(titles) == 1 else together,
            "phases": together,
            "state": STATES["starting" if gate.at == "before" else "done"][person.language],
            "within": format_duration(gate.within_s),
            "silent": "、".join(gate.ask) if person.language == "zh" else ", ".join(gate.ask),
            "code": self._people.code(gate, contact),
        }
        purpose: Purpose = "escalation" if escalated else "joint" if len(gate.phases) > 1 else "gate"
        texts = self._texts(person, purpose, f"gate/{gate.id}", words, gate=gate.id, phase=gate.phases[0])
        return any(self._reaches(text, send=send) for text in texts)

    def delivered(self, gate: Gate) -> bool:
        """Whether a receipt for the question of the gate has come (port Asker)."""
        sent = {fact.data["message"] for fact in self._facts(Kind.MESSAGE_SENT) if fact.data["gate"] == gate.id}
        return any(fact.data["message"] in sent and fact.data["state"] == "delivered" for fact in self._facts(Kind.MESSAGE_DELIVERED))

    def tell(self, phase: PlannedPhase, *, took_s: float) -> None:
        """Send the status of a phase that asks no answer."""
        for contact in phase.notify:
            person = self._people.plan.contact(contact)
            words = {"phase": getattr(phase.title, person.language), "state": STATES["done"][person.language], "took": f"{took_s:.1f}s"}
            texts = self._texts(person, "status", f"status/{phase.id}", words, phase=phase.id)
            any(self._reaches(text) for text in texts)

    def announce(self, purpose: Literal["hold", "result"], reason: str, words: Mapping[str, Mapping[str, str]]) -> None:
        """Send a hold or a result to everyone; `words` holds the variables by language."""
        for person in self._people.plan.contacts:
            texts = self._texts(person, purpose, f"{purpose}/{reason}", dict(words[person.language]))
            any(self._reaches(text) for text in texts)

    # ------------------------------------------------------------ how it is sent

    def _texts(
        self, person: Contact, purpose: Purpose, why: str, words: Mapping[str, str], *, gate: str | None = None, phase: str | None = None
    ) -> Iterator[_Text]:
        """One text for each number of the person, best first: the first that is taken is enough."""
        variables = {name: fit(value) for name, value in words.items()}
        variables["drill"] = fit(getattr(self._people.plan.title, person.language))
        shown = render(purpose, person.language, {**variables, **({"code": MASKED_CODE} if "code" in variables else {})})
        for channel in person.channels:
            messenger = self._messengers.get(channel)
            if messenger is None:
                continue
            for number, address in enumerate(self._people.addresses(person, channel)):
                message = OutboundMessage(
                    id=f"{self._recorder.drill}:{why}:{person.id}:{channel}:{number}",
                    contact=person.id,
                    address=address,
                    language=person.language,
                    purpose=purpose,
                    variables=variables,
                )
                about = {"purpose": purpose, "gate": gate, "phase": phase, "contact": person.id, "channel": channel, "text": shown}
                yield _Text(messenger, message, about)

    def _reaches(self, text: _Text, *, send: bool = True) -> bool:
        earlier = self._recorder.journal.find(self._recorder.drill, f"message/{text.message.id}")
        if earlier is None:
            earlier = self._first_send(text, send=send)
        accepted = earlier is not None and earlier.data["state"] == "accepted"
        if accepted:
            self._in_flight.setdefault(text.message.id, (text.messenger, text.message))
        return accepted

    def _first_send(self, text: _Text, *, send: bool) -> Fact | None:
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
        result = messenger.send(message)
        if result.state == "rejected" and result.retryable:
            self._recorder.clock.sleep(_RETRY_REST_S)
            result = messenger.send(message)
        return self._settle(messenger, message, result) if result.state == "in_doubt" else result

    def _settle(self, messenger: Messenger, message: OutboundMessage, result: SendResult) -> SendResult:
        for _ in range(_LOOK_UP_TRIES):
            self._recorder.clock.sleep(_LOOK_UP_REST_S)
            if messenger.look_up(message) in {"accepted", "delivered"}:
                return SendResult("accepted", result.provider, code=result.code, detail="no answer to the send; found by look-up")
        return result

    def _resumed(self) -> bool:
        started = self._facts(Kind.ENGINE_STARTED)
        return len(started) > 1

    def look_after(self) -> None:
        """Ask what became of the texts on their way and write down each arrival. Called now and then."""
        if not self._picked_up:
            self._pick_up()
            self._picked_up = True
        for message_id, (messenger, message) in list(self._in_flight.items()):
            state = messenger.look_up(message)
            if state in {"delivered", "failed"}:
                self._recorder.say(
                    Kind.MESSAGE_DELIVERED,
                    f"delivered/{message_id}",
                    message=message_id,
                    contact=message.contact,
                    channel=messenger.channel,
                    state=state,
                )
                self._in_flight.pop(message_id, None)

    def _pick_up(self) -> None:
        """Look after the texts that an earlier life of the engine had sent and not seen arrive."""
        arrived = {fact.data["message"] for fact in self._facts(Kind.MESSAGE_DELIVERED)}
        for fact in self._facts(Kind.MESSAGE_SENT):
            message_id, channel = fact.data["message"], fact.data["channel"]
            messenger = self._messengers.get(channel)
            if fact.data["state"] != "accepted" or message_id in arrived or messenger is None:
                continue
            person = self._people.plan.contact(fact.data["contact"])
            addresses, number = self._people.addresses(person, channel), int(message_id.rpartition(":")[2])
            if number < len(addresses):
                message = OutboundMessage(message_id, person.id, addresses[number], person.language, fact.data["purpose"])
                self._in_flight.setdefault(message_id, (messenger, message))

    def _facts(self, kind: Kind) -> list[Fact]:
        return self._recorder.journal.read(self._recorder.drill, kinds=frozenset({kind}))
