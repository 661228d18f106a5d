"""PostgreSQL connections that never block longer than they are told: a frozen server acknowledges packets and answers nothing."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drill.model.errors import PreflightFailed

if TYPE_CHECKING:
    from psycopg import pq


class ConnectionBroken(Exception):
    """The server is gone, refuses, or has not answered in time. `sqlstate` when it said why."""

    def __init__(self, what: str, sqlstate: str = "") -> None:
        super().__init__(what)
        self.sqlstate = sqlstate


class Connection:
    """One libpq connection, opened in the background, driven without blocking (libpq's own time limits do not bind a frozen server)."""

    def __init__(self, conninfo: str) -> None:
        from psycopg import pq

        self._pg = pq.PGconn.connect_start(conninfo.encode())
        self._wants = select.POLLOUT
        self.opened_s = time.monotonic()
        self.ready = False

    @property
    def file_number(self) -> int:
        """The socket to wait on; -1 while there is none."""
        return self._pg.socket if not self.failed else -1

    @property
    def wants(self) -> int:
        """What to wait for: POLLIN or POLLOUT."""
        return self._wants

    @property
    def failed(self) -> bool:
        """Whether it cannot become or stay a connection."""
        from psycopg import pq

        return bool(self._pg.status == pq.ConnStatus.BAD)

    def step(self) -> None:
        """Go on with opening after the socket became ready. Raises: ConnectionBroken: it will not open."""
        from psycopg import pq

        if self.failed:
            raise ConnectionBroken(self.why)
        state = self._pg.connect_poll()
        if state == pq.PollingStatus.FAILED:
            raise ConnectionBroken(self.why)
        self._wants = select.POLLOUT if state == pq.PollingStatus.WRITING else select.POLLIN
        if state == pq.PollingStatus.OK:
            self._pg.nonblocking = 1
            self.ready = True

    def close(self) -> None:
        """Drop the connection at once, answered or not."""
        self._pg.finish()

    def query(self, sql: str, values: Sequence[str | int], *, until_s: float) -> list[list[str]]:
        """Run one statement and return its rows as text. `until_s` is a monotonic moment.

        Raises: ConnectionBroken: an error, or no answer by then; either way the connection is closed and the effect is unknown
        unless `sqlstate` is given.
        """
        import psycopg

        try:
            self._pg.send_query_params(sql.encode(), [str(value).encode() for value in values])
            while self._pg.flush():
                self._await(select.POLLOUT, until_s)
            rows: list[list[str]] = []
            while (result := self._next(until_s)) is not None:
                rows = self._rows(result)
        except psycopg.Error as error:
            self.close()
            raise ConnectionBroken(str(error)) from error
        except ConnectionBroken:
            self.close()
            raise
        return rows

    def _next(self, until_s: float) -> pq.abc.PGresult | None:
        while self._pg.is_busy():
            self._await(select.POLLIN, until_s)
            self._pg.consume_input()
        return self._pg.get_result()

    def _rows(self, result: pq.abc.PGresult) -> list[list[str]]:
        from psycopg import pq

        if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
            state = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
            raise ConnectionBroken((result.error_message or b"").decode(errors="replace").strip(), state.decode())
        return [[(result.get_value(row, column) or b"").decode() for column in range(result.nfields)] for row in range(result.ntuples)]

    def _await(self, event: int, until_s: float) -> None:
        left_s = until_s - time.monotonic()
        poller = select.poll()
        poller.register(self._pg.socket, event)
        if left_s <= 0 or not poller.poll(left_s * 1000):
            raise ConnectionBroken("no answer in time")

    @property
    def why(self) -> str:
        """What libpq says about the failure; it names hosts, never passwords."""
        return str(self._pg.error_message.decode(errors="replace")).strip() or "the connection failed"


def each_host(conninfo: str, session: str) -> list[str]:
    """One connection string per host of a multi-host one, each asking for the session kind (`read-write` or `any`).

    Raises: PreflightFailed: it is none (F067). Its text, which holds a password, is not told.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(conninfo).items() if value is not None}
    except psycopg.ProgrammingError:
        raise PreflightFailed(
            "the canary's connection string cannot be read.", code="F067", fix="Write it as host=… port=… user=… password=… dbname=…."
        ) from None
    lists = {key: parts.pop(key).split(",") for key in ("host", "hostaddr", "port") if key in parts}
    count = max((len(values) for key, values in lists.items() if key != "port"), default=1)
    parts |= {"target_session_attrs": session, "connect_timeout": "0"}
    return [make_conninfo("", **parts, **{key: values[min(n, len(values) - 1)] for key, values in lists.items()}) for n in range(count)]


def open_any(conninfo: str, *, until_s: float, insist: bool = True) -> Connection:
    """A connection to the first host that takes one. Hosts that refuse are asked again only by those that insist.

    Raises: ConnectionBroken: none does by the monotonic moment `until_s`.
    """
    race = Race(conninfo, session="any", again_s=0.1 if insist else math.inf, give_up_s=math.inf)
    try:
        winner = race.winner(until_s=until_s)
        if winner is None:
            raise ConnectionBroken(race.why or "no answer in time")
        return winner
    finally:
        race.close()


class Race:
    """Opens connections to every host at once and keeps at it between calls: a frozen host never holds up the one that took over.

    A host that refuses is asked again after `again_s`; one that says nothing is dropped and asked again after `give_up_s`.
    """

    def __init__(self, conninfo: str, *, session: str, again_s: float, give_up_s: float) -> None:
        self._hosts = each_host(conninfo, session)
        self._again_s = again_s
        self._give_up_s = give_up_s
        self._running: dict[int, Connection] = {}
        self._not_before_s = dict.fromkeys(range(len(self._hosts)), 0.0)
        self.why = ""
        """What the last host to refuse said."""

    def winner(self, *, until_s: float) -> Connection | None:
        """The first connection that is open by the monotonic moment; the others are dropped. None: none yet, call again."""
        while True:
            self._start()
            if not self._running and min(self._not_before_s.values()) == math.inf:
                return None  # every host has refused, and none is asked again
            if (open_one := self._advance(until_s)) is not None:
                self.close()
                return open_one
            if time.monotonic() >= until_s:
                return None

    def close(self) -> None:
        """Drop what is still opening."""
        for connection in self._running.values():
            connection.close()
        self._running.clear()

    def _start(self) -> None:
        now = time.monotonic()
        for host, connection in list(self._running.items()):
            if now - connection.opened_s > self._give_up_s:
                self._drop(host, "no answer in time", again_s=0.0)
        for host, conninfo in enumerate(self._hosts):
            if host not in self._running and now >= self._not_before_s[host]:
                self._running[host] = Connection(conninfo)
                if self._running[host].failed:
                    self._drop(host, self._running[host].why, again_s=self._again_s)

    def _advance(self, until_s: float) -> Connection | None:
        poller = select.poll()
        by_file = {connection.file_number: host for host, connection in self._running.items()}
        for host in self._running:
            poller.register(self._running[host].file_number, self._running[host].wants)
        wake_s = min([until_s, *(moment for host, moment in self._not_before_s.items() if host not in self._running)])
        for file_number, _ in poller.poll(max(0.0, (wake_s - time.monotonic()) * 1000)):
            host = by_file[file_number]
            try:
                self._running[host].step()
            except ConnectionBroken as refused:
                self._drop(host, str(refused), again_s=self._again_s)
                continue
            if self._running[host].ready:
                return self._running.pop(host)
        return None

    def _drop(self, host: int, why: str, *, again_s: float) -> None:
        self.why = why
        self._running.pop(host).close()
        self._not_before_s[host] = time.monotonic() + again_s
