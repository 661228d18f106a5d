"""Every port in memory: what a test uses instead of the world."""

from __future__ import annotations

import copy
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, PreflightFailed, Retryable
from drill.model.events import Fact, Kind
from drill.model.guards import Look
from drill.model.ports import (
    Clock,
    InboundMessage,
    NameFacts,
    OutboundMessage,
    PlayResult,
    RecordSet,
    Sample,
    SendResult,
    TaskEvent,
    TerraformChange,
    TerraformEvent,
    TerraformPlan,
    Workspace,
    World,
)
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers


class FakeDns:
    """Record sets in memory (port Dns); `raw` is the list of record sets, as a provider would write it."""

    def __init__(self, records: Mapping[str, tuple[int, Sequence[str]]], *, zone: str = "drill.test") -> None:
        self._zone = zone
        self.pending_looks = 0
        self.name_facts = NameFacts("fake", "data-plane")
        self._one_at_a_time = threading.Lock()
        self._sets: dict[tuple[str, str], list[dict[str, Any]]] = {
            (name, "A"): [{"ttl": ttl_s, "values": list(values)}] for name, (ttl_s, values) in records.items()
        }

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        self._refuse_unmovable(name, rtype)
        sets = self._sets.get((name, rtype))
        if not sets:
            raise Fatal(f"there is no {rtype} record for {name}.", code="A221")
        weights = tuple(sets[0].get("weights", ()))
        return RecordSet(name, rtype, sets[0]["ttl"], tuple(sets[0]["values"]), raw=copy.deepcopy(sets), weights=weights)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        self._refuse_unmovable(before.name, before.type)
        if not after.values:
            raise Fatal(f"{after.name} would be left without an answer.", code="A225")
        key = (before.name, before.type)
        with self._one_at_a_time:
            present = self._sets.get(key, [])
            if present != self._form(after):
                if present != self._form(before):
                    held = ", ".join(value for entry in present for value in entry["values"])
                    raise Fatal(f"somebody else changed {before.name}: it holds {held}.", code="A220")
                self._sets[key] = self._form(after)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", 53)]

    def in_sync(self, name: str) -> bool:
        self.pending_looks -= 1
        return self.pending_looks < 0

    def facts(self, name: str) -> NameFacts:
        return self.name_facts

    @staticmethod
    def _form(record: RecordSet) -> list[dict[str, Any]]:
        plain = {"ttl": record.ttl_s, "values": list(record.values)}
        return copy.deepcopy(record.raw) if record.raw is not None else [plain | ({"weights": [*record.weights]} if record.weights else {})]

    def _refuse_unmovable(self, name: str, rtype: str) -> None:
        if rtype not in {"A", "AAAA", "CNAME"} or name == self._zone or "*" in name:
            raise Fatal(f"a drill does not move the {rtype} record of {name}.", code="A225")


class FakePropagation:
    """Servers that turn to the new answer at once, or never (port Propagation)."""

    def __init__(self, *, first_new_s: float = 0.1, settled_s: float = 0.3, lagging: Sequence[str] = ()) -> None:
        self._first_new_s = first_new_s
        self._settled_s = settled_s
        self.lagging = list(lagging)
        self.stale_s: dict[str, float] = {}
        """How long a cache keeps the old answer beyond its life."""
        self.watched: list[tuple[RecordSet, RecordSet, Agreement]] = []

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        self.watched.append((after, before, agreement))
        rows = [self._row(f"{address}:{port}", after, before, agreement) for address, port in (*servers, *agreement.caches)]
        for row in rows:
            on_change(replace(row, in_a_row=min(row.in_a_row, 1)))
        return PropagationResult(tuple(rows))

    def _row(self, server: str, after: RecordSet, before: RecordSet, agreement: Agreement) -> ServerAnswers:
        if server in self.lagging:
            return ServerAnswers(server, state="old", values=before.values, authoritative=True, last_old_s=agreement.within_s)
        new = ServerAnswers(server, state="new", values=after.values, authoritative=True, in_a_row=agreement.need)
        new = replace(new, stale_beyond_ttl_s=self.stale_s.get(server, 0.0))
        return replace(new, first_new_s=self._first_new_s, settled_s=self._settled_s)


