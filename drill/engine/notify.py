"""Says what the drill has to say to people: questions, states, holds and results, each once per reason and person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from drill.engine.people import People
from drill.engine.posting import Posting, Text
from drill.engine.record import Recorder
from drill.model.channel_order import Outcome, ordered, outcomes
from drill.model.durations import format_duration
from drill.model.events import Kind
from drill.model.plan import Contact, Gate, PlannedPhase
from drill.model.ports import Messenger, OutboundMessage
from drill.model.wording import ASKS, MASKED_CODE, STATES, fit, render

Purpose = Literal["gate", "joint", "status", "escalation", "hold", "result"]
_AND = {"en": " and ", "zh": "与"}


class Notifier:
    """The outgoing side of one drill's messages. `past` is what became of those of earlier drills."""

    def __init__(self, recorder: Recorder, people: People, messengers: Mapping[str, Messenger], *, past: Sequence[Outcome] = ()) -> None:
        self._recorder = recorder
        self._people = people
        self._messengers = messengers
        self._past = past
        self._posting = Posting(recorder, people, messengers, parallel=people.plan.messages.order == "parallel")

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
        return self._posting.reach(texts, send=send)

    def delivered(self, gate: Gate) -> bool:
        """Whether a receipt for the question of the gate has come (port Asker)."""
        sent = {fact.data["message"] for fact in self._posting.facts(Kind.MESSAGE_SENT) if fact.data["gate"] == gate.id}
        return any(
            fact.data["message"] in sent and fact.data["state"] == "delivered" for fact in self._posting.facts(Kind.MESSAGE_DELIVERED)
        )

    def tell(self, phase: PlannedPhase, *, took_s: float) -> None:
        """Send the status of a phase that asks no answer."""
        for contact in phase.notify:
            person = self._people.plan.contact(contact)
            words = {"phase": getattr(phase.title, person.language), "state": STATES["done"][person.language], "took": f"{took_s:.1f}s"}
            texts = self._texts(person, "status", f"status/{phase.id}", words, phase=phase.id)
            self._posting.reach(texts)

    def announce(self, purpose: Literal["hold", "result"], reason: str, words: Mapping[str, Mapping[str, str]], *, place: str = "") -> None:
        """Send a hold or a result to everyone; `words` holds the variables by language, `place` where more is to be read."""
        for person in self._people.plan.contacts:
            texts = self._texts(person, purpose, f"{purpose}/{reason}", dict(words[person.language]), place=place)
            self._posting.reach(texts)

    def warn(self, reason: str, words: Mapping[str, Mapping[str, str]]) -> None:
        """Tell everyone, with the text for states, that something goes on without its safeguard; `words` as for `announce`."""
        for person in self._people.plan.contacts:
            self._posting.reach(self._texts(person, "status", f"warning/{reason}", dict(words[person.language])))

    # ------------------------------------------------------------ how it is sent

    def _texts(
        self,
        person: Contact,
        purpose: Purpose,
        why: str,
        words: Mapping[str, str],
        *,
        gate: str | None = None,
        phase: str | None = None,
        place: str = "",
    ) -> list[Text]:
        """One text for each address of the person on each of their channels, best first: the first that is taken is enough.

        A question in a group holds no code, so it cannot be answered from there: it tells, and the next channel asks.
        """
        plan = self._people.plan
        variables = {name: fit(value) for name, value in words.items()}
        variables["drill"] = fit(getattr(plan.title, person.language))
        shown = render(purpose, person.language, {**variables, **({"code": MASKED_CODE} if "code" in variables else {})})
        past = [*self._past, *outcomes(self._posting.facts(Kind.MESSAGE_SENT, Kind.MESSAGE_DELIVERED))]
        transaction = f"{self._recorder.drill}:{why}:{person.id}"
        texts = []
        for channel in ordered(person.channels, person.id, past):
            messenger = self._messengers.get(channel)
            if messenger is None:
                continue
            enough = purpose not in ASKS or plan.messages.private(channel)
            for number, address in enumerate(self._people.addresses(person, channel)):
                name = f"{transaction}:{channel}:{number}"
                message = OutboundMessage(name, person.id, address, person.language, purpose, variables, place)
                about = {"purpose": purpose, "gate": gate, "phase": phase, "contact": person.id, "channel": channel, "text": shown}
                texts.append(Text(messenger, message, {**about, "transaction": transaction}, enough))
        return texts

    def look_after(self) -> None:
        """Ask what became of the texts on their way, write down each arrival, and send the next when one failed. Called now and then."""
        self._posting.look_after()
