"""Who started a drill, as a contact of its plan: what a gate with four eyes needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drill.model.errors import PreflightFailed, UsageError
from drill.model.plan import Gate, Plan

SCHEDULED: Final = "schedule "
"""How `started_by` begins when no person started the drill."""


def contact_of_user(plan: Plan, user: str) -> str | None:
    """The contact who uses this account; nothing when nobody says so."""
    return next((contact.id for contact in plan.contacts if user and contact.user == user), None)


def starter_named(plan: Plan, *, user: str, said: str | None) -> str | None:
    """Who starts a drill from an account: the contact who uses it, else whom the person says to be (`said`).

    Raises: UsageError: no such contact (U015), or the account is another contact's (U039).
    """
    known = contact_of_user(plan, user)
    if said is None:
        return known
    if said not in {contact.id for contact in plan.contacts}:
        names = ", ".join(contact.id for contact in plan.contacts)
        raise UsageError(f"{said!r} is no contact of this scenario.", code="U015", fix=f"Its contacts are: {names}.")
    if known is not None and known != said:
        raise UsageError(f"the account {user} is {known}'s, not {said}'s.", code="U039", fix=f"Leave --as out, or say --as {known}.")
    return said


def starter_of(plan: Plan, planned: Mapping[str, Any]) -> str | None:
    """Who started a drill, from the fact that planned it; nothing when that is no contact."""
    said = planned.get("starter")
    return str(said) if said else contact_of_user(plan, str(planned.get("started_by", "")))


def four_eyes_trouble(gate: Gate, *, starter: str | None, started_by: str) -> str:
    """Why a gate cannot be held to four eyes, or never be answered under them; empty when it can. A schedule is nobody's eyes."""
    if not gate.four_eyes or started_by.startswith(SCHEDULED):
        return ""
    if starter is None:
        return f"{gate.id} must be answered by somebody else than who starts the drill, and {started_by or 'nobody'} is no contact."
    others = {*gate.ask, *gate.then} - {starter}
    if len(others) < gate.quorum:
        return f"{gate.id} needs {gate.quorum} answer(s) of others than {starter}, who starts the drill, and asks only {len(others)}."
    return ""


FOUR_EYES_FIX: Final = "Give the contact a user: ACCOUNT, or start the drill with --as CONTACT; and ask enough others."


def refuse_two_eyes(plan: Plan, *, starter: str | None, started_by: str) -> None:
    """Raises: PreflightFailed: a gate with four eyes cannot be held to them (F064)."""
    found = [four_eyes_trouble(gate, starter=starter, started_by=started_by) for gate in plan.gates]
    if any(found):
        raise PreflightFailed(" ".join(filter(None, found)), code="F064", fix=FOUR_EYES_FIX)