class FakeClock:
    """Time that moves when it is told to, or by `tick_s` at every look (port Clock)."""

    epoch = "fake-boot/1"

    def __init__(self, *, tick_s: float = 0.0) -> None:
        self.at_s = 1000.0
        self._tick_s = tick_s

    def now(self) -> datetime:
        return datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=self.mono_s())

    def mono_s(self) -> float:
        self.at_s += self._tick_s
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds


class FakeAttempt:
    """What one try said, in lists (port Attempt). Hand `undo` over to the next one to play a crash."""

    drill = "drill-1"

    def __init__(self, *, step: str = "phase.step", number: int = 1, undo: Mapping[str, Any] | None = None, left_s: float = 60.0) -> None:
        self.step = step
        self.number = number
        self.undo = undo
        self.left_s = left_s
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.witnessed: list[tuple[Kind, str, dict[str, Any]]] = []
        self.artifacts: dict[str, bytes] = {}
        self.stop = False
        self.facts: list[Fact] = []
        """What `wait_for` finds, in order."""

    def progress(self, what: str, **fields: Any) -> None:
        self.said.append((what, fields))

    def earlier(self, what: str) -> list[Mapping[str, Any]]:
        return [fields for said, fields in self.said if said == what]

    def witness(self, kind: Kind, key: str, **fields: Any) -> None:
        self.witnessed.append((kind, key, fields))

    def register_undo(self, undo: Mapping[str, Any]) -> None:
        self.undo = self.undo or json.loads(json.dumps(undo))  # as the journal does: JSON, and the first one stays

    def registered_undo(self) -> Mapping[str, Any] | None:
        return self.undo

    def stopping(self) -> bool:
        return self.stop

    def remaining_s(self) -> float:
        return self.left_s

    def artifact(self, name: str, content: bytes) -> str:
        self.artifacts[name] = content
        return hashlib.sha256(content).hexdigest()

    def wait_for(self, kind: Kind, match: Callable[[Fact], bool], *, within_s: float | None = None) -> Fact:
        for fact in self.facts:
            if fact.kind == kind and match(fact):
                return fact
        raise Retryable(f"no {kind} was seen before this try ended.", code="A190")


class FakeGround:
    """Sites and what is known about them, without databases (part of port Ground)."""

    def __init__(self, sites: Mapping[str, Mapping[str, Any]]) -> None:
        self._sites = sites

    def attributes(self, site: str) -> Mapping[str, Any]:
        return self._sites[site]


def fake_world(**roles: Any) -> World:
    """A world with these roles only: a step that touches another one fails its test."""
    return cast("World", SimpleNamespace(**{"outages": {}, **roles}))


class FakeAnsible:
    """Ends every play as it was told to (port Ansible), and remembers what it was asked."""

    def __init__(self, result: PlayResult) -> None:
        self.result = result
        self.asked: list[dict[str, Any]] = []

    def play(
        self,
        playbook: str,
        *,
        inventory: Mapping[str, Any],
        variables: Mapping[str, Any],
        check: bool,
        timeout_s: float,
        stopping: Callable[[], bool],
        on_task: Callable[[TaskEvent], None],
    ) -> PlayResult:
        self.asked.append({"playbook": playbook, "inventory": inventory, "variables": variables, "check": check, "timeout_s": timeout_s})
        for task in self.result.tasks:
            on_task(task)
        return self.result


class FakeFence:
    """A fence of every site (port Fence); `writable` names a promoted site, after which nothing is released."""

    def __init__(self, *, writable: str = "", log: list[str] | None = None) -> None:
        self.fenced: set[str] = set()
        self.writable = writable
        self.log = log if log is not None else []

    def preview(self, site: str) -> list[Effect]:
        return [] if site in self.fenced else [Effect(verb=Verb.STOP, target=f"{site}/database", undo="automatic")]

    def fence(self, site: str) -> Mapping[str, Any]:
        self.log.append(f"fence {site}")
        self.fenced.add(site)
        return {"processes_gone": True, "write_refused": True}

    def release(self, site: str) -> None:
        if self.writable:
            raise Fatal(f"{self.writable} is writable.", code="A211")
        self.log.append(f"release {site}")
        self.fenced.discard(site)


