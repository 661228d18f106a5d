"""What MySQL and MariaDB say of themselves, read from the client's vertical output, and what their GTID positions lack of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ROW = re.compile(r"^\*+ \d+\. row \*+$")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def my_state(text: str) -> dict[str, Any]:
    """The state of a server from `show global variables …; show replica status` of a client run with -E.

    `behind_s` is None when the server does not know it. `position` is all it holds in its own log, `received` what its replication
    has brought, `history` the newest transaction of every server it knows. Raises: ValueError: it is not such an output.
    """
    rows = list(_rows(text))
    values = {row["Variable_name"]: row.get("Value", "") for row in rows if "Variable_name" in row}
    if "version" not in values:
        raise ValueError("the client's output holds no version")
    status: Mapping[str, str] = next((row for row in rows if "Variable_name" not in row), {})
    mariadb = "mariadb" in values["version"].lower()
    own = values.get("gtid_binlog_pos" if mariadb else "gtid_executed", "")
    applied = values.get("gtid_current_pos", "") if mariadb else own
    received = _said(status, "Gtid_IO_Pos") if mariadb else _said(status, "Retrieved_Gtid_Set")
    behind = _said(status, "Seconds_Behind_Master", "Seconds_Behind_Source")
    return {
        "flavour": "mariadb" if mariadb else "mysql",
        "version": values["version"],
        "server_id": int(values.get("server_id") or 0),
        "read_only": "ON" in (values.get("read_only"), values.get("super_read_only")),
        "replica": bool(status),
        "follows": ":".join(filter(None, (_said(status, "Master_Host", "Source_Host"), _said(status, "Master_Port", "Source_Port")))),
        "io": _said(status, "Slave_IO_Running", "Replica_IO_Running"),
        "sql": _said(status, "Slave_SQL_Running", "Replica_SQL_Running"),
        "behind_s": int(behind) if behind.isdigit() else None,
        "received": received,
        "applied": applied,
        "position": own or applied,
        "history": values.get("gtid_binlog_state", "") if mariadb else own,
        "error": _said(status, "Last_IO_Error") or _said(status, "Last_SQL_Error"),
    }


def my_lacking(wanted: str, held: str, flavour: str) -> int:
    """How many transactions of the position `wanted` are not in `held`."""
    if flavour == "mariadb":
        have = {domain: sequence for domain, _, sequence in sorted(_triples(held), key=lambda triple: triple[2])}
        return sum(max(0, sequence - have.get(domain, 0)) for domain, _, sequence in _triples(wanted))
    have_sets = _sets(held)
    return sum(_outside(ranges, have_sets.get(source, [])) for source, ranges in _sets(wanted).items())


def my_errant(position: str, history: str, flavour: str) -> int:
    """How many transactions of `position` the other server, whose `history` it is, never saw: writes of a server that went its own way."""
    if flavour != "mariadb":
        return my_lacking(position, history, flavour)
    newest: dict[tuple[int, int], int] = {}
    for domain, server, sequence in _triples(history):
        newest[domain, server] = max(sequence, newest.get((domain, server), 0))
    return sum(max(0, sequence - newest.get((domain, server), 0)) for domain, server, sequence in _triples(position))


def my_both(one: str, other: str, flavour: str) -> str:
    """A position that holds what either holds."""
    if flavour != "mariadb":
        return ",".join(filter(None, (_plain(one), _plain(other))))
    newest: dict[int, tuple[int, int, int]] = {}
    for triple in (*_triples(one), *_triples(other)):
        if triple[2] >= newest.get(triple[0], triple)[2]:
            newest[triple[0]] = triple
    return ",".join("-".join(map(str, newest[domain])) for domain in sorted(newest))


def _rows(text: str) -> Iterator[dict[str, str]]:
    row: dict[str, str] | None = None
    last = ""
    for line in text.splitlines():
        if _ROW.match(line.strip()):
            if row:
                yield row
            row = {}
            continue
        name, found, value = line.partition(": ")
        if row is None:
            continue
        if found and re.fullmatch(r"\s*\w+", name):
            last = name.strip()
            row[last] = value.strip()
        elif line.rstrip().endswith(":") and re.fullmatch(r"\s*\w+:", line.rstrip()):
            last = line.strip()[:-1]
            row[last] = ""
        elif last:
            row[last] += line.strip()  # a GTID set is written over several lines
    if row:
        yield row


def _said(status: Mapping[str, str], *names: str) -> str:
    value = next((status[name] for name in names if name in status), "")
    return "" if value == "NULL" else value


def _plain(text: str) -> str:
    return "".join(text.split())


def _triples(position: str) -> list[tuple[int, int, int]]:
    found = []
    for part in filter(None, _plain(position).split(",")):
        pieces = part.split("-")
        if len(pieces) != 3 or not all(piece.isdigit() for piece in pieces):
            raise ValueError(f"{part!r} is no GTID of MariaDB, such as 0-1-100")
        domain, server, sequence = (int(piece) for piece in pieces)
        found.append((domain, server, sequence))
    return found


def _sets(position: str) -> dict[str, list[tuple[int, int]]]:
    """Ranges by source; in MySQL 8.4 a source may have a tag: `uuid:tag:1-5`."""
    found: dict[str, list[tuple[int, int]]] = {}
    for part in filter(None, _plain(position).split(",")):
        uuid, *pieces = part.split(":")
        if not _UUID.fullmatch(uuid) or not pieces:
            raise ValueError(f"{part!r} is no GTID set of MySQL")
        source = uuid.lower()
        for piece in pieces:
            match = _RANGE.fullmatch(piece)
            if match is None:
                source = f"{uuid.lower()}:{piece.lower()}"
                continue
            first, last = int(match[1]), int(match[2] or match[1])
            found.setdefault(source, []).append((first, last))
    return found


def _outside(wanted: list[tuple[int, int]], held: list[tuple[int, int]]) -> int:
    """How many numbers of the ranges `wanted` are in none of `held`."""
    count = 0
    for first, last in _merged(wanted):
        at = first
        for low, high in _merged(held):
            if high < at or low > last:
                continue
            count += max(0, low - at)
            at = max(at, high + 1)
        count += max(0, last - at + 1)
    return count


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


class FilterModule:
    """What Ansible asks for: the filters by their names."""

    def filters(self) -> dict[str, Any]:
        """Every filter of this file."""
        return {"my_state": my_state, "my_lacking": my_lacking, "my_errant": my_errant, "my_both": my_both}
