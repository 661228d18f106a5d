"""The web application: the addresses that carriers and vantage points push to, and whether all is well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from drill.adapters.inbox_sql import SqlInbox
from drill.web.pushes import PushDoor
from drill.web.storing import Storekeeper
from drill.web.vantage import VantageDoor

Around = Callable[[], AbstractAsyncContextManager[None]]


def build(
    worlds: Mapping[str, SqlInbox], keeper: Storekeeper, *, vantage: VantageDoor | None = None, around: Around | None = None
) -> Starlette:
    """The application for these secret paths; `around` is entered when it begins to serve and left when it ends.

    With `vantage`, vantage points are served too.
    """
    door = PushDoor(worlds, keeper)

    async def health(_request: Request) -> Response:
        tally = keeper.tally
        row = {"ok": not tally.trouble, "trouble": tally.trouble, "waiting": tally.waiting, "kept": tally.kept}
        return JSONResponse(row, 503 if tally.trouble else 200)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        keeper.start()
        try:
            if around is None:
                yield
            else:
                async with around():
                    yield
        finally:
            keeper.stop()
            if vantage is not None:
                vantage.close()

    routes = [
        Route("/healthz", health),
        Route("/sms/{secret}", door.take, methods=["POST"]),
        Route("/sms/{secret}/{kind}", door.take, methods=["POST"]),
    ]
    if vantage is not None:
        routes.append(Route("/probe/{vantage}", vantage.serve, methods=["GET", "POST"]))
    app = Starlette(routes=routes, lifespan=life, exception_handlers={HTTPException: _refused})
    app.router.redirect_slashes = False  # a redirect would tell which paths are nearly right
    return app


async def _refused(_request: Request, error: Exception) -> Response:
    """The same few words for every path that is not there, whatever is nearly right about it."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in {404, 405}:
        return PlainTextResponse("not found\n", 404, headers={"connection": "close"})
    return PlainTextResponse("refused\n", status, headers={"connection": "close"})