class FakeDatabaseGround(FakeGround):
    """Sites with an inventory each and the newest position seen on the primary (part of port Ground)."""

    def __init__(self, *, last_lsn: str = "0/3000148") -> None:
        super().__init__({})
        self._last_lsn = last_lsn

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": {site: {}}}}}}

    def last_primary_lsn(self) -> str:
        return self._last_lsn


class FakeProbes:
    """Answers from a script, the last one for ever (port ProbeRunner): a site's name is a good answer, anything else an error."""

    def __init__(self, *script: str, sites: Sequence[str] = ("primary", "standby"), clock: FakeClock | None = None) -> None:
        self._script = list(script)
        self._sites = sites
        self._clock = clock or FakeClock()
        self.asked: list[str] = []

    def ask(self, probe: str) -> Sample:
        self.asked.append(probe)
        word = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        sent_s = self._clock.mono_s()
        if word in self._sites:
            return Sample(sent_s, sent_s + 0.01, ok=True, error="", site=word, address="127.0.0.1")
        return Sample(sent_s, None, ok=False, error=word, site="", address="")


class FakeMessenger:
    """A channel in memory (port Messenger): `script` holds the results of the next sends, then everything is accepted and delivered."""

    def __init__(self, *script: SendResult, channel: str = "sms") -> None:
        self.channel = channel
        self.sent: list[OutboundMessage] = []
        self.fates: dict[str, Literal["accepted", "delivered", "failed", "unknown"]] = {}
        self._script = list(script)

    def send(self, message: OutboundMessage) -> SendResult:
        self.sent.append(message)
        result = self._script.pop(0) if self._script else SendResult("accepted", "fake", f"fake-{len(self.sent)}", code="OK")
        if result.state == "accepted":
            self.fates.setdefault(message.id, "delivered")
        return result

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        return self.fates.get(message.id, "unknown")


class FakeReplySource:
    """Answers in memory (port ReplySource): what is not `done` is delivered again by the next receive."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._waiting: dict[str, InboundMessage] = {}
        self._changed = threading.Condition()
        self._count = 0

    def put(self, address: str, text: str) -> InboundMessage:
        """A person answers from an address."""
        with self._changed:
            self._count += 1
            message = InboundMessage(f"in-{self._count}", address, text, self._clock.now(), f"handle-{self._count}")
            self._waiting[message.id] = message
            self._changed.notify_all()
        return message

    def receive(self, wait_s: float) -> list[InboundMessage]:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), min(wait_s, 0.2))
            return list(self._waiting.values())[:16]

    def done(self, message: InboundMessage) -> None:
        with self._changed:
            self._waiting.pop(message.id, None)


class FakeOutage:
    """Sites that are cut off or not, in memory (port Outage). `stuck` sites stay cut off; `exact` ones need their snapshot back."""

    def __init__(self, sites: Mapping[str, Sequence[str]], *, stuck: Sequence[str] = (), exact: Sequence[str] = ()) -> None:
        self._sites = sites
        self._stuck = stuck
        self.exact = exact
        self.handed: list[Mapping[str, Any]] = []
        self.cut: list[str] = []

    def preview(self, site: str) -> list[Effect]:
        return [] if site in self.cut else [Effect(verb=Verb.STOP, target=f"{site}/{part}") for part in self._sites[site]]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return {"parts": list(self._sites[site])} if site in self.exact else {}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        self.handed.append(snapshot)
        if site not in self.cut:
            self.cut.append(site)
        return {"method": "freeze", **({"not_cut": ["the object store"]} if site in self.exact else {})}

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self.handed.append(snapshot)
        if site in self.cut and site not in self._stuck:
            self.cut.remove(site)

    def isolated(self, site: str) -> bool:
        return site in self.cut


class FakeSecrets:
    """Values by name (port Secrets)."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def get(self, reference: str) -> str:
        name = reference.removeprefix("secret:")
        if name not in self.values:
            raise PreflightFailed(f"the secret {name} is not set.", code="F010", fix=f"Set DRILL_SECRET_{name}.")
        return self.values[name]


