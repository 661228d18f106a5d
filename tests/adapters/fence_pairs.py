"""Pairs of real database servers of each engine, as a fence and a watch see them: what is done to a server, and how a site names it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drill.adapters.ground_described import DescribedGround
from drill.model.gtid import lacking
from drill.model.plan import Site
from drill.model.ports import Ground
from tests.adapters import my_control, my_pair, pg_control, pg_pair
from tests.fakes import FakeSecrets

ENGINES = ("postgres", "mysql")


@dataclass(frozen=True)
class Side:
    """One server. `start` brings it back as it was before `stop`, `promote` makes it take writes, `written` says where it is after one."""

    database: Mapping[str, Any]
    fence: Callable[[], object]
    stop: Callable[[], object]
    start: Callable[[], object]
    promote: Callable[[], object]
    written: Callable[[], str]
    pids: Callable[[], list[int]]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It says nothing meanwhile."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class Two:
    """A primary and its standby, and how both end. `engine` is as sites name it."""

    engine: str
    primary: Side
    standby: Side
    end: Callable[[], None]
    secrets: Mapping[str, str]

    def ground(self, **primary: Any) -> Ground:
        """The sites `primary` and `standby`; what is given is said of the primary's database instead."""
        said = {"primary": {**self.primary.database, **primary}, "standby": self.standby.database}
        sites = [Site(id=name, provider="hosts", region=name, options={"database": database}) for name, database in said.items()]
        return DescribedGround(sites, project=Path(), secrets=FakeSecrets(dict(self.secrets)), last_lsn=str)

    def reached(self, position: str, wanted: str) -> bool:
        """Whether a position holds all of another one."""
        if self.engine == "mysql":
            return bool(position) and lacking(wanted, position, "mariadb") == 0
        return bool(position) and _bytes(position) >= _bytes(wanted)


def template_of(engine: str) -> Path:
    """A folder to start pairs from."""
    return pg_pair.make_template(pg_pair.binaries()[-1]) if engine == "postgres" else my_pair.make_template()


def started(engine: str, template: Path) -> Two:
    """A running pair of its own."""
    if engine == "postgres":
        pair = pg_pair.copy_pair(template, pg_pair.binaries()[-1])
        try:
            pair.start()
        except BaseException:
            pair.end()
            raise
        return Two(engine, _postgres(pair.a), _postgres(pair.b), pair.end, {})
    mine = my_pair.start_pair(template)
    mine.a.sql("create user drill@'127.0.0.1' identified by 'hunter22'; grant drop on mysql.* to drill@'127.0.0.1'")
    assert my_pair.wait_applied(mine.a, mine.b)
    file = mine.folder / "drill.cnf"
    file.write_text("[client]\npassword = 'hunter22'\n")
    file.chmod(0o600)
    return Two(engine, _mysql(mine.a), _mysql(mine.b), mine.end, {"MYCNF": str(file)})


def _postgres(server: pg_pair.Server) -> Side:
    def written() -> str:
        server.sql("create table if not exists watched (id int); insert into watched values (1)")
        return server.sql("select pg_current_wal_lsn()")

    def pids() -> list[int]:
        postmaster = pg_control.postmaster(server.data)
        assert postmaster is not None
        return [process.pid for process in (postmaster, *postmaster.children(recursive=True))]

    return Side(
        {"host": "127.0.0.1", "port": server.port, "user": "drill", "dbname": "postgres"},
        fence=lambda: server.do("fence"),
        stop=lambda: server.do("stop"),
        start=lambda: server.do("start"),
        promote=lambda: server.sql("select pg_promote()"),
        written=written,
        pids=pids,
    )


def _mysql(server: my_pair.MyServer) -> Side:
    def written() -> str:
        server.sql("create table if not exists shop.watched (id int); insert into shop.watched values (1)")
        return server.sql("select @@gtid_binlog_pos")

    def pids() -> list[int]:
        process = my_control.server(server.data)
        assert process is not None
        return [process.pid]

    def start() -> None:
        server.do("start")
        server.sql("set global read_only = 0")

    return Side(
        {"engine": "mysql", "host": "127.0.0.1", "port": server.port, "user": "drill", "dbname": "", "passfile": "secret:MYCNF"},
        fence=lambda: server.do("fence"),
        stop=lambda: my_control.kill(server.data),
        start=start,
        promote=lambda: server.sql("stop slave; set global read_only = 0; reset slave all"),
        written=written,
        pids=pids,
    )


def _bytes(lsn: str) -> int:
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)
