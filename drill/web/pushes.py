"""The address that carriers push to: takes answers and receipts, stores them, and says so as the carrier wants to hear it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from drill.adapters.inbox_aliyun import read_item
from drill.adapters.inbox_sql import SqlInbox
from drill.model.ports import InboundMessage
from drill.web.storing import Busy, Storekeeper

LONGEST_BODY: Final = 256 * 1024
MOST_ITEMS: Final = 1000
BODY_WITHIN_S: Final = 5.0
STORED_WITHIN_S: Final = 0.5
"""The carrier gives up after 0.7 s and then comes again after a minute."""

TAKEN: Final = '{"code":0,"msg":"接收成功"}'.encode()
_BUSY: Final = b'{"code":1,"msg":"busy"}'
_JSON: Final = "application/json;charset=utf-8"
_CLOSE: Final = {"connection": "close"}


class PushDoor:
    """One endpoint for every secret path. `worlds` maps each path to the inbox of its world."""

    def __init__(self, worlds: Mapping[str, SqlInbox], keeper: Storekeeper) -> None:
        self._worlds = [(_digest(path), inbox) for path, inbox in worlds.items()]
        self._keeper = keeper

    async def take(self, request: Request) -> Response:
        """Store what a carrier pushed. Raises: HTTPException: a wrong path (404), too much (413) or too slow (408)."""
        inbox = self._world(request.path_params["secret"])
        if inbox is None or request.path_params.get("kind", "up") not in {"up", "report"}:
            raise HTTPException(404)
        try:
            body = await read_body(request)
            if messages := read_push(body):
                await self._keeper.keep(inbox, messages, within_s=STORED_WITHIN_S)
        except Busy:
            return Response(_BUSY, 503, media_type=_JSON)
        except ClientDisconnect:
            return Response(b"", 400)  # nobody hears it
        return Response(TAKEN, media_type=_JSON)

    def _world(self, given: str) -> SqlInbox | None:
        """The inbox of a path; takes as long for a wrong one as for a right one."""
        found, digest = None, _digest(given)
        for known, inbox in self._worlds:
            if hmac.compare_digest(known, digest):
                found = inbox
        return found


def read_push(body: bytes) -> list[InboundMessage]:
    """The messages in a push. Garbage has none: a console that tries the address out sends some, and must hear that all is well.

    Raises: HTTPException: more items than any carrier sends at once (413).
    """
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        return []
    items: Sequence[Any] = given if isinstance(given, list) else [given]
    if len(items) > MOST_ITEMS:
        raise HTTPException(413, headers=_CLOSE)
    return [message for message in map(read_item, items) if message is not None]


async def read_body(request: Request) -> bytes:
    """The whole body. Raises: HTTPException: too long (413), or too slow (408). ClientDisconnect: the caller left."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > LONGEST_BODY:
        raise HTTPException(413, headers=_CLOSE)
    parts, length = [], 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                parts.append(part)
                length += len(part)
                if length > LONGEST_BODY:
                    raise HTTPException(413, headers=_CLOSE)
    except TimeoutError as error:
        raise HTTPException(408, headers=_CLOSE) from error
    return b"".join(parts)


def _digest(path: str) -> bytes:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()
