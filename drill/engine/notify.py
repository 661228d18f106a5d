"""Sends the drill's texts: each once per reason and person, over the next number when one fails, looked up when in doubt."""

from __future__ import annotations

from collections.abc import Mapping
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


class Notifier:
    """The outgoing side of one drill's messages."""

    def __init__(self, recorder: Recorder, people: People, messengers: Mapping[str, Messenger]) -> None:
        self._recorder = recorder
        self._people = people
        self._messengers = messengers
        self._in_flight: dict[str, tuple[Messenger, OutboundMessage]] = {}

    # ------------------------------------------------------------ what is said

    def ask(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """Put the question of a gate to a person (port Asker)."""
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
        return self._send(person, purpose, f"gate/{gate.id}", words, gate=gate.id, phase=gate.phases[0])

    def delivered(self, gate: Gate) -> bool:
        """Whether a receipt for the question of the gate has come (port Asker)."""
        sent = {fact.data["message"] for fact in self._facts(Kind.MESSAGE_SENT) if fact.data["gate"] == gate.id}
        return any(fact.data["message"] in sent and fact.data["state"] == "delivered" for fact in self._facts(Kind.MESSAGE_DELIVERED))

    def tell(self, phase: PlannedPhase, *, took_s: float) -> None:
        """Send the status of a phase that asks no answer."""
        for contact in phase.notify:
            person = self._people.plan.contact(contact)
            words = {"phase": getattr(phase.title, person.language), "state": STATES["done"][person.language], "took": f"{took_s:.1f}s"}
            self._send(person, "status", f"status/{phase.id}", words, phase=phase.id)

    def announce(self, purpose: Literal["hold", "result"], reason: str, words: Mapping[str, Mapping[str, str]]) -> None:
        """Send a hold or a result to everyone; `words` holds the variables by language."""
        for person in self._people.plan.contacts:
            self._send(person, purpose, f"{purpose}/{reason}", dict(words[person.language]))

    # ------------------------------------------------------------ how it is sent

    def _send(
        self, person: Contact, purpose: Purpose, why: str, words: Mapping[str, str], *, gate: str | None = None, phase: str | None = None
    ) -> bool:
        variables = {name: fit(value) for name, value in words.items()}
        variables["drill"] = fit(getattr(self._people.plan.title, person.language))
        shown = render(purpose, person.language, {**variables, **({"code": MASKED_CODE} if "code" in variables else {})})
        for channel in person.channels:
            messenger = self._messengers.get(channel)
            for number, address in enumerate(self._people.addresses(person, channel) if messenger else ()):
                if messenger is None:
                    break
                message = OutboundMessage(
                    id=f"{self._recorder.drill}:{why}:{person.id}:{channel}:{number}",
                    contact=person.id,
                    address=address,
                    language=person.language,
                    purpose=purpose,
                    variables=variables,
                )
                about = {"purpose": purpose, "gate": gate, "phase": phase, "contact": person.id, "channel": channel, "text": shown}
                if self._reaches(messenger, message, about):
                    return True
        return False

    def _reaches(self, messenger: Messenger, message: OutboundMessage, about: Mapping[str, Any]) -> bool:
        earlier = self._recorder.journal.find(self._recorder.drill, f"message/{message.id}")
        state = str(earlier.data["state"]) if earlier is not None else self._first_send(messenger, message, about)
        if state == "accepted":
            self._in_flight.setdefault(message.id, (messenger, message))
        return state == "accepted"

    def _first_send(self, messenger: Messenger, message: OutboundMessage, about: Mapping[str, Any]) -> str:
        """Send, or find out that an earlier life of the engine had sent it; returns the recorded state."""
        if self._resumed() and messenger.look_up(message) in {"accepted", "delivered"}:
            result = SendResult("accepted", "", code="OK", detail="sent before the engine died")
        else:
            result = messenger.send(message)
            if result.state == "rejected" and result.retryable:
                self._recorder.clock.sleep(_RETRY_REST_S)
                result = messenger.send(message)
            if result.state == "in_doubt":
                result = self._settle(messenger, message, result)
        fact = self._recorder.say(
            Kind.MESSAGE_SENT,
            f"message/{message.id}",
            message=message.id,
            state=result.state,
            code=result.code,
            provider=result.provider,
            provider_id=result.provider_id,
            detail=result.detail,
            **about,
        )
        return str(fact.data["state"])

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

    def _facts(self, kind: Kind) -> list[Fact]:
        return self._recorder.journal.read(self._recorder.drill, kinds=frozenset({kind}))
