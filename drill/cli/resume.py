"""`drill resume`, `abort`, `hold`, `proceed` and `failback`: go on with a drill, stop it, or turn it around."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drill.cli.completing import drills
from drill.model.errors import UsageError
from drill.model.events import Kind

if TYPE_CHECKING:
    from drill.model.events import Draft
    from drill.model.progress import Progress
    from drill.wiring.records import Records

_ASKED_FOR = "asked for on the command line"
_DRILL = click.argument("drill", required=False, metavar="[DRILL]", shell_complete=drills)
_JSON = click.option("--json", "as_json", is_flag=True, help="One fact a line instead of the live view.")
_REPORT = click.option("--report", "report_dir", type=click.Path(path_type=Path), help="Where to write the report.")
_KEEP = click.option("--keep", is_flag=True, help="Sandbox: leave it running afterwards.")


@click.command()
@_DRILL
@_JSON
@_REPORT
@_KEEP
def resume(drill: str | None, *, as_json: bool, report_dir: Path | None, keep: bool) -> int:
    r"""Go on with a drill whose engine died; what had succeeded is not run again.

    \b
    Example:
      drill resume my-drill
    """
    from drill.wiring.telling import told

    records, drill = _open(drill, untold_too=True)
    if told(records, drill):
        _refuse_held(records, drill)
    return _play(records, drill, as_json=as_json, report_dir=report_dir, keep=keep)


@click.command()
@_DRILL
@click.option("--reason", default=_ASKED_FOR, show_default=True, help="Why; it is kept in the record.")
@click.option("--not-promoted", is_flag=True, help="You know that nothing was promoted; needs --reason, and is kept with your name.")
@_JSON
@_REPORT
@_KEEP
def abort(drill: str | None, reason: str, *, not_promoted: bool, as_json: bool, report_dir: Path | None, keep: bool) -> int:
    r"""Stop a drill and take back what it did; works without a running engine too.

    After the point of no return nothing rolls back by itself: the drill goes on hold. A drill on hold before that point is taken back.
    When a promote failed and nobody can see what became of it, --not-promoted takes the drill back on your word.

    \b
    Examples:
      drill abort my-drill --reason "real incident elsewhere"
      drill abort my-drill --not-promoted --reason "the standby's disk was dead before the promote"
    """
    records, drill = _open(drill)
    progress = records.progress(drill)
    said = _denials(records, drill, progress, reason) if not_promoted else []
    if progress.held and (progress.no_return or progress.failback) and not said:
        _refuse_held(records, drill)
    off_hold = [*said, _decision(records, drill, "abort")] if progress.held else []
    _write(records, drill, *off_hold, _stop(records, drill, reason))
    return _play(records, drill, as_json=as_json, report_dir=report_dir, keep=keep)


@click.command()
@_DRILL
@click.option("--reason", default=_ASKED_FOR, show_default=True, help="Why; it is kept in the record.")
@_JSON
@_REPORT
def hold(drill: str | None, reason: str, *, as_json: bool, report_dir: Path | None) -> int:
    r"""Stop a drill where it stands and take nothing back; a person then chooses the way on.

    Before the point of no return running steps are stopped, after it they run to their end. Nothing new starts; what serves keeps serving.

    \b
    Example:
      drill hold my-drill --reason "wait for the network team"
    """
    records, drill = _open(drill)
    _refuse_held(records, drill)
    _write(records, drill, _stop(records, drill, reason, hold=True))
    return _play(records, drill, as_json=as_json, report_dir=report_dir)


@click.command()
@_DRILL
@_JSON
@_REPORT
@_KEEP
def proceed(drill: str | None, *, as_json: bool, report_dir: Path | None, keep: bool) -> int:
    r"""Go on with a drill on hold: what failed is tried again, what was not answered counts as answered.

    \b
    Example:
      drill proceed my-drill
    """
    return _decide("proceed", drill, as_json=as_json, report_dir=report_dir, keep=keep)


@click.command()
@_DRILL
@_JSON
@_REPORT
@_KEEP
def failback(drill: str | None, *, as_json: bool, report_dir: Path | None, keep: bool) -> int:
    r"""Bring a drill on hold home: data first, then traffic, then what was built is removed.

    \b
    Example:
      drill failback my-drill
    """
    return _decide("failback", drill, as_json=as_json, report_dir=report_dir, keep=keep)


def _decide(verb: str, drill: str | None, *, as_json: bool, report_dir: Path | None, keep: bool) -> int:
    records, drill = _open(drill)
    progress = records.progress(drill)
    if progress.state != "held":
        raise UsageError(f"{drill} is not on hold but {progress.state}.", code="U019", fix="See `drill status`.")
    if verb == "failback" and not (progress.no_return or progress.failback):
        fix = f"`drill abort {drill}` takes back what was done, `drill proceed {drill}` goes on."
        raise UsageError(f"{drill} has moved no data: there is nothing to bring home.", code="U023", fix=fix)
    _write(records, drill, _decision(records, drill, verb))
    return _play(records, drill, as_json=as_json, report_dir=report_dir, keep=keep)


def _denials(records: Records, drill: str, progress: Progress, reason: str) -> list[Draft]:
    """A person's word that the promotes of a drill on hold came to nothing.

    Raises: UsageError: it needs a reason (U037), the drill is not on hold (U019), or a promote succeeded (U038).
    """
    if not progress.no_return:
        return []
    if reason == _ASKED_FOR or not reason.strip():
        raise UsageError("--not-promoted needs a reason.", code="U037", fix="Say how you know it: --reason TEXT.")
    if not progress.held:
        fix = f"`drill abort {drill}` stops it first; then choose."
        raise UsageError(f"{drill} is not on hold but {progress.state}.", code="U019", fix=fix)
    if not progress.doubtful:
        done = ", ".join(step for step, tries in progress.crossed.items() if tries and progress.step(step).state == "succeeded")
        raise UsageError(f"{done} succeeded: it did promote.", code="U038", fix=f"`drill failback {drill}` brings it home.")
    from drill.cli.person import user_name

    steps = [step for step, tries in progress.crossed.items() if tries]
    return [_decision(records, drill, "not-promoted", subject=step, by=f"person:{user_name()}", reason=reason) for step in steps]


def _refuse_held(records: Records, drill: str) -> None:
    """On hold nothing runs that could be resumed or stopped: a person chooses the way on."""
    if records.progress(drill).state == "held":
        from drill.model.ways import told_ways, ways_on

        ways = told_ways(ways_on(records.progress(drill), drill))
        raise UsageError(f"{drill} is on hold.", code="U018", fix=f"Choose: {ways}.")


def _stop(records: Records, drill: str, reason: str, *, hold: bool = False) -> Draft:
    return _draft(records, drill, Kind.ABORT_REQUESTED, reason=reason, channel="cli", hold=hold)


def _decision(records: Records, drill: str, verb: str, *, subject: str = "", by: str = "person:operator", **data: Any) -> Draft:
    return _draft(records, drill, Kind.OPERATOR_DECIDED, by=by, verb=verb, subject=subject or drill, **data)


def _draft(records: Records, drill: str, kind: Kind, *, by: str = "person:operator", **data: Any) -> Draft:
    return records.recorder(drill).draft(kind, f"operator/{uuid.uuid4().hex}", by=by, **data)


def _write(records: Records, drill: str, *drafts: Draft) -> None:
    records.recorder(drill).say_all(list(drafts))


def _open(drill: str | None, *, untold_too: bool = False) -> tuple[Records, str]:
    """A drill that has not ended; with `untold_too` also one whose engine died before it told anybody of the end."""
    from drill.cli.look import open_records
    from drill.wiring.serving import refuse_stranded
    from drill.wiring.telling import told
    from drill.wiring.trust import trusted

    records = open_records()
    drill = trusted(records, records.known(drill))
    refuse_stranded(records, drill)
    progress = records.progress(drill)
    if progress.outcome and not (untold_too and not told(records, drill)):
        raise UsageError(f"{drill} has ended: {progress.outcome}.", code="U020", fix=f"See `drill show {drill}`.")
    return records, drill


def _play(records: Records, drill: str, *, as_json: bool, report_dir: Path | None, keep: bool = False) -> int:
    """Play the drill here, or follow the engine that plays it already."""
    from drill.cli.follow import follow_drill
    from drill.cli.leave import gone_on, leave_to_servers, stopping
    from drill.cli.play import EXIT_HELD, play, quiet
    from drill.wiring.locks import engine_holder
    from drill.wiring.serving import is_played_elsewhere

    if is_played_elsewhere(records, drill):
        if keep:
            click.echo("note: another engine plays this drill; what becomes of its sandbox is up to that one, not to --keep", err=True)
        return leave_to_servers(records, drill, as_json=as_json, report_dir=report_dir)
    holder = engine_holder(records.settings)
    if holder is None or holder.drill != drill:
        return play(records, drill, as_json=as_json, report_dir=report_dir, keep=keep)
    try:
        with stopping(records, drill, quiet, ours=False):
            ended = follow_drill(records, drill, as_json=as_json, out=sys.stdout, alive=lambda: engine_holder(records.settings) is not None)
    except KeyboardInterrupt:
        return gone_on(records, drill)
    if ended is None:
        raise UsageError(f"the engine of {drill} (pid {holder.pid}) is gone.", code="U021", fix=f"`drill resume {drill}` goes on.")
    return EXIT_HELD if ended.kind is Kind.DRILL_HELD else int(ended.data["exit_code"])
