"""The observer: samples the probes, writes the canary and listens for the heartbeat, in a process of its own that outlives an engine."""

from __future__ import annotations

import asyncio
import logging
import math
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psutil

from drill.engine.observe_canary import CanaryLoop, CanaryWriter
from drill.engine.observe_guards import GuardPost, GuardSource
from drill.engine.observe_history import History
from drill.engine.observe_process import ALIVE_FILE, BEAT_EVERY_S, hold_pid_file, mark_ready
from drill.engine.observe_scribe import Scribe
from drill.engine.observe_streams import Stream, pace, streams
from drill.model.events import Draft, Fact, Kind
from drill.model.heartbeat import Detection
from drill.model.plan import Plan
from drill.model.ports import Clock, Journal, Sample

_THREADS = 4  # the scribe, the canary, and two detections that need not wait for each other
_log = logging.getLogger(__name__)


class ProbeSampler(Protocol):
    """Asks probes without holding up the others."""

    async def sample(self, probe: str, *, timeout_s: float | None = None) -> Sample:
        """Never raises for a failed probe, and never takes longer than its time-out."""


@dataclass(frozen=True)
class Instruments:
    """What an observer measures with. `canary` writes where the business writes; without one no row is written.

    `guards` looks at the guards that are no probes; only a plan without such guards needs none.
    """

    probes: ProbeSampler
    canary: CanaryWriter | None = None
    guards: GuardSource | None = None


