"""Carries a vantage point's samples to the server in their order, each until it has arrived, and hears what there is to do."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any, Final, Protocol

from drill.model.vantage_wire import MOST_SAMPLES, Batch, Compared, Said, Sampled, WorkOrder

MOST_IN_MEMORY: Final = 50_000
WORD_WITHIN_S: Final = 3600.0
"""An order that no server has said a word about for so long is none any more: its drill may have been abandoned."""
_SENDING_S: Final = 3.0
"""A turn that has much to send ends all the same, so that the agent hears whether it is to go on."""
Tell = Callable[[str, dict[str, Any]], None]
"""Says what happened: one word, and its fields."""


class Link(Protocol):
    """The way to the server. Never raises for a server that is away."""

    @property
    def compared(self) -> Compared | None:
        """The best comparison of this clock with the server's so far."""

    def ask(self) -> Said:
        """What is there to do."""

    def send(self, batch: Batch) -> Said:
        """Hand over samples."""


class Parcels(Protocol):
    """Batches that could not be sent yet, on disk, oldest first."""

    def put(self, batch: Batch) -> bool:
        """Keep one; false when the disk does not take it."""

    def first(self) -> Batch | None:
        """The oldest; nothing when there is none."""

    def drop_first(self) -> None:
        """The oldest has arrived, or never will."""

    def drop_drill(self, drill: str) -> int:
        """The drill has ended: nothing can be added to it any more. Returns how many batches went."""

    @property
    def lost(self) -> Mapping[str, int]:
        """How many batches are lost so far, by why."""

    def count(self) -> int:
        """How many wait."""


class Courier:
    """`turn` blocks and has a thread of its own; `put` may be called from any. `now_s` is a monotonic clock."""

    def __init__(self, link: Link, parcels: Parcels, tell: Tell, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self._parcels = parcels
        self._tell = tell
        self._waiting: deque[tuple[str, Sampled]] = deque(maxlen=MOST_IN_MEMORY)
        self._lock = threading.Lock()
        self._mood = ""
        self._now_s = now_s
        self._word_s = now_s()
        self._lost: Mapping[str, int] = {}
        self.order: WorkOrder | None = None
        self.given_up = ""
        """The drill that no server spoke of any more; it may not be over."""
        self.sent: Counter[str] = Counter()
        """How many samples have arrived, by drill."""
        self.refused: Counter[str] = Counter()
        """How many the server did not want, by drill."""

    @property
    def kept(self) -> int:
        """How many batches wait on disk."""
        return self._parcels.count()

    def put(self, drill: str, sample: Sampled) -> None:
        """Keep a sample for the next turn."""
        with self._lock:
            self._waiting.append((drill, sample))

    def turn(self) -> WorkOrder | None:
        """Send what waits, else ask what is to be done; returns the order in force."""
        self._turn()
        self._tell_lost()
        if self.order is not None and self._now_s() - self._word_s > WORD_WITHIN_S:
            self._tell("given up", {"drill": self.order.drill, "batches": self.kept})
            self.given_up, self.order = self.order.drill, None
        return self.order

    def _turn(self) -> None:
        fresh = self._batches()
        if self._parcels.first() is not None:  # what is older goes first
            fresh = [batch for batch in fresh if not self._parcels.put(batch)]
        if not fresh and self._parcels.first() is None:
            self._hear(said := self._link.ask())
            if said.outcome in {"order", "nothing"}:
                self.order = said.order
            return
        reached = self._send_kept()
        for batch in fresh:
            reached = reached and self._settled(batch)
            if not reached and not self._parcels.put(batch):
                self._give_back(batch)

    def settle(self) -> None:
        """The last turn: what cannot be sent now is kept on disk for the next agent."""
        for batch in self._batches():
            if not self._parcels.put(batch):
                self._settled(batch)
        self._send_kept()
        self._tell_lost()

    def _tell_lost(self) -> None:
        """Say which batches are lost since the last turn."""
        before, self._lost = self._lost, dict(self._parcels.lost)
        for why, count in self._lost.items():
            if count > before.get(why, 0):
                self._tell("dropped", {"batches": count - before.get(why, 0), "why": why})

    def _batches(self) -> list[Batch]:
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        out = []
        for drill, pairs in groupby(waiting, key=lambda pair: pair[0]):
            samples = [sample for _, sample in pairs]
            out += [
                Batch(drill=drill, samples=tuple(samples[start : start + MOST_SAMPLES])) for start in range(0, len(samples), MOST_SAMPLES)
            ]
        return out

    def _give_back(self, batch: Batch) -> None:
        with self._lock:
            later = list(self._waiting)
            self._waiting.clear()
            self._waiting.extend([*((batch.drill, sample) for sample in batch.samples), *later])  # the oldest go when there are too many

    def _send_kept(self) -> bool:
        """Send what is on disk; false when the server could not be reached, or there is more than a turn can take."""
        until_s = time.monotonic() + _SENDING_S
        while time.monotonic() < until_s:
            batch = self._parcels.first()
            if batch is None:
                return True
            if not self._settled(batch):
                return False
            if self._parcels.first() == batch:  # unless it went with its drill
                self._parcels.drop_first()
        return self._parcels.first() is None

    def _settled(self, batch: Batch) -> bool:
        """Send a batch; whether it need not be sent again."""
        said = self._link.send(batch)
        self._hear(said)
        if said.outcome == "taken":
            self.sent[batch.drill] += len(batch.samples) - said.refused
            self.refused[batch.drill] += said.refused
        elif said.outcome == "refused":
            self.refused[batch.drill] += len(batch.samples)
        elif said.outcome == "over":
            if dropped := self._parcels.drop_drill(batch.drill):
                self._tell("dropped", {"batches": dropped, "why": f"{batch.drill} is over"})
            if self.order is not None and self.order.drill == batch.drill:
                self.order = None
        return said.outcome in {"taken", "over", "refused"}

    def _hear(self, said: Said) -> None:
        """Tell what is new: that the server is away once, that it is back once, and everything it did not want."""
        if said.outcome not in {"away", "unknown"}:
            self._word_s = self._now_s()
        mood = said.outcome if said.outcome in {"away", "unknown", "nothing"} else "well"
        if mood == "well" and said.why:
            self._tell(said.outcome, {"why": said.why})
        elif mood == "well" and self._mood in {"away", "unknown"}:
            self._tell("back", {"why": ""})
        elif mood not in {"well", self._mood}:
            self._tell(said.outcome, {"why": said.why})
        self._mood = mood
