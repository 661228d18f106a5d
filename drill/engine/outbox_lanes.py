"""Threads that send: a few for each provider account, so that one that is slow or hangs keeps only its own texts waiting."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from drill.engine.trips import Next

HANG_S: Final = 25.0
"""Longer than any client of ours waits for its provider."""
WORKERS: Final = 2
_MOST_LOST: Final = 32
"""So many threads of one lane may hang; then it gets no others."""
_WATCH_EVERY_S: Final = 0.25


@dataclass(order=True)
class _Job:
    due_s: float
    number: int
    work: Callable[[], Next] = field(compare=False)
    stuck: Callable[[], None] = field(compare=False)
    done: Callable[[Next], None] = field(compare=False)
    since_s: float = field(default=0.0, compare=False)
    lost: bool = field(default=False, compare=False)


@dataclass
class _Lane:
    name: str
    queue: list[_Job] = field(default_factory=list)
    running: list[_Job] = field(default_factory=list)
    workers: int = 0
    lost: int = 0


class ThreadLanes:
    """Lanes of one drill (port Lanes). `workers` threads each, started when there is work; `hang_s` is when one counts as lost."""

    def __init__(self, *, workers: int = WORKERS, hang_s: float = HANG_S) -> None:
        self._workers = workers
        self._hang_s = hang_s
        self._lanes: dict[str, _Lane] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._watching = False

    def submit(
        self, work: Callable[[], Next], *, lane: str, wait_s: float, stuck: Callable[[], None], done: Callable[[Next], None]
    ) -> None:
        """Run it after a wait; never blocks."""
        with self._changed:
            if self._closed:
                return
            row = self._lanes.setdefault(lane, _Lane(lane))
            heapq.heappush(row.queue, _Job(time.monotonic() + wait_s, next(self._numbers), work, stuck, done))
            self._man(row)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="outbox-watch", daemon=True).start()
            self._changed.notify_all()

    def close(self) -> None:
        """Begin nothing more; what is being sent comes to its end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def depth(self) -> dict[str, int]:
        """How many moves wait in each lane."""
        with self._changed:
            return {name: len(lane.queue) for name, lane in self._lanes.items()}

    def _man(self, lane: _Lane) -> None:
        """Start a thread when the lane has fewer than it may have, and work for one more."""
        while lane.workers < min(self._workers, len(lane.queue) + len(lane.running)) and lane.lost < _MOST_LOST:
            lane.workers += 1
            threading.Thread(target=self._serve, args=(lane,), name=f"outbox-{lane.name}", daemon=True).start()

    def _serve(self, lane: _Lane) -> None:
        while (job := self._next(lane)) is not None:
            onward = job.work()
            with self._changed:
                if job in lane.running:
                    lane.running.remove(job)
            job.done(onward)
            if job.lost:
                return  # another thread has taken its place

    def _next(self, lane: _Lane) -> _Job | None:
        with self._changed:
            while not self._closed:
                now_s = time.monotonic()
                if lane.queue and lane.queue[0].due_s <= now_s:
                    job = heapq.heappop(lane.queue)
                    job.since_s = now_s
                    lane.running.append(job)
                    return job
                self._changed.wait(lane.queue[0].due_s - now_s if lane.queue else None)
            lane.workers -= 1
            return None

    def _watch(self) -> None:
        while not self._closed:
            time.sleep(_WATCH_EVERY_S)
            for job in self._lost():
                job.stuck()

    def _lost(self) -> list[_Job]:
        """The jobs that have just been found not to come back; each gives its lane another thread."""
        found = []
        with self._changed:
            for lane in self._lanes.values():
                for job in lane.running:
                    if not job.lost and time.monotonic() - job.since_s > self._hang_s:
                        job.lost = True
                        lane.workers -= 1
                        lane.lost += 1
                        found.append(job)
                lane.running = [job for job in lane.running if not job.lost]
                self._man(lane)
        return found
