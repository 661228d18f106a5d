"""Whether people know how a drill stands: an engine may die between an end and the texts about it."""

from __future__ import annotations

from drill.model.events import Fact, Kind
from drill.wiring.records import Records


def told(records: Records, drill: str) -> bool:
    """Whether everyone was texted that the drill has ended or is on hold; also true when it is neither, or nobody can be texted."""
    turns = records.journal.read(drill, kinds=frozenset({Kind.DRILL_HELD, Kind.DRILL_FINISHED, Kind.OPERATOR_DECIDED}))
    if not turns or turns[-1].kind is Kind.OPERATOR_DECIDED or _nobody_to_tell(records, turns[-1]):
        return True
    plan = records.plan(drill)
    purpose = "result" if turns[-1].kind is Kind.DRILL_FINISHED else "hold"
    sent = records.journal.read(drill, after=turns[-1].seq, kinds=frozenset({Kind.MESSAGE_SENT}))
    reachable = {person.id for person in plan.contacts if person.sms and "sms" in person.channels} if plan.messages.sms else set()
    return reachable <= {fact.data["contact"] for fact in sent if fact.data["purpose"] == purpose}


def _nobody_to_tell(records: Records, turn: Fact) -> bool:
    """A drill that was refused or stopped before it began has touched nothing; with its sandbox the carrier of the texts is gone."""
    if turn.data.get("outcome") == "aborted" and not records.progress(turn.drill).started:
        return True
    return turn.data.get("outcome") == "refused" or bool(turn.data.get("ground_gone"))
