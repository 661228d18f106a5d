"""Says what the drill has to say to people: questions, states, holds and results, each once per reason and person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from drill.engine.outbox import Outbox
from drill.engine.people import People
from drill.engine.posting import Courier
from drill.engine.record import Recorder
from drill.engine.standing import standing
from drill.engine.trips import Office, Text
from drill.model.channel_order import Outcome, ordered, outcomes
from drill.model.durations import format_duration
from drill.model.events import Fact, Kind
from drill.model.joint_questions import named_together
from drill.model.letters import Letter
from drill.model.plan import Contact, Gate, PlannedPhase
from drill.model.ports import Messenger, OutboundMessage, Receipt
from drill.model.ports_people import Arrival
from drill.model.progress import Progress
from drill.model.wording import MASKED_CODE, STATES, Purpose, fit, render

_TEST = {"en": "message test", "zh": "消息测试"}
_EMPTY_WITHIN_S = 30.0
_WORTH_S: Mapping[Purpose, float] = {"status": 3600.0, "hold": 3600.0, "result": 86_400.0}
"""For how long a text that asks nothing is worth sending."""


class Notifier:
    """The outgoing side of one drill's messages. `past` is what became of those of earlier drills; `office` is how they leave."""

    def __init__(
        self,
        recorder: Recorder,
        people: People,
        messengers: Mapping[str, Messenger],
        *,
        past: Sequence[Outcome] = (),
        office: Office | None = None,
    ) -> None:
        self._recorder = recorder
        self._people = people
        self._messengers = messengers
        self._past = past
        self._office = office or Office()
        self._courier = Courier(recorder, people, self._office, self._texts)
        self._outbox = Outbox(self._courier)
        self._begun = False

    # ------------------------------------------------------------ what is said

    def ask(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """Put the question of a gate to a person (port Asker): waits until a provider took it, or none will before the gate ends."""
        letters = self._question(gate, contact, escalated=escalated)
        for letter in letters:
            self._outbox.post(letter)
        left_s = max((letter.until - self._recorder.clock.now()).total_seconds() for letter in letters) if letters else 0.0
        return self._outbox.wait(letters, within_s=left_s)

    def recall(self, gate: Gate, contact: str, *, escalated: bool) -> None:
        """Write down a question that had left just before the engine died; sends nothing (port Asker)."""
        for letter in self._question(gate, contact, escalated=escalated):
            self._outbox.recall(letter)

    def unreachable(self, gate: Gate, contact: str, *, escalated: bool) -> bool:
        """Whether every way to this person was tried, and the question did not arrive over any (port Asker)."""
        fates = {self._office.letters.fate(letter.id) for letter in self._question(gate, contact, escalated=escalated)}
        return fates <= {"refused", "told"}

    def _question(self, gate: Gate, contact: str, *, escalated: bool) -> list[Letter]:
        person = self._people.plan.contact(contact)
        titles = self._titles(gate, person)
        together = named_together(titles, person.language)
        words = {
            "phase": titles[0] if len(titles) == 1 else together,
            "phases": together,
            "state": STATES["by hand" if gate.by_hand else "starting" if gate.at == "before" else "done"][person.language],
            "within": format_duration(gate.within_s),
            "silent": "、".join(gate.ask) if person.language == "zh" else ", ".join(gate.ask),
        }
        purpose: Purpose = "escalation" if escalated else "joint" if len(gate.phases) > 1 else "gate"
        return self._letters(person, purpose, f"gate/{gate.id}", words, gate=gate, phase=gate.phases[0])

    def _titles(self, gate: Gate, person: Contact) -> list[str]:
        plan = self._people.plan
        about = [plan.step(gate.id).title] if gate.by_hand else [plan.phase(phase).title for phase in gate.phases]
        return [getattr(title, person.language) for title in about]

    def delivered(self, gate: Gate) -> bool:
        """Whether a receipt for the question of the gate has come (port Asker)."""
        sent = {fact.data["message"] for fact in self._facts(Kind.MESSAGE_SENT) if fact.data["gate"] == gate.id}
        return any(fact.data["message"] in sent and fact.data["state"] == "delivered" for fact in self._facts(Kind.MESSAGE_DELIVERED))

    def tell(self, phase: PlannedPhase, *, took_s: float) -> None:
        """Send the status of a phase that asks no answer; with an outbox, waits for nobody."""
        for contact in phase.notify:
            person = self._people.plan.contact(contact)
            words = {"phase": getattr(phase.title, person.language), "state": STATES["done"][person.language], "took": f"{took_s:.1f}s"}
            self._post(self._letters(person, "status", f"status/{phase.id}", words, phase=phase.id))

    def tell_where_it_stands(self, contact: str, question: str) -> None:
        """Answer a person who asked how the drill goes; the same question twice is answered once."""
        person = self._people.plan.contact(contact)
        began = self._facts(Kind.DRILL_STARTED)
        since_s = (self._recorder.clock.now() - began[0].at).total_seconds() if began else 0.0
        words = self._recorder.look(lambda progress: standing(progress, self._people.plan, person.language, since_start_s=since_s))
        name = hashlib.sha256(question.encode()).hexdigest()[:12]
        self._post(self._letters(person, "status", f"asked/{name}", words))

    def announce(self, purpose: Literal["hold", "result"], reason: str, words: Mapping[str, Mapping[str, str]], *, place: str = "") -> None:
        """Send a hold or a result to everyone; `words` holds the variables by language, `place` where more is to be read."""
        for person in self._people.plan.contacts:
            self._post(self._letters(person, purpose, f"{purpose}/{reason}", dict(words[person.language]), place=place))

    def warn(self, reason: str, words: Mapping[str, Mapping[str, str]]) -> None:
        """Tell everyone, with the text for states, that something goes on without its safeguard; `words` as for `announce`."""
        for person in self._people.plan.contacts:
            self._post(self._letters(person, "status", f"warning/{reason}", dict(words[person.language])))

    def try_out(self, contact: str, *, within_s: float) -> list[Fact]:
        """Send one real text to a person; what was written down about it when a provider took it, none did, or the time is over."""
        person = self._people.plan.contact(contact)
        words = {"phase": _TEST[person.language], "state": STATES["done"][person.language], "took": "0s"}
        letters = self._letters(person, "status", "status/preflight", words)
        self._post(letters)
        self._outbox.wait(letters, within_s=within_s)
        names = {letter.transaction for letter in letters}
        return [fact for fact in self._facts(Kind.MESSAGE_SENT) if fact.data["transaction"] in names]

    # ------------------------------------------------------------ how it is sent

    def _post(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self._outbox.post(letter)

    def _letters(
        self,
        person: Contact,
        purpose: Purpose,
        why: str,
        words: Mapping[str, str],
        *,
        gate: Gate | None = None,
        phase: str | None = None,
        place: str = "",
    ) -> list[Letter]:
        """One letter; in parallel, one for each channel."""
        drill, now = self._recorder.drill, self._recorder.clock.now()
        until = now + timedelta(seconds=_WORTH_S.get(purpose, gate.within_s if gate else 0.0))
        if gate is not None:
            until = self._recorder.look(lambda progress: progress.gate(gate.id).deadline) or until
        name, gate_id = f"{drill}:{why}:{person.id}", gate.id if gate else None
        letter = Letter(name, drill, person.id, purpose, why, until, words=words, gate=gate_id, phase=phase, place=place)
        channels = [channel for channel in dict.fromkeys(person.channels) if self._office.elsewhere or channel in self._messengers]
        if self._people.plan.messages.order != "parallel" or len(channels) < 2:
            return [letter]
        return [replace(letter, id=f"{name}#{channel}", only=(channel,)) for channel in channels]

    def _texts(self, letter: Letter) -> list[Text]:
        """One text for each address of the person on each of their channels, best first: the first that is taken is enough.

        A question in a group holds no code, so it cannot be answered from there: it tells, and the next channel asks.
        One that comes right after another to the same person asks about both, but not in a call: its keys answer what was spoken.
        """
        plan, person = self._people.plan, self._people.plan.contact(letter.contact)
        code = {"code": self._people.code(plan.gate(letter.gate), person.id)} if letter.gate else {}
        alone = self._said(letter, letter.purpose, {**letter.words, **code})
        words = self._recorder.look(lambda progress: self._joint_words(progress, letter))
        together = self._said(letter, "joint", words) if words else alone
        past = [*self._past, *outcomes(self._facts(Kind.MESSAGE_SENT, Kind.MESSAGE_DELIVERED))]
        texts = []
        for channel in ordered(letter.only or person.channels, person.id, past):
            messenger = self._messengers.get(channel)
            enough = not letter.asks or plan.messages.private(channel)
            for number, address in enumerate(self._people.addresses(person, channel) if messenger else ()):
                name = f"{letter.transaction}:{channel}:{number}"
                purpose, variables, about = together if plan.messages.joins(channel, person.language) else alone
                message = OutboundMessage(name, person.id, address, person.language, purpose, variables, letter.place)
                if messenger is not None:
                    texts.append(Text(messenger, message, {**about, "channel": channel}, enough))
        return texts

    def _said(self, letter: Letter, purpose: Purpose, words: Mapping[str, str]) -> tuple[Purpose, dict[str, str], dict[str, str | None]]:
        """What a text says: its purpose, its variables, and what its fact tells, where no code stands."""
        person = self._people.plan.contact(letter.contact)
        variables = {name: fit(value) for name, value in words.items()}
        variables["drill"] = fit(getattr(self._people.plan.title, person.language))
        masked = {**variables, **({"code": MASKED_CODE} if letter.gate else {})}
        about = {"purpose": purpose, "gate": letter.gate, "phase": letter.phase, "contact": person.id}
        about |= {"text": render(purpose, person.language, masked), "transaction": letter.transaction}
        return purpose, variables, about

    def _joint_words(self, progress: Progress, letter: Letter) -> dict[str, str]:
        """The words of a question that was put right after others to the same person; nothing when it stands alone."""
        plan, person = self._people.plan, self._people.plan.contact(letter.contact)
        asked = (letter.gate or "", person.id)
        if asked not in progress.joined:
            return {}
        gate, earlier = plan.gate(asked[0]), progress.joined[asked]
        titles = [title for each in (*earlier, gate.id) for title in self._titles(plan.gate(each), person)]
        since = progress.gate(gate.id).asked_at[person.id]
        left_s = [int((row.deadline - since).total_seconds()) for row in map(progress.gate, earlier) if row.deadline]
        return {
            **letter.words,
            "phases": named_together(titles, person.language),
            "state": STATES["waiting"][person.language],
            "within": format_duration(max(1, min([gate.within_s, *left_s]))),
            "code": self._people.shared_codes(progress)[asked],
        }

    def look_after(self) -> None:
        """Go on with what an earlier life left, ask what became of the texts on their way, and send the next when one failed.

        Called now and then; with an outbox it returns at once.
        """
        if not self._begun:
            self._begun = True
            self._courier.tracker.pick_up(self._people, self._messengers)
            self._outbox.resume()
        self._outbox.look_after()

    def told(self, receipt: Receipt) -> None:
        """The carrier told by itself what became of a text: one that did not arrive goes on at once. Nothing for texts of others."""
        self._outbox.told(receipt.message, Arrival(receipt.state, receipt.code))

    def carry(self, letter: Letter) -> None:
        """Send a letter that somebody else wrote and this sender has claimed."""
        self._outbox.post(letter)

    def in_hand(self) -> int:
        """How many letters are in memory."""
        return self._outbox.in_hand()

    def empty(self) -> None:
        """Wait until every text has gone, but not for ever; what is left then is said in the record."""
        left = self._outbox.drain(within_s=_EMPTY_WITHIN_S)
        if left:
            what = f"{left} message(s) still wait to be sent."
            fix = "They leave when the drill is resumed, or by `drill serve --sender`; tell people by hand if it matters now."
            self._recorder.say(Kind.FINDING_RAISED, "finding/outbox/left", code="D522", what=what, fix=fix, severity="warning")

    def drain(self, *, within_s: float) -> int:
        """Wait until every text has gone; how many are left when the time is over."""
        return self._outbox.drain(within_s=within_s)

    def close(self) -> None:
        """Send nothing more."""
        self._outbox.close()

    def _facts(self, *kinds: Kind) -> list[Fact]:
        return self._courier.facts(*kinds)
