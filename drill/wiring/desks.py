"""Puts together who may answer and how answers are judged, for the engine and for the command line alike."""

from __future__ import annotations

from drill.engine.desk import Desk
from drill.engine.people import People
from drill.model.ports import Secrets
from drill.model.starter import starter_of
from drill.wiring.records import Records
from drill.wiring.worlds import secrets_for


def people_of(records: Records, drill: str, secrets: Secrets | None = None) -> People:
    """The people of a drill."""
    plan = records.plan(drill)
    found = secrets or secrets_for(records.settings, plan)
    planned = records.journal.find(drill, "planned")
    starter = starter_of(plan, planned.data) if planned else None
    return People(plan, drill=drill, secrets=found, key=records.reply_key(), starter=starter)


def open_desk(records: Records, drill: str) -> Desk:
    """A desk that judges answers to a drill."""
    return Desk(records.recorder(drill), people_of(records, drill))
