"""One database connection with hard deadlines, which libpq does not have: a frozen server acknowledges and never answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class Session:
    """A connection made when it is first needed and again after it broke. For one task at a time."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def ask(self, sql: str, parameters: Sequence[Any] = (), *, deadline_s: float) -> list[tuple[Any, ...]]:
        """As `execute`, for a statement that may run twice: a connection that died while it was idle is replaced once."""
        import psycopg

        loop = asyncio.get_running_loop()
        due_s = loop.time() + deadline_s
        reused = not self._fresh
        try:
            return await self.execute(sql, parameters, deadline_s=deadline_s)
        except psycopg.Error:
            if not (reused and self._fresh):
                raise
        return await self.execute(sql, parameters, deadline_s=max(0.0, due_s - loop.time()))

    async def execute(self, sql: str, parameters: Sequence[Any] = (), *, deadline_s: float) -> list[tuple[Any, ...]]:
        """Run one statement in its own transaction and return its rows.

        Raises: TimeoutError: no answer within the deadline; the connection is gone and the statement in doubt. psycopg.Error.
        """
        work = asyncio.ensure_future(self._execute(sql, parameters))
        done, _ = await asyncio.wait({work}, timeout=deadline_s)
        if done:
            return work.result()
        self.close()  # cancelling alone would make psycopg talk to the frozen server for ten more seconds
        work.cancel()
        await asyncio.wait({work})
        raise TimeoutError(f"the database did not answer within {deadline_s:g} s")

    def close(self) -> None:
        """Drop the connection at once, whatever it is doing."""
        if self._connection is not None:
            self._connection.pgconn.finish()
            self._connection = None

    @property
    def _fresh(self) -> bool:
        """Whether the next statement opens a new connection."""
        return self._connection is None or self._connection.closed

    async def _execute(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        import psycopg

        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        cursor = await self._connection.execute(sql, parameters)
        return await cursor.fetchall() if cursor.description else []
