"""Writes a drill's report while the drill goes on, whatever becomes of the files."""

from __future__ import annotations

from pathlib import Path

from drill.engine.record import Recorder
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Kind
from drill.model.report import Report
from drill.wiring.records import Records


def published(records: Records, recorder: Recorder, directory: Path) -> Report:
    """The result as it is now, written to a directory; that it cannot be written must not stop a drill on its way home: it is a finding.

    Raises: JournalBroken: the record cannot be read or written.
    """
    try:
        return records.publish(recorder.drill, directory)
    except JournalBroken:
        raise
    except DrillError as error:
        recorder.say(Kind.FINDING_RAISED, f"finding/report/{error.code}", code=error.code, what=error.what, fix=error.fix, severity="error")
        return records.report(recorder.drill)
