"""Looks at the way of messages before a drill: whether the carrier will take so many, and whether one real text leaves from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from drill.engine.notify import Notifier
from drill.engine.people import People
from drill.engine.preflight import Check
from drill.engine.quota import foresee
from drill.engine.trips import Office
from drill.model.errors import DrillError
from drill.model.events import Fact
from drill.model.plan import Plan
from drill.model.ports import Clock, Messenger

_WITHIN_S: Final = 45.0
_NOBODY: Final = "Start `drill serve --sender`, and see what it says."


@dataclass(frozen=True)
class MessageChecks:
    """The checks of one plan's messages."""

    plan: Plan
    people: People
    messengers: Mapping[str, Messenger]
    office: Office
    notifier: Notifier
    clock: Clock

    def quotas(self) -> Iterator[Check]:
        """Whether the texts ahead fit what the carrier takes for each number; sends nothing."""
        if self.office.elsewhere:
            return
        try:
            for row in foresee(self.plan, self.people, self.messengers, self.office.ledger, now_s=lambda: self.clock.now().timestamp()):
                yield Check(f"texts to {row.contact}", row.ok, row.detail, row.fix)
        except DrillError as error:
            yield Check("texts ahead", ok=False, detail=error.what, fix=error.fix)

    def trial(self) -> Iterator[Check]:
        """One real text, to whom the plan names: some providers refuse callers from abroad, and only a send tells."""
        contact = self.plan.messages.preflight
        if not contact:
            return
        facts = self.notifier.try_out(contact, within_s=_WITHIN_S)
        taken = next((fact for fact in facts if fact.data["state"] == "accepted"), None)
        if taken is not None:
            yield Check(f"message to {contact}", ok=True, detail=f"{taken.data['channel']} took it")
            return
        refused = "; ".join(_said(fact) for fact in facts)
        fix = "See `drill sms try`; repair the first way to this person." if refused else _NOBODY if self.office.elsewhere else ""
        yield Check(f"message to {contact}", ok=False, detail=refused or f"nothing left within {_WITHIN_S:g} s", fix=fix)


def _said(fact: Fact) -> str:
    return f"{fact.data['channel']}: {fact.data['state'].replace('_', ' ')}, {fact.data['code']} {fact.data['detail']}".strip()
