"""A team's own ground in a dry run: nothing is started and nobody is asked, and whoever would write is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from drill.model.ports import (
    Answered,
    Call,
    Command,
    ConfigPlace,
    Counted,
    DatabaseAccess,
    Ended,
    KafkaAccess,
    OwnGround,
    PartitionEnd,
    StandbyState,
)
from drill.model.rehearsal import write_refused


class RehearsedCommands:
    """Starts nothing (port Commands)."""

    def trouble(self, command: Command) -> list[str]:
        return []

    def look(self, command: Command, *, timeout_s: float) -> Ended | None:
        return None

    def run(self, command: Command, *, timeout_s: float, stopping: Callable[[], bool]) -> Ended:
        raise write_refused(f"run {command.argv[0]}")


class RehearsedHttp:
    """Calls nobody (port HttpCalls)."""

    def trouble(self, call: Call) -> list[str]:
        return []

    def look(self, call: Call, *, timeout_s: float) -> Answered | None:
        return None

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        raise write_refused(f"call {call.url}")


class RehearsedConfigs:
    """Reads and writes no text (port Configs)."""

    def read(self, place: ConfigPlace) -> str | None:
        return None

    def swap(self, place: ConfigPlace, before: str, after: str) -> None:
        raise write_refused(f"change a text in {place.keeper}")


class RehearsedDatabases:
    """Asks no database (port Databases)."""

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]] | None:
        return None

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted | None:
        return None

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState | None:
        return None


class RehearsedQueues:
    """Asks no queue (port Queues)."""

    def ends(self, access: KafkaAccess, topics: Sequence[str], *, group: str, newest: bool, timeout_s: float) -> list[PartitionEnd] | None:
        return None


def rehearsed_own() -> OwnGround:
    """All of it."""
    return OwnGround(RehearsedCommands(), RehearsedHttp(), RehearsedConfigs(), RehearsedDatabases(), RehearsedQueues())
