"""A web server with a door for vantage points, on a journal that holds a drill; and its agent's own link to it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drill.adapters.clock import SystemClock
from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.adapters.journal_memory import MemoryJournal
from drill.adapters.vantage_http import HttpLink
from drill.engine.record import Recorder
from drill.engine.vantage_watch import CHECK
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.vantage_wire import Sampled
from drill.web.app import build
from drill.web.storing import Storekeeper
from drill.web.vantage import VantageDoor
from drill.wiring.vantage_desk import VantageDesk
from tests.engine.vantage_samples import order_for, sampled, vantage_plan
from tests.web.served import KEY, PATH, running

FRANKFURT = "frankfurt-key-that-nobody-guesses-0123456789"
TOKYO = "tokyo-key-that-nobody-guesses-0123456789abcd"
WEAK = "frankfurt-2027"
SECRETS = {"secret:VANTAGE_FRANKFURT": FRANKFURT, "secret:VANTAGE_TOKYO": TOKYO, "secret:VANTAGE_OSLO": WEAK}


class SlowJournal(MemoryJournal):
    """Takes its time, or does not work at all, when told to."""

    slow_s = 0.0
    broken = False

    def append_unless(self, drill: str, drafts: Any, *, over: frozenset[Kind]) -> list[Fact] | None:
        time.sleep(self.slow_s)
        if self.broken:
            raise JournalBroken("the disk is full.", code="J020")
        return super().append_unless(drill, drafts, over=over)


@dataclass
class Stand:
    """A server with one journal behind it."""

    port: int
    journal: SlowJournal
    clock: SystemClock = field(default_factory=SystemClock)

    @property
    def pen(self) -> Recorder:
        return self.pen_of("d")

    def pen_of(self, drill: str) -> Recorder:
        """Writes facts of a drill as its engine does."""
        return Recorder(drill, journal=self.journal, clock=self.clock)

    def plan(self, drill: str = "d", plan: Plan | None = None) -> None:
        """A drill begins to exist."""
        row = (plan or vantage_plan()).model_dump(mode="json")
        self.pen_of(drill).say(Kind.DRILL_PLANNED, "planned", plan=row, plan_digest="0", started_by="lead")

    def tell(self, drill: str = "d") -> None:
        """Its vantage points are told what to ask."""
        orders = {name: order_for(drill, name).model_dump(mode="json") for name in ("frankfurt", "tokyo")}
        self.pen_of(drill).say(Kind.PREFLIGHT_CHECKED, "preflight/vantage/1", check=CHECK, ok=True, detail="", orders=orders)

    def end(self, drill: str = "d") -> None:
        """The drill ends."""
        self.pen_of(drill).say(Kind.DRILL_FINISHED, "finished", outcome="finished", exit_code=0, left=[])

    def link(self, vantage: str = "frankfurt", key: str = FRANKFURT, **more: Any) -> HttpLink:
        """An agent's way here."""
        return HttpLink(f"http://127.0.0.1:{self.port}", vantage, key, clock=self.clock, **more)

    def call(
        self, method: str, path: str, body: bytes | str | None = None, *, key: str | None = FRANKFURT, **headers: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One request by hand."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            own = {} if key is None else {"Authorization": f"Bearer {key}"}
            connection.request(method, path, body, {**own, **headers})
            response = connection.getresponse()
            return response.status, response.read(), dict(response.headers)
        finally:
            connection.close()

    def samples(self, drill: str = "d") -> list[Fact]:
        """What the journal holds of vantage points."""
        return self.journal.read(drill, kinds=frozenset({Kind.PROBE_SAMPLED}))

    def fresh(self) -> None:
        """Wait until the desk looks again."""
        time.sleep(0.55)


def now_sampled(clock: SystemClock, k: int, **changed: Any) -> Sampled:
    """A sample that was sent just now."""
    return sampled(k, at=clock.now(), **changed)


def batch(clock: SystemClock, *numbers: int, drill: str = "d", **changed: Any) -> str:
    """The body of a request."""
    rows = [now_sampled(clock, k, **changed).model_dump(mode="json") for k in numbers]
    return json.dumps({"drill": drill, "samples": rows})


def secret(reference: str) -> str:
    """The value of a reference. Raises: PreflightFailed: it is not set."""
    if reference not in SECRETS:
        raise PreflightFailed("not set", code="F010")
    return SECRETS[reference]


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Serve until the end of the block."""
    engine, journal, clock = inbox_file(folder / "inbox.sqlite"), SlowJournal(), SystemClock()
    inbox = SqlInbox(engine, Seal(KEY), world="w")
    inbox.enter("d")
    door = VantageDoor(VantageDesk(journal, clock, secret), clock)
    with running(build({PATH: inbox}, Storekeeper(inbox), vantage=door)) as port:
        yield Stand(port, journal, clock)
    engine.dispose()
