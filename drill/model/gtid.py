"""GTID positions of MySQL and MariaDB: what one lacks of another, counted in transactions."""

from __future__ import annotations

import re
from typing import Literal

Flavour = Literal["mysql", "mariadb"]
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def lacking(wanted: str, held: str, flavour: Flavour) -> int:
    """How many transactions of the position `wanted` are not in `held`. Raises: ValueError: one of them is no position."""
    if flavour == "mariadb":
        have = {domain: sequence for domain, _, sequence in sorted(_triples(held), key=lambda triple: triple[2])}
        return sum(max(0, sequence - have.get(domain, 0)) for domain, _, sequence in _triples(wanted))
    have_sets = _sets(held)
    return sum(_outside(ranges, have_sets.get(source, [])) for source, ranges in _sets(wanted).items())


def errant(position: str, history: str, flavour: Flavour) -> int:
    """How many transactions of `position` the other server, whose `history` it is, never saw: writes of a server that went its own way."""
    if flavour != "mariadb":
        return lacking(position, history, flavour)
    newest: dict[tuple[int, int], int] = {}
    for domain, server, sequence in _triples(history):
        newest[domain, server] = max(sequence, newest.get((domain, server), 0))
    return sum(max(0, sequence - newest.get((domain, server), 0)) for domain, server, sequence in _triples(position))


def both(one: str, other: str, flavour: Flavour) -> str:
    """A position that holds what either holds."""
    if flavour != "mariadb":
        return ",".join(filter(None, (_plain(one), _plain(other))))
    newest: dict[int, tuple[int, int, int]] = {}
    for triple in (*_triples(one), *_triples(other)):
        if triple[2] >= newest.get(triple[0], triple)[2]:
            newest[triple[0]] = triple
    return ",".join("-".join(map(str, newest[domain])) for domain in sorted(newest))


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
