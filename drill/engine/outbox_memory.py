"""An outbox that lives as long as its process: for tests, and for what is sent at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from drill.model.letters import Fate, Letter
from drill.model.ports_people import Limit


class MemoryLetters:
    """Letters in memory (port Letters); every owner counts as alive."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Letter, Fate, str]] = {}
        self._begun: set[str] = set()
        self._lock = threading.Lock()

    def put(self, letter: Letter, *, owner: str) -> Fate:
        with self._lock:
            return self._rows.setdefault(letter.id, (letter, "queued", owner))[1]

    def begun(self, message: str) -> bool:
        with self._lock:
            return message in self._begun

    def begin(self, letter: str, message: str) -> bool:
        with self._lock:
            first = message not in self._begun
            self._begun.add(message)
            return first

    def settle(self, letter: str, fate: Fate) -> None:
        with self._lock:
            if letter in self._rows:
                kept, _, owner = self._rows[letter]
                self._rows[letter] = (kept, fate, owner)

    def requeue(self, letter: str, *, owner: str) -> Letter | None:
        with self._lock:
            if letter not in self._rows:
                return None
            kept = self._rows[letter][0]
            self._rows[letter] = (kept, "queued", owner)
            return kept

    def fate(self, letter: str) -> Fate:
        with self._lock:
            return self._rows[letter][1] if letter in self._rows else "queued"

    def claim(self, owner: str, *, drill: str = "", limit: int, stale_s: float = 0.0) -> list[Letter]:
        with self._lock:
            free = [
                letter
                for letter, fate, holder in self._rows.values()
                if fate == "queued" and (holder != owner and letter.drill == drill if drill else not holder)
            ][:limit]
            for letter in free:
                self._rows[letter.id] = (letter, "queued", owner)
            return free

    def beat(self, owner: str) -> None:
        """Owners in memory do not die apart from it."""

    def holds(self, letter: str, owner: str) -> bool:
        with self._lock:
            return letter in self._rows and self._rows[letter][2] == owner

    def waiting(self, drill: str) -> int:
        with self._lock:
            return sum(fate == "queued" and letter.drill == drill for letter, fate, _ in self._rows.values())

    def forget(self, drill: str) -> None:
        with self._lock:
            gone = [name for name, (letter, _, _) in self._rows.items() if letter.drill == drill]
            for name in gone:
                del self._rows[name]


class MemoryLedger:
    """A count of texts in memory (port Ledger)."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], float] = {}
        self._blocked: dict[str, float] = {}
        self._lock = threading.Lock()

    def reserve(self, message: str, who: Sequence[tuple[str, Limit]], *, at_s: float) -> float:
        with self._lock:
            wait_s = max((self._wait_s(message, mark, limit, at_s) for mark, limit in who), default=0.0)
            if wait_s <= 0:
                for mark, _ in who:
                    self._rows.setdefault((message, mark), at_s)
            return max(0.0, wait_s)

    def _wait_s(self, message: str, mark: str, limit: Limit, at_s: float) -> float:
        blocked_s = self._blocked.get(mark, at_s) - at_s
        others = sorted(time_s for (name, who), time_s in self._rows.items() if who == mark and name != message)
        recent = [time_s for time_s in others if time_s > at_s - limit.window_s]
        full_s = recent[len(recent) - limit.count] + limit.window_s - at_s if len(recent) >= limit.count else 0.0
        return max(blocked_s, full_s)

    def release(self, message: str) -> None:
        with self._lock:
            for key in [key for key in self._rows if key[0] == message]:
                del self._rows[key]

    def block(self, who: str, *, until_s: float) -> None:
        with self._lock:
            self._blocked[who] = max(until_s, self._blocked.get(who, until_s))

    def used(self, who: str, *, since_s: float) -> int:
        with self._lock:
            return sum(mark == who and at_s > since_s for (_, mark), at_s in self._rows.items())
