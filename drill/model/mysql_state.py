"""What a MySQL or MariaDB server says of itself: its role, its positions and its replication, whichever of the two it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drill.model.gtid import Flavour

_VARIABLES: Final = (
    "version", "server_id", "read_only", "super_read_only",
    "gtid_executed", "gtid_binlog_pos", "gtid_slave_pos", "gtid_current_pos", "gtid_binlog_state",
)  # fmt: skip
STATE_SQL: Final = (f"show global variables where variable_name in {_VARIABLES}", "show replica status")
"""Understood by MySQL since 8.0.22 and by MariaDB since 10.5."""


@dataclass(frozen=True)
class ServerState:
    """A server's state. `behind_s` is None when it does not know it.

    `position` is all it holds in its own log, `received` what its replication has brought, `history` the newest transaction of every
    server it knows.
    """

    flavour: Flavour
    version: str
    server_id: int
    read_only: bool
    replica: bool
    follows: str
    io: str
    sql: str
    behind_s: int | None
    received: str
    applied: str
    position: str
    history: str
    error: str


def server_state(values: Mapping[str, str], status: Mapping[str, str]) -> ServerState:
    """The state, from the server's variables and its replica status, which is empty for a server that follows nobody.

    Raises: ValueError: the variables are none of a server.
    """
    if "version" not in values:
        raise ValueError("the server's variables hold no version")
    mariadb = "mariadb" in values["version"].lower()
    own = values.get("gtid_binlog_pos" if mariadb else "gtid_executed", "")
    applied = values.get("gtid_current_pos", "") if mariadb else own
    behind = _said(status, "Seconds_Behind_Master", "Seconds_Behind_Source")
    return ServerState(
        flavour="mariadb" if mariadb else "mysql",
        version=values["version"],
        server_id=int(values.get("server_id") or 0),
        read_only="ON" in (values.get("read_only"), values.get("super_read_only")),
        replica=bool(status),
        follows=":".join(filter(None, (_said(status, "Master_Host", "Source_Host"), _said(status, "Master_Port", "Source_Port")))),
        io=_said(status, "Slave_IO_Running", "Replica_IO_Running"),
        sql=_said(status, "Slave_SQL_Running", "Replica_SQL_Running"),
        behind_s=int(behind) if behind.isdigit() else None,
        received=_said(status, "Gtid_IO_Pos") if mariadb else _said(status, "Retrieved_Gtid_Set"),
        applied=applied,
        position=own or applied,
        history=values.get("gtid_binlog_state", "") if mariadb else own,
        error=_said(status, "Last_IO_Error") or _said(status, "Last_SQL_Error"),
    )


def _said(status: Mapping[str, str], *names: str) -> str:
    value = next((status[name] for name in names if name in status), "")
    return "" if value == "NULL" else value
