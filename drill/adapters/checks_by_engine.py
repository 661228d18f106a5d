"""Asks each database in its own engine's way: a site says which it is, a connection string says so by how it begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drill.adapters.checks_mysql import MysqlQuestions
from drill.adapters.checks_postgres import PostgresQuestions
from drill.adapters.mysql_address import SCHEMES
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Counted, DatabaseAccess, StandbyState


class EngineQuestions:
    """Questions to any database of ours (port Databases)."""

    def __init__(self, values: SecretValues) -> None:
        self._values = values
        self._postgres = PostgresQuestions(values)
        self._mysql = MysqlQuestions(values)

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]]:
        return self._of(access).ask(access, sql, timeout_s=timeout_s)

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted:
        return self._of(access).count(access, table, where=where, timeout_s=timeout_s)

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState:
        if primary is not None and primary.engine != access.engine:
            what = f"the primary is a {primary.engine} database and the standby a {access.engine} one: neither follows the other."
            fix = "Correct the sites' `engine`; what replicates between engines can be counted: verify.rows with at_least."
            raise Fatal(what, code="A290", fix=fix)
        return self._of(access).standby(access, primary=primary, timeout_s=timeout_s)

    def _of(self, access: DatabaseAccess | str) -> PostgresQuestions | MysqlQuestions:
        """Raises: PreflightFailed: a secret is not set (F010)."""
        mysql = self._values.filled(access).startswith(SCHEMES) if isinstance(access, str) else access.engine == "mysql"
        return self._mysql if mysql else self._postgres
