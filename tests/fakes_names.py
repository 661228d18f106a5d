"""The ports of names in memory: record sets, and servers that turn to a new answer."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drill.model.errors import Fatal
from drill.model.ports import (
    NameFacts,
    RecordSet,
)
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers


class FakeDns:
    """Record sets in memory (port Dns); `raw` is the list of record sets, as a provider would write it."""

    def __init__(self, records: Mapping[str, tuple[int, Sequence[str]]], *, zone: str = "drill.test") -> None:
        self._zone = zone
        self.pending_looks = 0
        self.name_facts = NameFacts("fake", "data-plane")
        self._one_at_a_time = threading.Lock()
        self._sets: dict[tuple[str, str], list[dict[str, Any]]] = {
            (name, "A"): [{"ttl": ttl_s, "values": list(values)}] for name, (ttl_s, values) in records.items()
        }

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        self._refuse_unmovable(name, rtype)
        sets = self._sets.get((name, rtype))
        if not sets:
            raise Fatal(f"there is no {rtype} record for {name}.", code="A221")
        weights = tuple(sets[0].get("weights", ()))
        return RecordSet(name, rtype, sets[0]["ttl"], tuple(sets[0]["values"]), raw=copy.deepcopy(sets), weights=weights)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        self._refuse_unmovable(before.name, before.type)
        if not after.values:
            raise Fatal(f"{after.name} would be left without an answer.", code="A225")
        key = (before.name, before.type)
        with self._one_at_a_time:
            present = self._sets.get(key, [])
            if after.weights and after.raw is None and not any("weights" in row for row in present):
                raise Fatal(f"{after.name} is not weighted.", code="A226")
            if present != self._form(after):
                if present != self._form(before):
                    held = ", ".join(value for entry in present for value in entry["values"])
                    raise Fatal(f"somebody else changed {before.name}: it holds {held}.", code="A220")
                self._sets[key] = self._form(after)

    def weigh(self, record: RecordSet) -> None:
        """Somebody makes a name weighted."""
        self._sets[record.name, record.type] = self._form(record)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", 53)]

    def in_sync(self, name: str) -> bool:
        self.pending_looks -= 1
        return self.pending_looks < 0

    def facts(self, name: str) -> NameFacts:
        return self.name_facts

    @staticmethod
    def _form(record: RecordSet) -> list[dict[str, Any]]:
        plain = {"ttl": record.ttl_s, "values": list(record.values)}
        return copy.deepcopy(record.raw) if record.raw is not None else [plain | ({"weights": [*record.weights]} if record.weights else {})]

    def _refuse_unmovable(self, name: str, rtype: str) -> None:
        if rtype not in {"A", "AAAA", "CNAME"} or name == self._zone or "*" in name:
            raise Fatal(f"a drill does not move the {rtype} record of {name}.", code="A225")


class FakePropagation:
    """Servers that turn to the new answer at once, or never (port Propagation)."""

    def __init__(self, *, first_new_s: float = 0.1, settled_s: float = 0.3, lagging: Sequence[str] = ()) -> None:
        self._first_new_s = first_new_s
        self._settled_s = settled_s
        self.lagging = list(lagging)
        self.stale_s: dict[str, float] = {}
        """How long a cache keeps the old answer beyond its life."""
        self.watched: list[tuple[RecordSet, RecordSet, Agreement]] = []

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        self.watched.append((after, before, agreement))
        rows = [self._row(f"{address}:{port}", after, before, agreement) for address, port in (*servers, *agreement.caches)]
        for row in rows:
            on_change(replace(row, in_a_row=min(row.in_a_row, 1)))
        return PropagationResult(tuple(rows))

    def _row(self, server: str, after: RecordSet, before: RecordSet, agreement: Agreement) -> ServerAnswers:
        if server in self.lagging:
            return ServerAnswers(server, state="old", values=before.values, authoritative=True, last_old_s=agreement.within_s)
        new = ServerAnswers(server, state="new", values=after.values, authoritative=True, in_a_row=agreement.need)
        new = replace(new, stale_beyond_ttl_s=self.stale_s.get(server, 0.0))
        return replace(new, first_new_s=self._first_new_s, settled_s=self._settled_s)
