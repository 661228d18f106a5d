"""The journal in memory, for dry runs and tests: the same promises as the SQL one, for one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from drill.adapters.journal_tokens import stale
from drill.model.events import GENESIS, Draft, Fact, Kind, seal


class MemoryJournal:
    """Facts in a list. Safe for many threads."""

    def __init__(self) -> None:
        self._facts: dict[str, list[Fact]] = {}
        self._keys: dict[str, dict[str, Fact]] = {}
        self._tokens: dict[str, int] = {}
        self._changed = threading.Condition()

    def append(self, drill: str, drafts: Sequence[Draft], *, token: int | None = None) -> list[Fact]:
        if not drafts:
            return []
        with self._changed:
            if token is not None and token < self._tokens.get(drill, 0):
                raise stale(drill, present=self._tokens[drill], ours=token)
            chain, keys = self._facts.setdefault(drill, []), self._keys.setdefault(drill, {})
            for draft in drafts:
                if draft.key not in keys:
                    keys[draft.key] = seal(drill, len(chain) + 1, draft, chain[-1].digest if chain else GENESIS)
                    chain.append(keys[draft.key])
            self._changed.notify_all()
            return [keys[draft.key] for draft in drafts]

    def append_unless(self, drill: str, drafts: Sequence[Draft], *, over: frozenset[Kind]) -> list[Fact] | None:
        """As `append`; nothing is stored, and None returned, when the drill holds a fact of these kinds by then."""
        with self._changed:
            return None if any(fact.kind in over for fact in self._facts.get(drill, [])) else self.append(drill, drafts)

    def read(self, drill: str, *, after: int = 0, kinds: frozenset[Kind] | None = None) -> list[Fact]:
        with self._changed:
            return [fact for fact in self._facts.get(drill, [])[after:] if kinds is None or fact.kind in kinds]

    def follow(self, drill: str, *, after: int, wait_s: float) -> list[Fact]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._facts.get(drill, [])) > after, timeout=wait_s)
        return self.read(drill, after=after)

    def find(self, drill: str, key: str) -> Fact | None:
        with self._changed:
            return self._keys.get(drill, {}).get(key)

    def drills(self) -> list[str]:
        with self._changed:
            return list(self._facts)

    def head(self, drill: str) -> tuple[int, str]:
        with self._changed:
            chain = self._facts.get(drill, [])
            return (chain[-1].seq, chain[-1].digest) if chain else (0, GENESIS)

    def take_token(self, drill: str) -> int:
        """A fencing token above every earlier one."""
        with self._changed:
            self._tokens[drill] = self._tokens.get(drill, 0) + 1
            return self._tokens[drill]

    def check(self, drill: str, token: int) -> None:
        with self._changed:
            if token < self._tokens.get(drill, 0):
                raise stale(drill, present=self._tokens[drill], ours=token)
