"""`drill serve`: plays drills from the queue, beside other servers of the same database."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import click


@click.command(name="serve")
@click.option("--worker", is_flag=True, help="Play queued drills only.")
@click.option("--id", "name", metavar="NAME", help="Name this server.  [default: host and pid]")
def command(name: str | None, *, worker: bool) -> None:
    r"""Play queued drills until SIGTERM; then hand over and leave with 0.

    Several servers share one Postgres (DRILL_DATABASE_URL): when one dies, another goes on with its drills.

    \b
    Examples:
      drill serve
      DRILL_DATABASE_URL=postgresql://drill@db/drill drill serve --worker --id tokyo-1
    """
    from drill.wiring.serving import serve

    serve(name, say=_say)
    sys.stdout.flush()
    os._exit(0)  # a drill that was handed over has threads that wait here


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3] + f" {text}")
    sys.stdout.flush()
