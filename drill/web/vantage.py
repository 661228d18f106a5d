"""The address that vantage points ask for work and send samples to; nothing it does delays an answer to a carrier."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from drill.model.errors import DrillError
from drill.model.ports import Clock
from drill.model.vantage_wire import CLOCK_HEADER, Batch, ServerClock
from drill.web.pushes import read_body
from drill.wiring.vantage_desk import Receipt, Seat, VantageDesk, digest_of

ANSWERED_WITHIN_S: Final = 4.0
MOST_WAITING: Final = 32
"""So many requests wait for the journal at once; the next are asked to come again."""
_CLOSE: Final = {"connection": "close"}
_NOBODY: Final = bytes(32)
T = TypeVar("T")


class _Busy(Exception):
    """Nothing was promised: the agent comes again, and the same sample twice is one."""


class VantageDoor:
    """Serves GET and POST of `/probe/{vantage}`. All work with the journal is done by one thread, in turn."""

    def __init__(self, desk: VantageDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vantage")
        self._waiting = 0

    def close(self) -> None:
        """Take no more; what is being written is written."""
        self._pool.shutdown(cancel_futures=True)

    async def serve(self, request: Request) -> Response:
        """Work, or a receipt. Raises: HTTPException: an unknown point or a wrong key (404), too much (413) or too slow (408)."""
        came_s = self._clock.mono_s()
        try:
            seats = await self._seats(request)
            answer = await (self._take(request, seats) if request.method == "POST" else self._give(request, seats))
        except (_Busy, TimeoutError, DrillError):
            return PlainTextResponse("busy\n", 503)
        except ClientDisconnect:
            return Response(b"", 400)  # nobody hears it
        epoch = self._clock.epoch.partition("-")[0]
        answer.headers[CLOCK_HEADER] = ServerClock(epoch, came_s, self._clock.mono_s(), self._clock.now()).header()
        return answer

    async def _seats(self, request: Request) -> Sequence[Seat]:
        """The seats that the caller's key opens; it takes as long for a wrong key as for a right one."""
        word, _, key = request.headers.get("authorization", "").partition(" ")
        given = digest_of(key) if word.lower() == "bearer" and key else _NOBODY
        known = await self._in_turn(lambda: self._desk.seats(request.path_params["vantage"]))
        seats = [seat for seat in known if hmac.compare_digest(seat.key, given)]
        if not seats:
            raise HTTPException(404)
        return seats

    async def _give(self, request: Request, seats: Sequence[Seat]) -> Response:
        scenario = request.query_params.get("scenario", "")
        order = await self._in_turn(lambda: self._desk.order(seats, scenario))
        return Response(status_code=204) if order is None else JSONResponse(order.model_dump(mode="json"))

    async def _take(self, request: Request, seats: Sequence[Seat]) -> Response:
        body = await read_body(request)
        try:
            batch = Batch.model_validate_json(body)
        except ValidationError as error:
            first: Any = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            return PlainTextResponse(f"{place}: {first['msg']}\n"[:300], 422, headers=_CLOSE)
        receipt: Receipt = await self._in_turn(lambda: self._desk.take(seats, batch))
        if receipt.over:
            return PlainTextResponse("the drill is over\n", 410)
        return JSONResponse({"stored": receipt.stored, "refused": receipt.refused, "why": receipt.why})

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Have the one thread do it. Raises: _Busy: too many wait. TimeoutError: not in time; it may be done all the same."""
        if self._waiting >= MOST_WAITING:
            raise _Busy
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._done)
        return await asyncio.wait_for(asyncio.shield(future), ANSWERED_WITHIN_S)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # taken note of: whoever asked may have gone
