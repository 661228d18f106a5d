"""Every port in memory: what a test uses instead of the world."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast

from drill.model.errors import Fatal, PreflightFailed, Retryable
from drill.model.events import Fact, Kind
from drill.model.guards import Look
from drill.model.ports import (
    Clock,
    InboundMessage,
    OutboundMessage,
    Sample,
    SendResult,
    World,
)
from tests.fakes_names import FakeDns, FakePropagation
from tests.fakes_sites import FakeAnsible, FakeDatabaseGround, FakeFence, FakeGround, FakeOutage, FakeTerraform

__all__ = [
    "FakeAnsible",
    "FakeArtifacts",
    "FakeAttempt",
    "FakeClock",
    "FakeDatabaseGround",
    "FakeDns",
    "FakeFence",
    "FakeGround",
    "FakeGuards",
    "FakeMessenger",
    "FakeOutage",
    "FakeProbes",
    "FakePropagation",
    "FakeReplySource",
    "FakeSecrets",
    "FakeTerraform",
    "fake_world",
]


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
        self.at_s += max(0.0, seconds)


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


def fake_world(**roles: Any) -> World:
    """A world with these roles only: a step that touches another one fails its test."""
    return cast("World", SimpleNamespace(**{"outages": {}, **roles}))


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


class FakeGuards:
    """Guards that say what they are told to, each with its last word for ever (port GuardRunner, and the observer's source)."""

    def __init__(self, clock: Clock | None = None, **script: list[Literal["holds", "broken", "firing", "lost"]]) -> None:
        self._clock = clock or FakeClock()
        self._script = script
        self.asked: list[str] = []

    def ask(self, guard: str) -> Look:
        self.asked.append(guard)
        if guard not in self._script:
            raise Fatal(f"there is no guard {guard!r} to ask.", code="A261")
        words = self._script[guard]
        word = words.pop(0) if len(words) > 1 else words[0]
        sent_s = self._clock.mono_s()
        return Look(sent_s, sent_s, word, "" if word == "holds" else f"seen {word}")

    async def look(self, guard: str) -> Look:
        return self.ask(guard)

    def say(self, guard: str, word: Literal["holds", "broken", "firing", "lost"]) -> None:
        """From now on."""
        self._script[guard] = [word]
