"""Plays a planned drill in this process, shows it, and turns its end into an exit code; Ctrl-C once aborts, twice stops."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from drill.cli.follow import close_views, follow_drill, mute
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Fact, Kind

if TYPE_CHECKING:
    from drill.model.report import Report
    from drill.wiring.records import Records
    from drill.wiring.sessions import Session

EXIT_HELD, EXIT_BROKEN, EXIT_STOPPED = 5, 6, 130


def play(records: Records, drill: str, *, as_json: bool, report_dir: Path | None, phone: str | None = None, keep: bool = False) -> int:
    """Start, or go on with, a drill; returns its exit code."""
    place = (report_dir or records.settings.reports / drill).resolve()
    say = quiet if as_json else say_line
    try:
        ended = _played(records, drill, place, as_json=as_json, say=say, phone=phone, keep=keep)
    except KeyboardInterrupt:
        if records.progress(drill).started:
            click.echo(_stopped(drill), err=True)
            _leave(EXIT_STOPPED)
        ended = _never_began(records, drill)
    _leave(conclude(records, drill, ended, place, say))


def _never_began(records: Records, drill: str) -> Fact:
    """End a drill that was stopped while its ground was made ready: nothing was touched, so there is nothing to go on with."""
    reason = "stopped while its ground was made ready; nothing was touched"
    return records.recorder(drill).say(
        Kind.DRILL_FINISHED, "finished", by="person:operator", outcome="aborted", exit_code=4, left=[], reason=reason
    )


def _played(records: Records, drill: str, place: Path, *, as_json: bool, say: Callable[[str], None], phone: str | None, keep: bool) -> Fact:
    """The fact that ended the drill or holds it. Raises: KeyboardInterrupt: stopped before it played."""
    from drill.wiring.sessions import open_session

    last = len(records.journal.read(drill))
    with _signals(records, drill, say) as arm, open_session(records, drill, report_dir=place, say=say, phone=phone) as session:
        arm(session)
        trouble = _Trouble(session)
        ended = _stands(records, drill)
        ended = ended or follow_drill(records, drill, as_json=as_json, out=sys.stdout, alive=trouble.none, after=last if last > 1 else 0)
        if ended is None:
            click.echo(f"error: {trouble.told()}", err=True)
            click.echo(
                f"What was done is in the journal; `drill resume {drill}` tries again, `drill abort {drill}` takes it back.", err=True
            )
            session.close(keep_ground=True)
            _leave(EXIT_BROKEN)
        held = ended.kind is Kind.DRILL_HELD
        session.wait_published()
        session.close(keep_ground=keep or held)
    return ended


def _stands(records: Records, drill: str) -> Fact | None:
    """The fact that ended the drill, or holds it now, when there is one already: what is left is to tell people."""
    turns = records.journal.read(drill, kinds=frozenset({Kind.DRILL_HELD, Kind.DRILL_FINISHED, Kind.OPERATOR_DECIDED}))
    return turns[-1] if turns and turns[-1].kind is not Kind.OPERATOR_DECIDED else None


def conclude(records: Records, drill: str, ended: Fact, place: Path, say: Callable[[str], None]) -> int:
    """Write the report of a drill that has ended or holds, say how it went; returns the exit code."""
    from drill.views.costs import cost_line

    report, unwritten = _published(records, drill, place)
    if ended.kind is Kind.DRILL_HELD:
        say(f"on hold: {ended.data['reason']}. Nothing rolls back by itself.")
        from drill.model.ways import told_ways, ways_on

        say(f"{told_ways(ways_on(records.progress(drill), drill))}.")
    for what in ended.data["left"] if ended.kind is Kind.DRILL_FINISHED else ():
        say(f"left for a person: {what}")
    say(f"report: {place / 'index.html'}" if unwritten is None else f"no report: `drill report {drill} -o PATH` renders it elsewhere")
    for label in filter(None, (cost_line(report), report.summary)):
        say(label.en)
    return _exit_code(ended, written=unwritten is None)


def _published(records: Records, drill: str, place: Path) -> tuple[Report, DrillError | None]:
    """The result, and why its files could not be written. Raises: JournalBroken: the record cannot be read."""
    try:
        return records.publish(drill, place), None
    except JournalBroken:
        raise
    except DrillError as error:
        click.echo(f"error: {error}", err=True)
        return records.report(drill), error


def _exit_code(ended: Fact, *, written: bool) -> int:
    """A drill without its report is not over: a person must have it rendered again."""
    if ended.kind is Kind.DRILL_HELD:
        return EXIT_HELD
    code = int(ended.data["exit_code"])
    return code if written or code > 1 else EXIT_HELD


def _leave(code: int) -> NoReturn:
    """Leave for good: a drill on hold has a node that waits, and it must not keep the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _stopped(drill: str) -> str:
    return f"stopped at once; `drill resume {drill}` goes on from here and carries out the abort you asked for"


class _Trouble:
    """Whether the engine gave up, asked now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.text = ""

    def none(self) -> bool:
        """True while all is well."""
        self.text = self._session.failure()
        return not self.text

    def told(self) -> str:
        """What to say of it: the record's own trouble, with its remedy, or that the engine failed."""
        return self.text if self.text.startswith("[J") else f"[D901] the engine gave the drill up: {self.text}"


@contextmanager
def _signals(records: Records, drill: str, say: Callable[[str], None]) -> Iterator[Callable[[Session], None]]:
    """SIGINT once and SIGTERM ask for an orderly abort; a second SIGINT stops now and says how to go on."""
    running: list[Session] = []
    asked: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            for session in running:
                session.kill_children()
            close_views()
            sys.stderr.write(f"\n{_stopped(drill)}\n")
            sys.stderr.flush()
            os._exit(EXIT_STOPPED)
        asked.append(number)
        if not running:
            raise KeyboardInterrupt  # whoever makes the ground ready takes it down again
        name = signal.Signals(number).name
        say(f"\n{name}: aborting in order; Ctrl-C again stops at once")
        records.recorder(drill).say(
            Kind.ABORT_REQUESTED, f"abort/signal/{records.clock.epoch}", by="person:operator", reason=name, channel="signal"
        )

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield running.append
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def say_line(text: str) -> None:
    """A line for people at the terminal; a reader that left early must not stop a drill."""
    try:
        click.echo(text)
    except BrokenPipeError:
        mute(sys.stdout)


def quiet(_text: str) -> None:
    """Say nothing: a machine reads the output."""
