"""Records of Alibaba Cloud DNS, and what has to be done to turn some into others without ever leaving a name empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drill.model.errors import Fatal
from drill.model.ports import RecordSet
from drill.model.propagation import plain

Row = Mapping[str, Any]
"""One record, reduced to FIELDS; without a RecordId while it has not been added."""

FIELDS = ("RecordId", "RR", "Type", "Line", "TTL", "Value", "Status", "Weight", "Priority", "Remark", "LbaStatus")
_HEAVIEST = 100


@dataclass(frozen=True)
class Work:
    """One call."""

    do: Literal["add", "update", "weigh", "enable", "disable", "delete"]
    row: Row


def reduced(row: Row) -> dict[str, Any]:
    """A record without what changes by itself."""
    found = {name: row[name] for name in FIELDS if row.get(name) is not None}
    return found | {"Status": str(row.get("Status", "ENABLE")).upper(), "TTL": int(row["TTL"])}


def record(name: str, rtype: str, rows: Sequence[Row]) -> RecordSet:
    """All records of a name as one set; a disabled one has weight 0 where the name is weighted, and no value elsewhere."""
    weighted = all(row.get("LbaStatus") for row in rows)
    shares: dict[str, int] = {}
    for row in rows:
        if weighted or _on(row):
            shares[plain(row["Value"])] = max(shares.get(plain(row["Value"]), 0), int(row.get("Weight", 1)) if _on(row) else 0)
    ttl_s = max((int(row["TTL"]) for row in rows if _on(row)), default=max(int(row["TTL"]) for row in rows))
    weights = tuple(shares[value] for value in sorted(shares)) if weighted else ()
    return RecordSet(name, rtype, ttl_s, tuple(sorted(shares)), raw=list(rows), weights=weights)


def rows_of(wanted: RecordSet, beside: RecordSet) -> list[Row]:
    """The records a set stands for: those it was read from, or those of `beside` made to answer so.

    Raises: Fatal: neither was read from the provider (A225), or the name cannot be weighed so (A226).
    """
    if wanted.raw is not None:
        return list(wanted.raw)
    if beside.raw is None:
        raise Fatal(f"{wanted.name} was not read from the provider.", code="A225", fix="Read the name before it is moved.")
    if wanted.weights:
        return _weighed(wanted, beside.raw)
    lines: dict[str, list[Row]] = {}
    for row in beside.raw:
        lines.setdefault(str(row.get("Line", "default")), []).append(row)
    return [row for rows in lines.values() for row in _answering(rows, wanted)]


def ways(present: Iterable[Row], wanted: Iterable[Row]) -> list[Work]:
    """What turns the records that are there into the wanted ones; what gives an answer comes before what takes one away."""
    here, there = keyed(present), keyed(wanted)
    found = [work for key, row in there.items() for work in _towards(here.get(key), row)]
    order = ("update", "weigh", "add", "enable", "disable")
    found.sort(key=lambda work: order.index(work.do))
    return found + [Work("delete", row) for key, row in here.items() if key not in there]


def keyed(rows: Iterable[Row]) -> dict[str, Row]:
    """Records by line and value: a line never holds a value twice, and one that was added has an id nobody chose."""
    return {str(row.get("RecordId") or f"new {row.get('Line')} {row['Value']}"): row for row in rows}


def with_ids(wanted: Iterable[Row], present: Iterable[Row]) -> list[Row]:
    """The wanted records; those that are to be added as their likes that are there already, ids and all."""
    rows = list(wanted)
    known = {row["RecordId"] for row in rows if row.get("RecordId")}
    added = {(row.get("Line"), plain(row["Value"])): row for row in present if row["RecordId"] not in known}
    return [row if row.get("RecordId") else {**added.get((row.get("Line"), plain(row["Value"])), {}), **row} for row in rows]


def same(left: Iterable[Row], right: Iterable[Row]) -> bool:
    """Whether two lists hold the same records."""
    return keyed(left) == keyed(right)


def on_the_way(present: Iterable[Row], before: Iterable[Row], after: Iterable[Row]) -> bool:
    """Whether every record is as it was or as it shall be: nobody else has touched one, and a crash may have come between."""
    old, new, here = keyed(before), keyed(after), keyed(present)
    if any(key not in here for key in old.keys() & new.keys()):
        return False
    return all(_between(row, old.get(key), new.get(key)) for key, row in here.items())


def _between(row: Row, old: Row | None, new: Row | None) -> bool:
    if old is None or new is None:
        return row in (old, new)
    return all(row.get(name) in {old.get(name), new.get(name)} for name in FIELDS)


def _answering(rows: Sequence[Row], wanted: RecordSet) -> Iterator[Row]:
    """One line's records, made to answer exactly the wanted values."""
    missing = {plain(value): value for value in sorted(wanted.values)}
    kept = [row for row in rows if missing.pop(plain(row["Value"]), None) is not None]
    spare = sorted((row for row in rows if row not in kept), key=lambda row: not _on(row))
    for row in kept:
        yield {**row, "Status": "ENABLE", "TTL": wanted.ttl_s}
    reusable = [] if kept else spare[: len(missing)]
    for row, value in zip(reusable, list(missing.values()), strict=False):
        missing.pop(plain(value))
        yield {**row, "Value": value, "Status": "ENABLE", "TTL": wanted.ttl_s}
    for row in spare[len(reusable) :]:
        yield {**row, "Status": "DISABLE"}
    for value in missing.values():
        yield {**{name: rows[0][name] for name in ("RR", "Type", "Line")}, "TTL": wanted.ttl_s, "Value": value, "Status": "ENABLE"}


def _weighed(wanted: RecordSet, rows: Sequence[Row]) -> list[Row]:
    shares = dict(zip(map(plain, wanted.values), wanted.weights, strict=True))
    if not all(row.get("LbaStatus") for row in rows):
        raise Fatal(
            f"{wanted.name} is not weighted.",
            code="A226",
            fix="Switch its weighted round-robin on by hand once.",
        )
    silent = sorted({plain(row["Value"]) for row in rows} - shares.keys())
    if silent or not any(wanted.weights) or not all(0 <= weight <= _HEAVIEST for weight in wanted.weights):
        raise Fatal(
            f"{wanted.name} cannot be weighed so: {silent or wanted.weights}.",
            code="A226",
            fix=f"Give every value of the name a weight from 0 to {_HEAVIEST}, not all 0.",
        )
    return [_with_share(row, shares[plain(row["Value"])], wanted.ttl_s) for row in rows]


def _with_share(row: Row, share: int, ttl_s: int) -> Row:
    """The service knows no weight 0: a record that gets nothing is switched off and keeps its weight."""
    if share == 0:
        return {**row, "Status": "DISABLE"}
    return {**row, "Status": "ENABLE", "Weight": share, "TTL": ttl_s}


def _towards(here: Row | None, wanted: Row) -> Iterator[Work]:
    if here is None:
        yield Work("add", wanted)
        return
    if any(here.get(name) != wanted.get(name) for name in ("RR", "Type", "Line", "TTL", "Value", "Priority")):
        yield Work("update", wanted)
    if here.get("Weight") != wanted.get("Weight"):
        yield Work("weigh", wanted)
    if here["Status"] != wanted["Status"]:
        yield Work("enable" if _on(wanted) else "disable", wanted)


def _on(row: Row) -> bool:
    return str(row["Status"]).upper() == "ENABLE"
