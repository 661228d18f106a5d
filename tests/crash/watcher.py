"""The observer of a scripted drill: a thread of the harness, so that it outlives every engine; samples follow the world's state."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drill.adapters.clock import SystemClock
from drill.adapters.journal_sql import SqlJournal
from drill.model.events import Draft, Kind
from tests.crash.world import ScriptedWorld, serving_site, writable

EVERY_S = 0.01
_LOOK_EVERY_S = 0.03
_SELDOM = 5
"""The heartbeat is asked, and a row written, once in so many samples."""
_LOSS_AFTER_S = 0.15
_USER, _BEAT = "checkout", "heartbeat"


class Watcher:
    """Writes what users, the heartbeat and the canary would have seen, one row per due moment, whoever runs the engine."""

    def __init__(self, drill: str, journal: SqlJournal, world: ScriptedWorld) -> None:
        self._drill = drill
        self._journal = journal
        self._world = world
        self._clock = SystemClock()
        self._stop = threading.Event()
        self._k = 0
        self._start_s = math.inf
        self._lost_since_s = math.inf
        self._site = "primary"

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stop.wait(_LOOK_EVERY_S):
            observing = self._world.notes("observe").get("observe", False)
            if observing:
                self._look()

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def _look(self) -> None:
        state, now_s = self._world.state(), self._clock.mono_s()
        self._start_s = min(self._start_s, now_s)
        site, takes_writes = serving_site(state), bool(writable(state))
        drafts: list[Draft] = []
        while (due_s := self._start_s + self._k * EVERY_S) <= now_s:
            last = due_s + EVERY_S > now_s  # a late thread fills up with what held before: the change was seen just now
            drafts += self._sampled(due_s, site if last else self._site)
            if takes_writes and self._k % _SELDOM == 0:
                row = {"row": self._k + 1, "sent_s": due_s, "acked_s": due_s + 0.001}
                drafts.append(self._draft(Kind.CANARY_ACKNOWLEDGED, "canary", f"canary/watcher/{self._k}", row))
            self._k += 1
        self._site = site
        self._lost_since_s = math.inf if site else min(self._lost_since_s, now_s)
        if now_s - self._lost_since_s > _LOSS_AFTER_S:
            drafts += self._detected()
        self._journal.append(self._drill, drafts)

    def _sampled(self, due_s: float, site: str) -> Iterator[Draft]:
        for probe in (_USER, _BEAT) if self._k % _SELDOM == 0 else (_USER,):
            data = {
                "probe": probe,
                "k": self._k,
                "due_s": due_s,
                "sent_s": due_s,
                "received_s": due_s + 0.001 if site else None,
                "ok": bool(site),
                "error": "" if site else "timeout",
                "site": site,
                "address": "",
                "user_view": probe == _USER,
            }
            yield self._draft(Kind.PROBE_SAMPLED, f"probe:{probe}", f"probe/{probe}/watcher/{self._k}", data)

    def _detected(self) -> Iterator[Draft]:
        """A loss is noticed again when the outage was written down only after it had been noticed."""
        facts = self._journal.read(self._drill, kinds=frozenset({Kind.OUTAGE_INJECTED, Kind.OUTAGE_DETECTED}))
        noticed = [fact.seq for fact in facts if fact.kind is Kind.OUTAGE_DETECTED]
        injected = [fact.seq for fact in facts if fact.kind is Kind.OUTAGE_INJECTED]
        if not noticed or (injected and injected[-1] > noticed[-1]):
            key = f"detected/{_BEAT}/{len(noticed) + 1}"
            yield self._draft(Kind.OUTAGE_DETECTED, f"probe:{_BEAT}", key, {"probe": _BEAT, "misses": 3})

    def _draft(self, kind: Kind, by: str, key: str, data: dict[str, Any]) -> Draft:
        return Draft(kind, by, key, data, self._clock.now(), self._clock.mono_s(), self._clock.epoch)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Have it watch while inside."""
    thread = threading.Thread(target=watcher.run, name="watcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join()
