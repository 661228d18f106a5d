"""Names, values and record sets of the tests of Route 53."""

from __future__ import annotations

from typing import Any

from drill.model.ports import RecordSet

NAMES = [f"shop{number}.drill.test" for number in range(12)]

STANDBY = ("127.0.2.1",)


def to_standby(before: RecordSet, values: tuple[str, ...] = STANDBY) -> RecordSet:
    return RecordSet(before.name, before.type, 1, values)


def weighted(name: str, site: str, address: str, weight: int) -> dict[str, Any]:
    records = [{"Value": address}]
    return {"Name": f"{name}.", "Type": "A", "SetIdentifier": site, "Weight": weight, "TTL": 1, "ResourceRecords": records}
