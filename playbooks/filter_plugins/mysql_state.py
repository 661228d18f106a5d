"""What MySQL and MariaDB say of themselves, read from the client's vertical output, and what their GTID positions lack of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from drill.model.gtid import both, errant, lacking
from drill.model.mysql_state import server_state

_ROW = re.compile(r"^\*+ \d+\. row \*+$")


def my_state(text: str) -> dict[str, Any]:
    """The state of a server from `show global variables …; show replica status` of a client run with -E.

    Raises: ValueError: it is not such an output.
    """
    rows = list(_rows(text))
    values = {row["Variable_name"]: row.get("Value", "") for row in rows if "Variable_name" in row}
    return asdict(server_state(values, next((row for row in rows if "Variable_name" not in row), {})))


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


class FilterModule:
    """What Ansible asks for: the filters by their names."""

    def filters(self) -> dict[str, Any]:
        """Every filter of this file."""
        return {"my_state": my_state, "my_lacking": lacking, "my_errant": errant, "my_both": both}
