"""Writes what the observer saw: in batches that never hold up a sample, in order, and a detection at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from drill.engine.observe_history import History
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Fact, Kind
from drill.model.ports import Clock, Journal

BATCH_EVERY_S = 0.25
_PATIENCE_S = 60.0  # a full disk or a locked file may pass; what was seen meanwhile is kept in memory

_log = logging.getLogger(__name__)


class Scribe:
    """One observer's pen and ears. `put` and `write_now` may be called from any thread; `run` has one of its own.

    `over` is asked after every batch, with the history up to date: true ends `run`.
    """

    def __init__(self, drill: str, *, journal: Journal, clock: Clock, history: History, over: Callable[[], bool]) -> None:
        self._drill = drill
        self._journal = journal
        self._clock = clock
        self._history = history
        self._over = over
        self._waiting: list[Draft] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failing_since_s: float | None = None
        self.on_facts: Callable[[Sequence[Fact]], object] = len
        """Called in `run`'s thread with every new fact of the drill, whoever wrote it."""

    def put(self, draft: Draft) -> None:
        """Keep a fact for the next batch."""
        with self._lock:
            self._waiting.append(draft)

    def write_now(self, *drafts: Draft) -> Fact | None:
        """Write facts ahead of the batch, in one transaction, and return the first.

        Nothing when the journal cannot take them now; then they lead the next batch.
        """
        try:
            return self._journal.append(self._drill, drafts)[0]
        except JournalBroken as broken:
            _log.warning("observer.journal_refused", extra={"code": broken.code})
            self._give_back(list(drafts))
            return None

    def write_unless(self, over: frozenset[Kind], *drafts: Draft) -> None:
        """Write facts at once, unless the journal holds a fact of these kinds by now: then what was seen matters no more."""
        try:
            past = self._journal.read(self._drill, kinds=over)
        except JournalBroken as broken:
            _log.warning("observer.journal_refused", extra={"code": broken.code})
            self._give_back(list(drafts))
            return
        if not past:
            self.write_now(*drafts)

    def run(self) -> None:
        """Write and listen until stopped or over.

        Raises: JournalBroken: the journal has taken nothing for a minute.
        """
        while not self._stop.wait(BATCH_EVERY_S):
            self.flush()
            facts = self._read()
            if facts is not None:
                self.on_facts(facts)
                if self._over():
                    return

    def stop(self) -> None:
        """End `run` soon."""
        self._stop.set()

    def close(self) -> None:
        """Write what waits, unless the drill has finished: nothing may follow its last fact. Call it after `run` has ended."""
        self._read()
        if not self._history.finished:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits, in one transaction. What the journal refuses stays, in its order.

        Raises: JournalBroken: the journal has taken nothing for a minute.
        """
        with self._lock:
            batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            self._journal.append(self._drill, batch)
        except JournalBroken as broken:
            self._give_back(batch)
            self._be_patient(broken)
        else:
            self._failing_since_s = None

    def _give_back(self, drafts: list[Draft]) -> None:
        with self._lock:
            self._waiting = drafts + self._waiting

    def _read(self) -> list[Fact] | None:
        """The new facts, taken into the history; None when the journal could not be read now."""
        try:
            facts = self._journal.read(self._drill, after=self._history.seq)
        except JournalBroken as broken:
            self._be_patient(broken)
            return None
        self._history.apply(facts)
        return facts

    def _be_patient(self, broken: JournalBroken) -> None:
        now = self._clock.mono_s()
        if self._failing_since_s is None:
            self._failing_since_s = now
        _log.warning("observer.journal_refused", extra={"code": broken.code, "waiting": len(self._waiting)})
        if now - self._failing_since_s > _PATIENCE_S:
            raise broken
