"""A team's own ground in memory: programs, calls, texts, databases and queues that answer from a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.model.errors import Fatal
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


def ended(code: int | None = 0, out: str = "", err: str = "", state: Any = "ended") -> Ended:
    """How a program ended."""
    return Ended(state, code, out, err, 0.1)


def answered(status: int = 200, body: str = "", *, sent: bool = True, error: str = "") -> Answered:
    """What a server said."""
    return Answered(sent, status, {}, body, error, 0.1)


class FakeCommands:
    """Programs by their first word (port Commands): each a script of ends, the last one for ever."""

    def __init__(self, **script: list[Ended] | Ended) -> None:
        self._script = {name: [*rows] if isinstance(rows, list) else [rows] for name, rows in script.items()}
        self.ran: list[Command] = []
        self.looked: list[Command] = []
        self.absent: list[str] = []

    def trouble(self, command: Command) -> list[str]:
        return [f"there is no program {command.argv[0]}"] if command.argv[0] in self.absent else []

    def run(self, command: Command, *, timeout_s: float, stopping: Callable[[], bool]) -> Ended:
        self.ran.append(command)
        return self._next(command)

    def look(self, command: Command, *, timeout_s: float) -> Ended | None:
        self.looked.append(command)
        return self._next(command)

    def _next(self, command: Command) -> Ended:
        if command.argv[0] in self.absent:
            failed = Fatal(f"{command.argv[0]} cannot be started.", code="A280")
            failed.untouched = True
            raise failed
        rows = self._script[command.argv[0]]
        return rows.pop(0) if len(rows) > 1 else rows[0]


class FakeHttp:
    """Answers by address (port HttpCalls), each from a script, the last one for ever."""

    def __init__(self, script: Mapping[str, list[Answered] | Answered]) -> None:
        self._script = {url: [*rows] if isinstance(rows, list) else [rows] for url, rows in script.items()}
        self.sent: list[Call] = []
        self.looked: list[Call] = []

    def trouble(self, call: Call) -> list[str]:
        return [] if call.url.startswith("http") else [f"'{call.url}' is no address to call"]

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        self.sent.append(call)
        return self._next(call)

    def look(self, call: Call, *, timeout_s: float) -> Answered | None:
        self.looked.append(call)
        return self._next(call)

    def _next(self, call: Call) -> Answered:
        if self.trouble(call):
            raise Fatal(f"'{call.url}' is no address to call.", code="A282")
        rows = self._script[call.url]
        return rows.pop(0) if len(rows) > 1 else rows[0]


class FakeConfigs:
    """One text (port Configs), at one place or, without `at`, at any."""

    def __init__(self, text: str, *, at: ConfigPlace | None = None) -> None:
        self._at = at
        self.text = text
        self.swaps: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        """Raised by the next swap, after the text was written."""
        self.absent = False

    def read(self, place: ConfigPlace) -> str | None:
        if self.absent or (self._at is not None and self._at != place):
            raise Fatal("there is no such text.", code="A284")
        return self.text

    def swap(self, place: ConfigPlace, before: str, after: str) -> None:
        self.swaps.append((before, after))
        if self.text not in {before, after}:
            raise Fatal("somebody else has changed the text.", code="A286")
        self.text = after
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


class FakeDatabases:
    """Answers in turn, the last one for ever (port Databases)."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[DatabaseAccess | str, str]] = []

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]] | None:
        answer: Sequence[Sequence[Any]] | None = self._next(access, sql)
        return answer

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted | None:
        answer: Counted | None = self._next(access, table)
        return answer

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState | None:
        answer: StandbyState | None = self._next(access, "standby")
        return answer

    def _next(self, access: DatabaseAccess | str, what: str) -> Any:
        self.asked.append((access, what))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class FakeQueues:
    """Ends by the cluster's address (port Queues)."""

    def __init__(self, ends: Mapping[str, list[PartitionEnd]]) -> None:
        self._ends = ends

    def ends(self, access: KafkaAccess, topics: Sequence[str], *, group: str, newest: bool, timeout_s: float) -> list[PartitionEnd] | None:
        found = [row for row in self._ends[access.bootstrap] if row.topic in topics]
        if missing := {*topics} - {row.topic for row in found}:
            raise Fatal(f"Kafka at {access.bootstrap} has no {', '.join(missing)}.", code="A288")
        return found


def fake_own(**roles: Any) -> OwnGround:
    """Own ground with these roles only: a step that touches another one fails its test."""
    return OwnGround(**{**dict.fromkeys(("commands", "http", "configs", "databases", "queues")), **roles})