class FakeArtifacts:
    """Kept output in memory (port Artifacts)."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[str, bytes]] = {}

    def put(self, drill: str, name: str, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.kept.setdefault((drill, sha256), (name, content))
        return sha256

    def get(self, drill: str, sha256: str) -> bytes:
        return self.kept[drill, sha256][1]

    def names(self, drill: str) -> Mapping[str, str]:
        return {sha256: name for (owner, sha256), (name, _) in self.kept.items() if owner == drill}


class FakeTerraform:
    """Builds the same resources for every module, in memory (port Terraform).

    `failure` ends the next apply after its first resource; `keeps` names a resource that no destroy removes.
    """

    def __init__(self, *addresses: str, outputs: Mapping[str, Any] | None = None, keeps: str = "") -> None:
        self.outputs = dict(outputs or {})
        self.keeps = keeps
        self.failure: Exception | None = None
        self.after: dict[str, Any] = {}
        self.drift: tuple[tuple[str, str], ...] = ()
        self.at_provider: list[list[str]] = []
        """What the provider says at each look; it cannot be asked when there is none."""
        self.log: list[str] = []
        self.previewed: list[tuple[str, Mapping[str, Any]]] = []
        self._addresses = sorted(addresses)
        self._built: dict[tuple[str, str], set[str]] = {}
        self._saved: dict[tuple[str, str], tuple[str, list[str]]] = {}

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        built = self.resources(workspace)
        action = "delete" if destroy else "create"
        rows = built if destroy else [address for address in self._addresses if address not in built]
        self.log.append(f"plan {'destroy ' if destroy else ''}{workspace.step}")
        self._saved[workspace.drill, workspace.step] = (action, rows)
        return self._plan(action, rows, {} if destroy else self.outputs)

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        saved = self._saved.pop((workspace.drill, workspace.step), None)
        if saved is None:
            raise Fatal(f"{workspace.step} has no saved plan.", code="A245")
        action, rows = saved
        self.log.append(f"apply {workspace.step}")
        built = self._built.setdefault((workspace.drill, workspace.step), set())
        for address in rows:
            on_event(TerraformEvent("apply_start", address, action, None))
            (built.discard if action == "delete" and address != self.keeps else built.add)(address)
            on_event(TerraformEvent("apply_complete", address, action, 0.25))
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure
        return self.outputs if action == "create" else {}

    def resources(self, workspace: Workspace) -> list[str]:
        return sorted(self._built.get((workspace.drill, workspace.step), ()))

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        return self.at_provider.pop(0) if self.at_provider else None

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        self.previewed.append((module, variables))
        return self._plan("create", self._addresses, self.outputs)

    def _plan(self, action: str, rows: Sequence[str], outputs: Mapping[str, Any]) -> TerraformPlan:
        changes = tuple(TerraformChange(address, address.partition(".")[0], (action,), self.after) for address in rows)
        return TerraformPlan(changes, hashlib.sha256(repr(changes).encode()).hexdigest(), outputs, drift=self.drift)


class FakeGuards:
    """Guards that say what they are told to, each with its last word for ever (port GuardRunner, and the observer's source)."""

    def __init__(self, clock: Clock | None = None, **script: list[Literal["holds", "broken", "firing", "lost"]]) -> None:
        self._clock = clock or FakeClock()
        self._script = script
        self.asked: list[str] = []

    def ask(self, guard: str) -> Look:
        self.asked.append(guard)
        words = self._script[guard]
        word = words.pop(0) if len(words) > 1 else words[0]
        sent_s = self._clock.mono_s()
        return Look(sent_s, sent_s, word, "" if word == "holds" else f"seen {word}")

    async def look(self, guard: str) -> Look:
        return self.ask(guard)

    def say(self, guard: str, word: Literal["holds", "broken", "firing", "lost"]) -> None:
        """From now on."""
        self._script[guard] = [word]
