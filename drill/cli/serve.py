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
@click.option("--web", metavar="HOST:PORT", help="Take in what carriers push; a port alone is on 127.0.0.1, 0 takes a free one.")
@click.option("--id", "name", metavar="NAME", help="Name this server.  [default: host and pid]")
@click.option("--allow-live", is_flag=True, help="Let schedules start drills that touch real sites; each needs `live: true` and a go gate.")
def command(scenarios: tuple[Path, ...], name: str | None, *, worker_only: bool, sender: bool, web: str | None, allow_live: bool) -> None:
    r"""Play queued drills, and start those that the scenarios' schedules want, until SIGTERM; then hand over and leave with 0.

    Steps that run then may end, for at most 20 s; a second SIGTERM interrupts them.

    Several servers share one Postgres (DRILL_DATABASE_URL): when one dies, another goes on with its drills. With --sender it sends what
    workers elsewhere leave in that database, so that only its host needs the providers' keys and a way to them.
    With --web carriers can push answers and receipts: give them http://…/sms/ and the secret PUSH_PATH, with TLS in front of it.

    \b
    Examples:
      drill serve scenarios/
      DRILL_SECRET_PUSH_PATH=$(openssl rand -hex 32) drill serve --web 8080 scenarios/
      DRILL_DATABASE_URL=postgresql://drill@db/drill drill serve --worker --id tokyo-1
      DRILL_DATABASE_URL=postgresql://drill@db/drill drill serve --sender --id hangzhou-1
    """
    from drill.cli.loading import scenario_files
    from drill.wiring.schedules import entries_of
    from drill.wiring.serving import serve

    if sender and (worker_only or allow_live or scenarios or web):
        raise UsageError("--sender plays nothing.", fix="Leave out --worker, --web, --allow-live and scenarios.")
    if sender:
        from drill.wiring.senders import serve_sender

        serve_sender(name or f"{platform.node()}-{os.getpid()}", say=_say)
        return
    entries = [] if worker_only else entries_of(list(scenario_files(scenarios)))
    serve(name, entries, allow_live=allow_live, say=_say, web=_address(web) if web else None)
    sys.stdout.flush()
    os._exit(0)  # a drill that was handed over has threads that wait here


def _address(text: str) -> tuple[str, int]:
    """Host and port. Raises: UsageError: it is neither HOST:PORT nor a port."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--web {text} is no HOST:PORT.", code="U046", fix="Write one such as 127.0.0.1:8080, or a port alone.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3] + f" {text}")
    sys.stdout.flush()
