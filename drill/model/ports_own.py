"""A team's own ground: commands, web calls, configuration centres, and read-only questions to databases and queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from drill.model.ports_ground import DatabaseAccess


@dataclass(frozen=True)
class Command:
    """A program and its arguments. With `shell`, `argv` is one text for `/bin/sh -c`.

    `env` may hold `secret:NAME`; `inherit` names variables of the engine that it gets besides PATH, HOME, LANG and TZ.
    """

    argv: tuple[str, ...]
    shell: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[str, ...] = ()
    cwd: str = ""
    stdin: str = ""


@dataclass(frozen=True)
class Ended:
    """How a command ended. Its output is whole up to a limit and holds no secret any more."""

    state: Literal["ended", "stopped", "timeout"]
    exit_code: int | None
    stdout: str
    stderr: str
    took_s: float


class Commands(Protocol):
    """Runs programs on this machine. Nothing of one is left running after a stop or a time-out."""

    def trouble(self, command: Command) -> list[str]:
        """Why it cannot be started here, a sentence each; starts nothing."""

    def run(self, command: Command, *, timeout_s: float, stopping: Callable[[], bool]) -> Ended:
        """Run it to its end. Raises: Fatal: it cannot be started (A280), or it floods us (A281). InDoubt: it does not end (A330)."""

    def look(self, command: Command, *, timeout_s: float) -> Ended | None:
        """Run one that only reads. Nothing: nothing may be run here, as in a dry run. Raises: as `run`."""


@dataclass(frozen=True)
class Call:
    """One HTTP request, as it was written.

    Headers and body may hold `secret:NAME` as a whole value or as `{secret:NAME}`; `address` is asked instead of the host's own.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    address: str = ""


@dataclass(frozen=True)
class Answered:
    """What came back. `sent` tells whether the server may have seen the request; `status` is 0 when no whole answer came.

    No secret is in it any more.
    """

    sent: bool
    status: int
    headers: Mapping[str, str]
    body: str
    error: str
    took_s: float


class HttpCalls(Protocol):
    """Sends HTTP requests, each once; follows no redirect."""

    def trouble(self, call: Call) -> list[str]:
        """Why it cannot be sent, a sentence each; sends nothing."""

    def send(self, call: Call, *, timeout_s: float) -> Answered:
        """Send it. Never raises for a server that does not answer. Raises: Fatal: the address is none (A282)."""

    def look(self, call: Call, *, timeout_s: float) -> Answered | None:
        """Send one that only reads. Nothing: nobody may be asked here, as in a dry run. Raises: as `send`."""


@dataclass(frozen=True)
class ConfigPlace:
    """Where one configuration text is kept: the kind of its keeper and the keeper's own keys, which may hold `secret:NAME`."""

    keeper: Literal["file", "nacos", "apollo"]
    keys: Mapping[str, str]


class Configs(Protocol):
    """Texts that applications take their settings from. Writing is a compare-and-swap as far as the keeper has one."""

    def read(self, place: ConfigPlace) -> str | None:
        """What applications get now. Nothing: nobody may be asked here, as in a dry run.

        Raises: Fatal: there is no such text (A284), or we are refused (A285). Retryable: no answer (A180).
        """

    def swap(self, place: ConfigPlace, before: str, after: str) -> None:
        """Replace `before` by `after` and see that applications get it. Already `after` is success.

        Raises: Fatal: somebody else changed it (A286), or we are refused (A285). Retryable: certainly not written (A180). InDoubt: no
        answer, and reading back failed (A380).
        """


@dataclass(frozen=True)
class KafkaAccess:
    """A cluster: `bootstrap` as `host:port,host:port`, and librdkafka's own settings, which may hold `secret:NAME`."""

    bootstrap: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PartitionEnd:
    """Where one partition ends: the next offset and the time of its newest record, in seconds since 1970; nothing when it has none."""

    topic: str
    partition: int
    next_offset: int
    newest_s: float | None
    committed: int | None = None
    """The next offset a consumer group will read; nothing when it never committed."""


@dataclass(frozen=True)
class Counted:
    """What a table holds: how many rows, and the sum of their digests, which says the same on every copy that one `engine` keeps."""

    rows: int
    sum: str
    engine: str
    """`postgresql`, `mysql` or `mariadb`: sums of different ones say nothing about each other."""


@dataclass(frozen=True)
class StandbyState:
    """What a standby says of itself; a figure that is not known is None, and so is one that its engine does not count."""

    standby: bool
    """It takes no writes, because it follows a primary."""
    streams: bool
    """It receives now what its primary writes."""
    lag_s: float | None
    lag_bytes: int | None = None
    lag_transactions: int | None = None
    why: str = ""
    """What the database says about why it does not follow."""


class Databases(Protocol):
    """Asks databases questions that cannot change anything: one statement each, in a read-only transaction that is rolled back.

    `access` may be a `secret:NAME` that holds a connection string: a libpq one, or `mysql://user:password@host/name`. Every answer is
    nothing when nobody may be asked here, as in a dry run. Raises: Retryable: it cannot be reached, or takes too long (A181). Fatal: it is
    refused, as every write is (A287), its password file cannot be used (A297), or the driver is missing (A298).
    """

    def ask(self, access: DatabaseAccess | str, sql: str, *, timeout_s: float) -> Sequence[Sequence[Any]] | None:
        """The first rows of the answer."""

    def count(self, access: DatabaseAccess | str, table: str, *, where: str, timeout_s: float) -> Counted | None:
        """The rows of `table` or `schema.table` that are as `where` says; empty means all."""

    def standby(self, access: DatabaseAccess, *, primary: DatabaseAccess | None, timeout_s: float) -> StandbyState | None:
        """What a standby says of itself, and what it lacks of `primary` where that is given, which is asked first.

        Raises: Fatal: they are of different engines (A290).
        """


class Queues(Protocol):
    """Asks Kafka where its partitions end; reads records without committing anything."""

    def ends(self, access: KafkaAccess, topics: Sequence[str], *, group: str, newest: bool, timeout_s: float) -> list[PartitionEnd] | None:
        """Every partition of the topics, in order. Nothing: nobody may be asked here, as in a dry run.

        Raises: Retryable: no answer in time (A182). Fatal: no such topic, or we are refused (A288), or no Kafka client here (A289).
        """


@dataclass(frozen=True)
class OwnGround:
    """Everything a team's own steps work with."""

    commands: Commands
    http: HttpCalls
    configs: Configs
    databases: Databases
    queues: Queues