class Observer:
    """The body of one drill's observer; its detectors are those of the plan.

    `folder` is the drill's own. `stop_when` is asked about four times a second; beside it the observer ends with the drill, on
    SIGTERM, and when the engine has been gone for `limits.dead_man_s`.
    """

    def __init__(
        self,
        drill: str,
        plan: Plan,
        *,
        journal: Journal,
        clock: Clock,
        instruments: Instruments,
        folder: Path,
        stop_when: Callable[[], bool] = lambda: False,
    ) -> None:
        self._drill = drill
        self._plan = plan
        self._journal = journal
        self._clock = clock
        self._probes = instruments.probes
        self._writer = instruments.canary
        self._folder = folder
        self._stop_when = stop_when
        self._streams = streams(plan)
        self._history = History()
        self._scribe = Scribe(drill, journal=journal, clock=clock, history=self._history, over=self._over)
        self._canary: CanaryLoop | None = None
        self._post = GuardPost(plan, instruments.guards, clock=clock, scribe=self._scribe)
        self._losses: dict[str, int] = {}
        self._ready = False

    def run(self) -> None:
        """Observe until the drill is over.

        Raises: DrillError: another observer watches this drill (D020). JournalBroken: the journal cannot be read, or has taken nothing
        for a minute.
        """
        with hold_pid_file(self._folder, self._drill):
            self._history.apply(self._journal.read(self._drill))
            if self._history.finished:
                return
            self._recall()
            asyncio.run(self._observe())
            self._scribe.close()

    def _recall(self) -> None:
        """Go on where an observer that was killed left off."""
        self._losses = dict(self._history.detections)
        self._post.recall(self._history.broken)
        for stream in self._streams:
            if stream.heartbeat and self._history.noticed(stream.probe):
                stream.watch = replace(stream.watch, down=True)
        if self._writer is not None and self._plan.canary is not None:
            every_s = self._plan.canary.every_s
            first_row = self._history.next_row(self._clock, every_s)
            self._canary = CanaryLoop(
                self._writer, clock=self._clock, every_s=every_s, first_row=first_row, acknowledged=self._acknowledged
            )

    async def _observe(self) -> None:
        loop = asyncio.get_running_loop()
        self._scribe.on_facts = lambda facts: loop.call_soon_threadsafe(self._heed, facts)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="observer") as pool, _terminated(loop) as terminated:
            threads = [loop.run_in_executor(pool, self._scribe.run)]
            if self._canary is not None:
                threads.append(loop.run_in_executor(pool, self._canary.run))
            tasks = [asyncio.create_task(self._pace(stream, pool)) for stream in self._streams]
            tasks += [asyncio.create_task(self._post.watch(guard)) for guard in self._post.asked]
            tasks += [asyncio.create_task(_wait(terminated)), asyncio.create_task(self._beat())]
            try:
                ended, _ = await asyncio.wait([*threads, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for one in ended:
                    one.result()  # a scribe or a SIGTERM ends in peace; anything else says here what went wrong
            finally:
                await self._wind_up(threads, tasks)

    async def _beat(self) -> None:
        """Show that the loop which takes the samples turns: whoever watches sees a process that stands still as gone."""
        while True:
            (self._folder / ALIVE_FILE).touch()
            await asyncio.sleep(BEAT_EVERY_S)

    async def _wind_up(self, threads: Sequence[asyncio.Future[None]], tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        self._scribe.stop()
        if self._canary is not None:
            self._canary.stop()
        await asyncio.gather(*tasks, return_exceptions=True)  # cancelled, or already told by `_observe`
        await asyncio.gather(*threads)

    async def _pace(self, stream: Stream, pool: ThreadPoolExecutor) -> None:
        async def one(k: int, count: int, due_s: float) -> None:
            sample = await self._probes.sample(stream.probe, timeout_s=stream.timeout_s)
            stream.ended += 1
            if stream.recorded:
                self._scribe.put(self._sampled(stream, k, due_s=due_s, sample=sample))
                await self._post.sampled(stream.probe, count, sample)
            if stream.heartbeat is None:
                return
            stream.watch, detection = stream.watch.after(count, answered=sample.ok)
            if detection is not None:
                await self._detected(stream, detection, pool)

        await pace(self._clock, stream.every_s, one)

    async def _detected(self, stream: Stream, detection: Detection, pool: ThreadPoolExecutor) -> None:
        number = self._losses[stream.probe] = self._losses.get(stream.probe, 0) + 1
        stream.detected_seq = math.inf
        draft = self._draft(
            Kind.OUTAGE_DETECTED,
            f"probe:{stream.probe}",
            f"detected/{stream.probe}/{number}",
            probe=stream.probe,
            misses=detection.misses,
        )
        _log.info("observer.outage_detected", extra={"probe": stream.probe, "misses": detection.misses})
        fact = await asyncio.get_running_loop().run_in_executor(pool, self._scribe.write_now, draft)
        if fact is not None:
            stream.detected_seq = fact.seq

    def _heed(self, facts: Sequence[Fact]) -> None:
        """A detector that was down before an outage is armed again: the loss it noticed was another one."""
        for fact in facts:
            for stream in self._streams if fact.kind == Kind.OUTAGE_INJECTED else []:
                if stream.watch.down and stream.detected_seq < fact.seq:
                    stream.watch = stream.watch.armed()

    def _sampled(self, stream: Stream, k: int, *, due_s: float, sample: Sample) -> Draft:
        return self._draft(
            Kind.PROBE_SAMPLED,
            f"probe:{stream.probe}",
            f"probe/{stream.probe}/{self._clock.epoch}/{k}",
            probe=stream.probe,
            k=k,
            due_s=round(due_s, 6),
            sent_s=round(sample.sent_s, 6),
            received_s=None if sample.received_s is None else round(sample.received_s, 6),
            ok=sample.ok,
            error=sample.error,
            site=sample.site,
            address=sample.address,
            user_view=stream.user_view,
        )

    def _acknowledged(self, row: int, sent_s: float, acked_s: float) -> None:
        key = f"canary/{self._clock.epoch}/{row}"
        times = {"sent_s": round(sent_s, 6), "acked_s": round(acked_s, 6)}
        self._scribe.put(self._draft(Kind.CANARY_ACKNOWLEDGED, "canary", key, row=row, **times))

    def _draft(self, kind: Kind, by: str, key: str, **data: Any) -> Draft:
        return Draft(kind, by, key, data, self._clock.now(), self._clock.mono_s(), self._clock.epoch)

    def _over(self) -> bool:
        if not self._ready and self._live():
            self._ready = True
            mark_ready(self._folder, self._clock.epoch)
        history = self._history
        return history.finished or self._stop_when() or self._abandoned()

    def _live(self) -> bool:
        seen = all(stream.ended for stream in self._streams) and self._post.ready()
        return seen and (self._canary is None or self._canary.rows > 0)

    def _abandoned(self) -> bool:
        last, engine = self._history.last_foreign, self._history.engine
        if last is None or engine is None:
            return False
        silent_s = (self._clock.now() - last.at).total_seconds()
        return silent_s > self._plan.limits.dead_man_s and not _lives(engine)


def _lives(engine: Fact) -> bool:
    """Whether the engine's process is there. One on another machine cannot be seen, so it is given the benefit of the doubt."""
    if engine.data["host"] != platform.node():
        return True
    try:
        process = psutil.Process(engine.data["pid"])
        return process.create_time() <= engine.at.timestamp() + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


@contextmanager
def _terminated(loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Event]:
    """An event that SIGTERM sets; in a process's main thread only, because only there signals arrive."""
    event = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    loop.add_signal_handler(signal.SIGTERM, event.set)
    try:
        yield event
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
