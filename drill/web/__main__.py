"""The web server as a process of its own, so that nothing a drill does delays an answer: `python -m drill.web --port 8080 --ready FILE`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn

from drill.adapters.inbox_sql import SqlInbox
from drill.model.errors import DrillError, PreflightFailed
from drill.settings import Settings, receive_handed_down
from drill.web.app import build
from drill.web.patience import ImpatientHttp
from drill.web.storing import Storekeeper
from drill.web.vantage import VantageDoor
from drill.wiring.inboxes import forget_ended, inboxes_by_path
from drill.wiring.records import Records
from drill.wiring.vantage_desk import open_desk

MOST_AT_ONCE = 800
_BACKLOG = 512
_IDLE_S = 15
_LONGEST_HEADERS = 16 * 1024
_ORPHANED_EVERY_S = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent; the exit code is 3 when the address cannot be taken."""
    parser = argparse.ArgumentParser(prog="python -m drill.web", description="Takes in what carriers push. `drill serve --web` starts it.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--ready", type=Path, required=True, help="says pid and address as JSON while it serves")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        receive_handed_down()
        records = Records(Settings.load())
        worlds = inboxes_by_path(records)
        listener = listen(given.host, given.port)
    except DrillError as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    with suppress(KeyboardInterrupt):
        door = VantageDoor(open_desk(records), records.clock)
        _serve(given.ready, listener, worlds, door, tidy=lambda: forget_ended(records, worlds.values()))
    return 0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises: PreflightFailed: the address is taken, or not of this machine (F026)."""
    # asyncio sends small answers at once only over sockets that say they are TCP; over others each costs 40 ms
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        what = f"the web address {host}:{port} cannot be used: {os.strerror(error.errno) if error.errno else error}."
        raise PreflightFailed(what, code="F026", fix="Choose another --web HOST:PORT.") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """HOST:PORT as a URL writes it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _serve(ready: Path, listener: socket.socket, worlds: Mapping[str, SqlInbox], door: VantageDoor, *, tidy: Callable[[], None]) -> None:
    keeper = Storekeeper(next(iter(worlds.values())), tidy)

    def end() -> None:
        server.should_exit = True

    app = build(worlds, keeper, vantage=door, around=lambda: _shown(ready, address_of(listener), end))
    config = uvicorn.Config(
        app,
        http=ImpatientHttp,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_LONGEST_HEADERS,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])


@asynccontextmanager
async def _shown(ready: Path, address: str, end: Callable[[], None]) -> AsyncIterator[None]:
    """Say where we are while we serve, and end with whoever started us."""
    parent, loop = os.getppid(), asyncio.get_running_loop()

    def watch() -> None:
        if os.getppid() != parent:
            end()
        else:
            loop.call_later(_ORPHANED_EVERY_S, watch)

    _show(ready, address)
    watch()
    try:
        yield
    finally:
        _hide(ready)


def _show(ready: Path, address: str) -> None:
    draft = ready.with_name(f".{ready.name}.{os.getpid()}")
    draft.write_text(json.dumps({"pid": os.getpid(), "address": address}), encoding="ascii")
    draft.replace(ready)


def _hide(ready: Path) -> None:
    """Remove what tells of us, unless another has taken our place meanwhile."""
    with suppress(OSError, ValueError):
        if json.loads(ready.read_text(encoding="ascii"))["pid"] == os.getpid():
            ready.unlink()


if __name__ == "__main__":
    sys.exit(main())
