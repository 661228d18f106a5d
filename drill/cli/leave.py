"""Leaves a drill to the servers of its database, follows it there, and ends with the words and the exit code of a drill that ran here."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from drill.cli.follow import follow_drill
from drill.cli.play import EXIT_STOPPED, conclude, quiet, say_line
from drill.model.errors import UsageError
from drill.model.events import Fact, Kind

if TYPE_CHECKING:
    from drill.wiring.records import Records

EXIT_REFUSED = 3
_CLEARED_WITHIN_S = 60.0
_LOOKS_EVERY_S = 0.2


def refuse_what_servers_cannot(*, keep: bool, report: bool, queue: bool, phone: str) -> None:
    """Refuse in silence nothing that was asked for.

    Raises: UsageError: a server takes its sandbox down (U060), nobody waits to write the report (U061), its phone answers otherwise (U062).
    """
    if keep:
        fix = "Leave --keep out; a sandbox that `drill sandbox up` started before stays afterwards."
        raise UsageError("a server plays this drill, and takes down the sandbox that it starts: no --keep there.", code="U060", fix=fix)
    if report and queue:
        fix = "Leave --report out: the server writes into its DRILL_REPORTS, and `drill report DRILL -o PATH` renders it anywhere."
        raise UsageError("--queue does not wait for the end, so nobody would write --report.", code="U061", fix=fix)
    if phone == "once":
        fix = "Use --manual and answer the first gate with `drill sandbox phone --reply`, or stop the server."
        raise UsageError("a server plays this drill: its phone answers always or waits; no --phone once there.", code="U062", fix=fix)


def leave_to_servers(
    records: Records, drill: str, *, as_json: bool, follow: bool = True, report_dir: Path | None = None, ours: bool = False
) -> int:
    """Queue a drill for the servers of this database, or find it with one of them; follow it to its end; returns its exit code.

    `ours`: this command began it, so that the first Ctrl-C aborts it, as where it would run here.
    Raises: UsageError: the servers are gone (U021).
    """
    from drill.wiring.players import player_of, told_servers
    from drill.wiring.serving import enqueue, is_played_elsewhere

    after = len(records.journal.read(drill))
    enqueue(records, drill)
    if not follow:
        waits = "" if told_servers(records) else " Nobody serves this database yet: `drill serve` plays it."
        click.echo(json.dumps({"drill": drill, "state": "queued"}) if as_json else f"{drill} is queued.{waits}")
        return 0
    say = quiet if as_json else say_line
    player = player_of(records, drill)
    say(f"{drill} is played by {player}" if player else f"{drill} is left to {told_servers(records)}")
    try:
        with stopping(records, drill, say, ours=ours):
            ended = follow_drill(
                records, drill, as_json=as_json, out=sys.stdout, alive=lambda: is_played_elsewhere(records, drill), after=after
            )
            if ended is None:
                raise UsageError(
                    f"nobody plays {drill} any more.", code="U021", fix=f"Start `drill serve`, or go on with `drill resume {drill}` here."
                )
            _wait_cleared(records, drill, ended)
    except KeyboardInterrupt:
        return gone_on(records, drill)
    return _ending(records, drill, ended, report_dir, say)


def gone_on(records: Records, drill: str) -> int:
    """Say that a drill goes on without whoever followed it, and how to reach it; the exit code."""
    from drill.wiring.players import player_of

    where = player_of(records, drill) or "the queue"
    if records.progress(drill).abort:
        say = f"it carries out the abort that was asked for; look with `drill watch {drill}`"
    else:
        say = f"`drill abort {drill}` takes it back, `drill hold {drill}` stops it, `drill watch {drill}` follows it"
    click.echo(f"\nno longer following: {drill} GOES ON in {where}: {say}", err=True)
    return EXIT_STOPPED


@contextmanager
def stopping(records: Records, drill: str, say: Callable[[str], None], *, ours: bool) -> Iterator[None]:
    """SIGINT and SIGTERM while a drill that another process plays is followed: the first asks for the abort of one that is ours.

    Any other raises KeyboardInterrupt: the drill goes on without us.
    """
    asked: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if asked or not ours:
            raise KeyboardInterrupt
        asked.append(number)
        name = signal.Signals(number).name
        say(f"\n{name}: aborting in order on the server; Ctrl-C again only stops following")
        key = f"abort/signal/{records.clock.epoch}"
        records.recorder(drill).say(Kind.ABORT_REQUESTED, key, by="person:operator", reason=name, channel="signal")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _wait_cleared(records: Records, drill: str, ended: Fact) -> None:
    """Wait until the server has told everybody and cleared up behind the drill: the record is whole, and its sites are free."""
    from drill.wiring.serving import is_cleared
    from drill.wiring.telling import told

    over = told if ended.kind is Kind.DRILL_HELD else is_cleared
    until_s = time.monotonic() + _CLEARED_WITHIN_S
    while not over(records, drill) and time.monotonic() < until_s:
        time.sleep(_LOOKS_EVERY_S)


def _ending(records: Records, drill: str, ended: Fact, report_dir: Path | None, say: Callable[[str], None]) -> int:
    """As where it had run here: a refusal before anything began has no report."""
    data = ended.data
    began = records.journal.read(drill, kinds=frozenset({Kind.ENGINE_STARTED}))
    if ended.kind is Kind.DRILL_FINISHED and not began and (data["outcome"] == "refused" or data["exit_code"] is None):
        click.echo(f"error: {data['reason']}", err=True)
        return EXIT_REFUSED
    return conclude(records, drill, ended, (report_dir or records.settings.reports / drill).resolve(), say)
