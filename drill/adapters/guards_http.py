"""Looks at guards that Prometheus or Alertmanager answer for: one request a look, never beyond the guard's own patience."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlencode

from drill.adapters.probes_http import Answer, Exchange, ProbeFailed, Target, target_of
from drill.model.errors import Fatal, PreflightFailed
from drill.model.guards import Look
from drill.model.plan import Guard, Probe

_LONGEST_WORDS = 200
_Said = tuple[Literal["holds", "broken", "firing", "lost"], str]


class HttpGuards:
    """Asks guards by name (port GuardRunner). Raises: PreflightFailed: a guard has no usable address (F063)."""

    def __init__(self, guards: Iterable[Guard]) -> None:
        self._guards = {guard.id: guard for guard in guards if guard.asks != "probe"}
        self._targets = {name: _target(guard) for name, guard in self._guards.items()}
        # A name server that hangs must not hold up the end of the process's event loop, which waits for its own threads.
        self._resolver = ThreadPoolExecutor(2, thread_name_prefix="guards")

    def ask(self, guard: str) -> Look:
        """Look once and wait for the answer. Raises: Fatal: no guard has this name (A261)."""
        return asyncio.run(self.look(guard))

    async def look(self, guard: str) -> Look:
        """Look once; gives up after the guard's `for_s`. Never raises for a guard that cannot be seen: that is its answer."""
        if guard not in self._guards:
            raise Fatal(f"there is no guard {guard!r} to ask.", code="A261", fix=f"Known: {', '.join(sorted(self._guards)) or 'none'}.")
        asked, target = self._guards[guard], self._targets[guard]
        sent_s = time.monotonic()
        try:
            async with asyncio.timeout(asked.for_s):
                answer = await self._exchange(target)
            state, detail = _read_prometheus(answer) if asked.asks == "prometheus" else _read_alertmanager(answer, asked.alert)
        except TimeoutError:
            state, detail = "lost", f"{target.host}:{target.port} does not answer"
        except ProbeFailed as failed:
            state, detail = "lost", f"{target.host}:{target.port} gives no whole answer ({failed.error})"
        except (OSError, UnicodeError) as failed:  # a name that is no name is a UnicodeError to the resolver
            why = getattr(failed, "strerror", None) or type(failed).__name__
            state, detail = "lost", f"{target.host}:{target.port} cannot be reached ({why})"
        return Look(sent_s, time.monotonic(), state, _short(detail))

    async def _exchange(self, target: Target) -> Answer:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._resolver, socket.getaddrinfo, target.host, target.port, 0, socket.SOCK_STREAM)
        address = str(found[0][4][0])
        exchange = Exchange(target)
        tls, name = (self._tls, target.host) if target.tls else (None, None)
        try:
            await loop.create_connection(lambda: exchange, address, target.port, ssl=tls, server_hostname=name)
            return await exchange.done
        finally:
            exchange.abort()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _target(guard: Guard) -> Target:
    try:
        return target_of(Probe(id=guard.id, http=_question(guard)))
    except PreflightFailed as error:
        fix = "Give it `url: http://host[:port]`."
        raise PreflightFailed(f"guard {guard.id!r} cannot be asked at {guard.url!r}.", code="F063", fix=fix) from error


def _question(guard: Guard) -> str:
    base = guard.url.rstrip("/")
    if guard.asks == "prometheus":
        words = {"query": guard.query, "timeout": f"{round(guard.for_s * 1000)}ms"}
        return f"{base}/api/v1/query?{urlencode(words)}"
    name = guard.alert.replace("\\", "\\\\").replace('"', '\\"')
    matcher = f'alertname="{name}"'
    return f"{base}/api/v2/alerts?{urlencode({'filter': matcher})}"


def _read_prometheus(answer: Answer) -> _Said:
    """Whether the query returned a series: like an alerting rule, whatever its value."""
    body = _json(answer)
    error = body.get("error") if isinstance(body, dict) else None
    if answer.status != 200 or not isinstance(body, dict) or body.get("status") != "success":
        return "lost", f"Prometheus answered {answer.status}" + (f": {error}" if isinstance(error, str) else "")
    data = body.get("data")
    kind, rows = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind != "vector" or not isinstance(rows, list):
        return "lost", f"the query returned {kind or 'something else'}, not a vector of series"
    return ("holds", "") if rows else ("broken", "the query returned nothing")


def _read_alertmanager(answer: Answer, alert: str) -> _Said:
    """Whether the alert fires: silencing or inhibiting it keeps it from people, not from us."""
    body = _json(answer)
    if answer.status != 200 or not isinstance(body, list):
        return "lost", f"Alertmanager answered {answer.status}" + (f": {body}" if isinstance(body, str) else "")
    firing = [
        row for row in body if isinstance(row, dict) and isinstance(row.get("labels"), dict) and row["labels"].get("alertname") == alert
    ]
    if not firing:
        return "holds", ""
    since = min(str(row.get("startsAt", "?")) for row in firing)
    return "firing", f"the alert {alert} has been firing since {since}"


def _json(answer: Answer) -> Any:
    """What the answer holds; nothing when it is no JSON."""
    try:
        return json.loads(answer.text())
    except ValueError:
        return None


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…"
