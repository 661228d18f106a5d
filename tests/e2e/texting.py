"""One life of an engine that only tells people things, as a process that can be killed: `python -m tests.e2e.texting HOME CARRIER`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from drill.adapters.sms_aliyun import AliyunMessenger
from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.plan import Contact, Plan
from drill.settings import Settings
from drill.wiring.desks import people_of
from drill.wiring.mailrooms import open_office
from drill.wiring.records import Records
from drill.wiring.sessions import plan_drill
from tests.engine.drilling import phase_of, plan_of
from tests.fakes import FakeSecrets

DRILL = "texting"
PEOPLE = [f"p{number}" for number in range(8)]
PHASES = ["one", "two", "three"]


def plan() -> Plan:
    """Three phases that tell eight people that they are done."""
    contacts = tuple(Contact(id=name, title=name, sms=(f"secret:{name}",)) for name in PEOPLE)
    phases = [phase_of(name, notify=tuple(PEOPLE)) for name in PHASES]
    return plan_of(*phases).model_copy(update={"contacts": contacts})


def records_of(home: Path) -> Records:
    """The records of a home."""
    return Records(Settings(home, home / "reports", home, f"sqlite:///{home / 'drill.sqlite'}", None))


def main(home: Path, carrier: Path) -> None:
    """Tell everybody everything, once; a later life goes on where an earlier one died."""
    records, account = records_of(home), json.loads((carrier / "carrier.json").read_text(encoding="utf-8"))
    if DRILL not in records.journal.drills():
        plan_drill(records, DRILL, plan(), started_by="test", auto_answered=False)
    recorder = records.recorder(DRILL, token=records.journal.take_token(DRILL))
    recorder.say(Kind.ENGINE_STARTED, f"engine/{os.getpid()}", pid=os.getpid(), host="here", version="1")
    messenger = AliyunMessenger(
        account["endpoint"], "http", account["key_id"], account["key_secret"], account["sign"], account["templates"], read_timeout_s=5.0
    )
    secrets = FakeSecrets({name: f"139000001{number:02d}" for number, name in enumerate(PEOPLE)})
    notifier = Notifier(recorder, people_of(records, DRILL, secrets), {"sms": messenger}, office=open_office(records))
    notifier.look_after()
    for phase in PHASES:
        notifier.tell(records.plan(DRILL).phase(phase), took_s=1.0)
    left = notifier.drain(within_s=60)
    notifier.close()
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
