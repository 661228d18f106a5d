"""`drill serve`: plays drills from the queue and by schedule, beside other servers of the same database."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from drill.model.errors import UsageError


@click.command(name="serve")
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[SCENARIO…]")
@click.option("--worker", "worker_only", is_flag=True, help="Play queued drills only; start none by schedule.")
@click.option("--sender", is_flag=True, help="Send the messages of workers that run with DRILL_SEND=elsewhere; play nothing.")
@click.option("--id", "name", metavar="NAME", help="Name this server.  [default: host and pid]")
@click.option("--allow-live", is_flag=True, help="Let schedules start drills that touch real sites; each needs `live: true` and a go gate.")
def command(scenarios: tuple[Path, ...], name: str | None, *, worker_only: bool, sender: bool, allow_live: bool) -> None:
    r"""Play queued drills, and start those that the scenarios' schedules want, until SIGTERM; then hand over and leave with 0.

    Steps that run then may end, for at most 20 s; a second SIGTERM interrupts them.

    Several servers share one Postgres (DRILL_DATABASE_URL): when one dies, another goes on with its drills. With --sender it sends what
    workers elsewhere leave in that database, so that only its host needs the providers' keys and a way to them.

    \b
    Examples:
      drill serve scenarios/
      DRILL_DATABASE_URL=postgresql://drill@db/drill drill serve --worker --id tokyo-1
      DRILL_DATABASE_URL=postgresql://drill@db/drill drill serve --sender --id hangzhou-1
    """
    from drill.cli.loading import scenario_files
    from drill.wiring.schedules import entries_of
    from drill.wiring.serving import serve

    if sender and (worker_only or allow_live or scenarios):
        raise UsageError("--sender plays nothing.", fix="Leave out --worker, --allow-live and scenarios.")
    if sender:
        from drill.wiring.senders import serve_sender

        serve_sender(name or f"{platform.node()}-{os.getpid()}", say=_say)
        return
    entries = [] if worker_only else entries_of(list(scenario_files(scenarios)))
    serve(name, entries, allow_live=allow_live, say=_say)
    sys.stdout.flush()
    os._exit(0)  # a drill that was handed over has threads that wait here


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3] + f" {text}")
    sys.stdout.flush()
