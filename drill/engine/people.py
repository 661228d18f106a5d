"""Who is who in one drill: which numbers are whose, and which code each person was given. Nothing of it is stored."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from drill.model.acknowledgement import OpenGate, Shared, State
from drill.model.codes import Ask, reply_code, reply_codes
from drill.model.plan import Contact, Gate, Plan
from drill.model.ports import Secrets
from drill.model.progress import Progress
from drill.model.progress_rows import GateProgress
from drill.model.replies import normalise_number


class People:
    """The contacts of a plan with their addresses and reply codes."""

    def __init__(self, plan: Plan, *, drill: str, secrets: Secrets, key: bytes, starter: str | None = None) -> None:
        self.plan = plan
        self._drill = drill
        self._secrets = secrets
        self._key = key
        self._starter = starter
        self._codes: Mapping[Ask, str] | None = None
        self._numbers: dict[str, str] | None = None

    def addresses(self, contact: Contact, channel: str) -> list[str]:
        """Where a contact is reached on a channel, best first. Raises: PreflightFailed: a secret is not set."""
        row = self.plan.messages.channel(channel)
        if row is not None and row.reaches == "all":
            return [""]  # a chat is its own address: the same for everyone in it
        by_number = channel == "sms" if row is None else row.reaches == "number"
        references = contact.sms if by_number else contact.email if row is not None else ()
        return [self._secrets.get(reference) for reference in references]

    def contact_of(self, number: str) -> str | None:
        """Whose number this is, however it is written; nothing for a stranger."""
        if self._numbers is None:
            rows = [(contact, address) for contact in self.plan.contacts for address in self.addresses(contact, "sms")]
            self._numbers = {normalised: contact.id for contact, address in rows if (normalised := normalise_number(address))}
        normalised = normalise_number(number)
        return self._numbers.get(normalised) if normalised else None

    def fingerprint(self, address: str, scope: str) -> str:
        """What texts to an address are counted under: the same for every drill of this key, and no way back to the address."""
        plain = normalise_number(address) or address.strip().casefold()
        return hmac.new(self._key, f"quota\0{plain}\0{scope}".encode(), hashlib.sha256).hexdigest()[:40]

    def code(self, gate: Gate, contact: str) -> str:
        """The code this person was given for this gate: the same after a crash."""
        return self._all_codes()[self._ask(gate, contact)]

    def _all_codes(self) -> Mapping[Ask, str]:
        if self._codes is None:
            asks = [self._ask(gate, contact) for gate in self.plan.gates for contact in (*gate.ask, *gate.then)]
            self._codes = reply_codes(self._key, asks)
        return self._codes

    def shared_codes(self, progress: Progress) -> dict[tuple[str, str], str]:
        """The codes of texts that ask about several gates, by their own gate and contact: the same after a crash, no two alike."""
        taken, codes = set(self._all_codes().values()), {}
        for (gate_id, contact), earlier in progress.joined.items():
            destructive = any(self.plan.gate(each).destructive for each in (gate_id, *earlier))
            ask = Ask(self._drill, "+".join([gate_id, *sorted(earlier)]), contact, destructive=destructive)
            codes[gate_id, contact] = reply_code(self._key, ask, taken=taken)
            taken.add(codes[gate_id, contact])
        return codes

    def _ask(self, gate: Gate, contact: str) -> Ask:
        return Ask(self._drill, gate.id, contact, destructive=gate.destructive)

    def questions(self, progress: Progress) -> list[OpenGate]:
        """Every question put so far, oldest first, as answers are judged against them."""
        shared: dict[str, dict[str, Shared]] = {}
        for (gate_id, contact), code in self.shared_codes(progress).items():
            shared.setdefault(gate_id, {})[contact] = Shared(code, progress.joined[gate_id, contact])
        asked = [(gate_id, row) for gate_id, row in progress.gates.items() if row.deadline is not None]
        return [self._question(self.plan.gate(gate_id), row, shared.get(gate_id, {})) for gate_id, row in asked]

    def _question(self, gate: Gate, row: GateProgress, shared: Mapping[str, Shared]) -> OpenGate:
        states: Mapping[str, State] = {"open": "open", "acknowledged": "acknowledged", "declined": "declined", "expired": "expired"}
        if row.deadline is None:
            raise ValueError(f"{gate.id} has not been asked")
        return OpenGate(
            id=gate.id,
            asked=frozenset(row.asked),
            codes=lambda contact: self.code(gate, contact),
            deadline=row.deadline,
            destructive=gate.destructive,
            joint=len(gate.phases) > 1,
            state=states[row.state],
            quorum=gate.quorum,
            answers=dict.fromkeys(row.confirmed, "confirm"),
            wrong_codes=dict(row.rejected),
            four_eyes=gate.four_eyes,
            starter=self._starter,
            shared=shared,
        )
