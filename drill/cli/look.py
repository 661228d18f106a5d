"""`drill status`, `show`, `list` and `logs`: look at drills without touching them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from drill.cli.completing import drills

if TYPE_CHECKING:
    from drill.model.progress import Progress
    from drill.wiring.records import Records

_DRILL = click.argument("drill", required=False, metavar="[DRILL]", shell_complete=drills)
_BROKEN = "broken"
_EXIT_BROKEN = 6
_OF_ONE_DRILL = frozenset({"J001", "J002", "J003", "J007", "J008"})
"""Troubles with the record of one drill; the others are with the journal as a whole."""
_UNFINISHED = frozenset({"planned", "running", "held"})
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")


def open_records() -> Records:
    """The records of the current DRILL_HOME."""
    from drill.settings import Settings
    from drill.wiring.records import Records

    return Records(Settings.load())


def open_to_look() -> Records:
    """The same, as they are: nothing is written, and a read-only DRILL_HOME will do."""
    from drill.settings import Settings
    from drill.wiring.records import Records

    return Records.to_look_at(Settings.load())


def _status(records: Records, drill: str, progress: Progress) -> dict[str, Any]:
    from drill.model.ways import ways_on
    from drill.wiring.vantage_heard import last_heard

    if progress.plan is None:
        return {"drill": drill, "state": "planned", "steps": []}
    return {
        "drill": drill,
        "scenario": progress.plan.scenario,
        "mode": str(progress.plan.mode),
        "state": progress.state,
        "exit_code": progress.exit_code,
        **_engine(records, drill, progress),
        "point_of_no_return": progress.no_return,
        "abort": progress.abort or None,
        "phases": [{"id": phase.id, "state": progress.phases.get(phase.id, "pending")} for phase in progress.plan.all_phases()],
        "steps": [
            {"id": step.id, "phase": step.phase, "state": progress.step(step.id).state, "attempts": progress.step(step.id).attempts}
            for step in progress.plan.steps()
        ],
        "gates": [
            {
                "id": gate.id,
                "state": progress.gate(gate.id).state,
                "asked": list(progress.gate(gate.id).asked),
                "deadline": deadline.isoformat() if (deadline := progress.gate(gate.id).deadline) else None,
            }
            for gate in progress.plan.gates
        ],
        "asked": [{"step": step, "why": row.why_asked} for step, row in progress.steps.items() if row.asked and not row.decided],
        "vantage_points": last_heard(records, drill, progress.plan) if progress.state in _UNFINISHED else [],
        "left": list(progress.left),
        "ground_gone": progress.ground_gone,
        "ways": [str(way) for way in ways_on(progress, drill)] if progress.state == "held" else [],
        "needs_engine": _stranded(records).get(drill) if progress.state in _UNFINISHED else None,
    }


def _engine(records: Records, drill: str, progress: Progress) -> dict[str, Any]:
    """Who plays it, here or elsewhere, and which servers take it when nobody does."""
    from drill.wiring.players import player_of, told_servers

    player = player_of(records, drill)
    waits = player is None and progress.state in {"planned", "running"}
    return {
        "engine_pid": player.pid if player else None,
        "engine": {**player.row(), "told": str(player)} if player else None,
        "taken_by": told_servers(records) if waits else "",
    }


@click.command()
@_DRILL
@_JSON
def status(drill: str | None, *, as_json: bool) -> None:
    r"""Say where a drill stands (the newest when none is named).

    \b
    Example:
      drill status my-drill --json
    """
    from drill.wiring.trust import trusted

    records = open_to_look()
    drill = trusted(records, records.known(drill))
    row = _status(records, drill, records.progress(drill))
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    engine = row["engine"]["told"] if row.get("engine") else "no engine"
    click.echo(f"{drill}: {row['state']} ({row.get('mode', '')}, {engine})")
    for step in row["steps"]:
        click.echo(f"  {step['state']:<12} {step['id']}")
    for gate in (gate for gate in row.get("gates", ()) if gate["state"] == "open" and row["state"] in _UNFINISHED):
        who = ", ".join(gate["asked"])
        click.echo(
            f"  {gate['id']} waits for {who} until {gate['deadline'][11:19]} UTC: `drill ack {drill} {gate['id']} --as {gate['asked'][-1]}`"
        )
    for asked in row.get("asked", ()):
        click.echo(f"  {asked['step']} waits for you: {asked['why']}: `drill retry {drill} {asked['step']}` or `drill skip …`")
    for line in _seen_and_left(row):
        click.echo(f"  {line}")
    if row.get("needs_engine"):
        click.echo(f"  it waits for an engine of version {row['needs_engine']}: go on with it, or end it, with the release that began it")
    elif row.get("taken_by"):
        click.echo(f"  {'its engine is gone' if row['state'] == 'running' else 'it is queued'}: taken next by {row['taken_by']}")
    elif row["state"] == "running" and not row.get("engine"):
        click.echo(f"  its engine is gone: `drill resume {drill}` goes on, `drill abort {drill}` takes it back")
    if row["state"] == "held":
        click.echo(f"  on hold: {', '.join(row['ways'])}")


def _stop_goes_on(row: dict[str, Any]) -> str:
    has_one = row.get("engine") or row.get("taken_by")
    return "its engine carries it out" if has_one else "the engine that goes on with it carries it out first"


def _seen_and_left(row: dict[str, Any]) -> Iterator[str]:
    if row.get("abort") and row["state"] in {"planned", "running"}:
        yield f"stop asked for ({row['abort']}): {_stop_goes_on(row)}"
    for point in row.get("vantage_points", ()):
        heard = f"last sample at {point['last_sample_at'][11:19]} UTC" if point["last_sample_at"] else "no sample lately"
        yield f"vantage point {point['id']}: {heard}"
    for what in row.get("left", ()):
        yield f"left for a person: {what}"
    if row.get("ground_gone"):
        yield "its ground is gone: nothing of it is left to take back"


@click.command()
@_DRILL
@_JSON
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def show(drill: str | None, *, as_json: bool, lang: str) -> None:
    r"""Show a drill's result so far: objectives, clocks, phases, who answered, what to fix.

    \b
    Example:
      drill show my-drill
    """
    from drill.views.jsonview import render_json
    from drill.views.markdown import render_markdown
    from drill.wiring.trust import trusted

    records = open_to_look()
    report = records.report(trusted(records, records.known(drill)))
    click.echo(render_json(report) if as_json else render_markdown(report, lang="zh" if lang == "zh" else "en"))


@click.command(name="list")
@_JSON
def list_drills(*, as_json: bool) -> int:
    r"""List past and running drills, oldest first; leaves with 6 when the record of one cannot be trusted.

    \b
    Example:
      drill list --json
    """
    records = open_to_look()
    rows = [_listed(records, drill) for drill in records.journal.drills()]
    versions = _stranded(records) if any(row["state"] in _UNFINISHED for row in rows) else {}
    rows = [{**row, "needs_engine": versions.get(row["drill"])} for row in rows]
    broken = any(row["state"] == _BROKEN for row in rows)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return _EXIT_BROKEN if broken else 0
    if not rows:
        click.echo("no drill yet: `drill run scenarios/sandbox-region-outage.yaml` runs one on this machine")
    for row in rows:
        _echo_listed(row)
    return _EXIT_BROKEN if broken else 0


def _listed(records: Records, drill: str) -> dict[str, Any]:
    """One line of the list. A record that cannot be trusted is listed as such, and hides none of the others."""
    from drill.model.errors import JournalBroken
    from drill.model.progress import Progress
    from drill.wiring.trust import trusted_facts

    try:
        facts = trusted_facts(records, drill)
        report, state = records.report(drill, facts, with_trend=False), Progress().apply(facts).state
    except JournalBroken as error:
        if error.code not in _OF_ONE_DRILL:
            raise
        nothing = dict.fromkeys(("scenario", "mode", "exit_code", "at", "rta_s", "rto_met"))
        return {"drill": drill, "state": _BROKEN, **nothing, "error": {"code": error.code, "what": error.what, "fix": error.fix}}
    return {
        "drill": drill,
        "scenario": report.scenario,
        "mode": report.mode,
        "state": state,
        "exit_code": report.exit_code,
        "at": report.zero_at,
        "rta_s": report.rto.actual_s,
        "rto_met": report.rto.met,
        "error": None,
    }


def _echo_listed(row: dict[str, Any]) -> None:
    if row["error"]:
        click.echo(f"{row['drill']:<44} {row['state']:<10} [{row['error']['code']}] {row['error']['what']} {row['error']['fix']}")
        return
    rta = f"{row['rta_s']:.1f} s" if row["rta_s"] is not None else "unmeasured"
    click.echo(f"{row['drill']:<44} {row['state']:<10} {row['mode']:<8} RTA {rta:<11} {row['at'][:19]}")
    if row["needs_engine"]:
        click.echo(f"  it waits for an engine of version {row['needs_engine']}: go on with it, or end it, with the release that began it")


def _stranded(records: Records) -> dict[str, str]:
    """Unfinished drills that need an engine of another version."""
    from drill.wiring.serving import stranded

    return stranded(records)


@click.command()
@_DRILL
@click.option("--measurements", is_flag=True, help="Samples and canary rows too.")
@click.option("--artifact", metavar="SHA256", help="Print kept tool output instead; the start of its name will do.")
def logs(drill: str | None, *, measurements: bool, artifact: str | None) -> None:
    r"""Print a drill's facts, one JSON object a line, or a piece of kept tool output.

    Facts of a record that cannot be trusted are printed as they are; the error follows them.

    \b
    Example:
      drill logs my-drill | jq 'select(.kind == "StepFailed")'
    """
    from drill.model.errors import UsageError
    from drill.model.progress import DECISIVE
    from drill.wiring.trust import trusted

    records = open_to_look()
    drill = records.known(drill)
    if artifact:
        kept = records.artifacts()
        name = next((sha256 for sha256 in kept.names(drill) if sha256.startswith(artifact)), None)
        if name is None:
            raise UsageError(
                f"{drill} keeps no output {artifact!r}.", code="U014", fix=f"It keeps: {', '.join(kept.names(drill)) or 'none'}."
            )
        click.echo(kept.get(drill, name))
        return
    for fact in records.journal.read(drill, kinds=None if measurements else DECISIVE):
        click.echo(json.dumps(fact.row(), ensure_ascii=False))
    trusted(records, drill)
