"""A flood of pushes against the real web server, with one in a hundred valid: how long answers take, and whether any answer is lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from drill.engine.desk import Desk, DeskClerk
from drill.engine.inbox import InboxReader
from drill.engine.people import People
from drill.model.events import Kind, stamp
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.inboxes import open_inbox, sandbox_path
from drill.wiring.listeners import Listener
from drill.wiring.records import Records
from tests.engine.drilling import DRILL, NUMBERS, gate_of, phase_of, plan_of, step_of
from tests.fakes import FakeSecrets

PEOPLE = {"lead": NUMBERS["LEAD_PHONE"], "oncall": NUMBERS["ONCALL_PHONE"], "manager": NUMBERS["MANAGER_PHONE"]}
SENT = "2026-11-24 17:{:02d}:{:02d}"
_JUDGED_WITHIN_S = 60.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Load:
    """What was measured. `late_ms` is how far the caller itself fell behind; memory is the web server's, in megabytes.

    `slowed` is how many times longer than alone on the machine the web server's work took: its time on the processor and its time in the
    queue for one, divided by the first.
    """

    pushes: int
    per_second: float
    errors: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_ms: float
    valid: int
    counted: int
    counted_twice: int
    facts: int
    judged_after_s: float
    memory_mb: float
    grown_mb: float
    slowed: float = 1.0

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"{self.pushes} pushes at {self.per_second:.0f}/s, {self.errors} errors; the caller was at most {self.late_ms:.0f} ms late",
            f"waiting for a processor made the work of the web server {self.slowed:.1f} times longer",
            f"answered: p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.0f} ms, max {self.max_ms:.0f} ms",
            f"valid answers: {self.counted} of {self.valid} counted, {self.counted_twice} of them twice",
            f"the last was judged {self.judged_after_s:.1f} s after the flood; {self.facts} facts in all",
            f"memory of the web server: {self.memory_mb:.0f} MB after a quarter, {self.grown_mb:+.1f} MB at the end",
        ]

    def met(self) -> bool:
        """Whether the promises hold."""
        lost = self.counted != self.valid or self.counted_twice
        return not self.errors and not lost and self.p99_ms < 700 and self.max_ms < 2000 and self.grown_mb < 16

    def json(self) -> str:
        """For a machine."""
        return json.dumps(asdict(self) | {"met": self.met()}, indent=1)


def measure(*, seconds: float, per_second: int = 500, seed: int = 1) -> Load:
    """Flood a web server of our own; everything is gone afterwards."""
    rng = random.Random(seed)
    count = round(seconds * per_second)
    valid = count // 100
    with tempfile.TemporaryDirectory(prefix="drill-load-", ignore_cleanup_errors=True) as folder, _home(Path(folder)) as records:
        plan = _plan(valid)
        people = People(plan, drill=DRILL, secrets=FakeSecrets(NUMBERS), key=records.reply_key())
        _ask_all(records, plan)
        texts = [(PEOPLE[contact], f"1 {people.code(gate, contact)}") for gate in plan.gates for contact in PEOPLE][:valid]
        with _judging(records, plan, people), _listening(records) as (listener, vitals):
            answers = _flood(records, listener, _bodies(texts, count, rng), per_second)
            flooded_s = time.monotonic()
            _wait_judged(records, valid)
            judged_after_s = time.monotonic() - flooded_s
        return _found(records, answers, vitals, valid=valid, judged_after_s=judged_after_s)


def _plan(valid: int) -> Plan:
    names = [f"g{number}" for number in range(-(-valid // len(PEOPLE)))]
    gates = tuple(gate_of(name, ask=tuple(PEOPLE), within_s=3600.0, quorum=len(PEOPLE) + 1) for name in names)
    return plan_of(*(phase_of(name, step_of(f"{name}.x"), gate=name) for name in names), gates=gates)


@contextmanager
def _home(folder: Path) -> Iterator[Records]:
    settings = replace(Settings.load(), home=folder, database_url=f"sqlite:///{folder / 'drill.sqlite'}", worker="", session="")
    records = Records(settings)
    yield records
    records.database.dispose()


def _ask_all(records: Records, plan: Plan) -> None:
    recorder = records.recorder(DRILL)
    deadline = stamp(datetime.now(UTC) + timedelta(hours=1))
    asked = [
        recorder.draft(
            Kind.ACKNOWLEDGEMENT_REQUESTED,
            f"{gate.id}/requested",
            gate=gate.id,
            phases=list(gate.phases),
            contacts=list(gate.ask),
            deadline=deadline,
            within_s=3600.0,
        )
        for gate in plan.gates
    ]
    recorder.say_all(asked)


@contextmanager
def _judging(records: Records, plan: Plan, people: People) -> Iterator[None]:
    recorder = records.recorder(DRILL)
    reader = InboxReader(open_inbox(records, plan), Desk(recorder, people), recorder, people)
    troubles: list[str] = []
    clerk = DeskClerk(
        reader,
        reader,
        on_tick=reader.look_again,
        on_trouble=lambda error: troubles.append(str(error)),
        on_end=lambda error: troubles.append(str(error)),
    )
    clerk.start()
    yield
    clerk.stop()
    assert not troubles, troubles


@dataclass
class Vitals:
    """The web server while it is flooded: memory in megabytes, and seconds on and before the processor at the first and the last look."""

    first: tuple[float, float]
    last: tuple[float, float] = (0.0, 0.0)
    memory: list[float] = field(default_factory=list)

    def slowed(self) -> float:
        """As `Load.slowed`; 1 where the kernel does not tell."""
        ran, waited = (late - early for early, late in zip(self.first, self.last, strict=True))
        return (ran + waited) / ran if ran > 0 else 1.0


def _turns(pid: int) -> tuple[float, float]:
    """Seconds that the threads of a process ran and waited to run, all together."""
    rows = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(row[0]) for row in rows) / 1e9, sum(int(row[1]) for row in rows) / 1e9


@contextmanager
def _listening(records: Records) -> Iterator[tuple[Listener, Vitals]]:
    listener, over = Listener(records.settings, "127.0.0.1", 0), threading.Event()
    listener.start()
    pid = json.loads((records.settings.home / "web.json").read_text())["pid"]
    vitals = Vitals(_turns(pid))

    def watch() -> None:
        while not over.wait(0.1):
            vitals.memory.append(psutil.Process(pid).memory_info().rss / 1e6)
            vitals.last = _turns(pid)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield listener, vitals
    finally:
        over.set()
        watcher.join()
        listener.stop()


def _bodies(texts: list[tuple[str, str]], count: int, rng: random.Random) -> list[str]:
    """Valid answers and, ninety-nine times as often, everything else: strangers, small talk, receipts, garbage, and valid ones again."""
    bodies = [_other(number, rng) for number in range(count)]
    places = sorted(rng.sample(range(count), len(texts)))
    for place, (number, text) in zip(places, texts, strict=True):
        bodies[place] = _up(number, text, place)
    for place in places:
        again = rng.randrange(place, count)
        if again not in places:
            bodies[again] = bodies[place]
    return bodies


def _other(number: int, rng: random.Random) -> str:
    kinds = (
        lambda: _up(f"139{rng.randrange(10**8):08d}", f"1 {rng.randrange(1000, 10000)}", number),
        lambda: _up(rng.choice(list(PEOPLE.values())), f"what about {_word(number)}", number),
        lambda: json.dumps([{"phone_number": "13900000001", "success": True, "err_code": "DELIVERED", "out_id": f"other:{number}"}]),
        lambda: rng.choice(["", "[]", "{", "[[[", '[{"x": 1}]', "null", "\x00\x01"]),
        lambda: json.dumps([json.loads(_up("13911111111", f"batch {number}/{row}", number))[0] for row in range(5)]),
    )
    return rng.choice(kinds)()


def _word(number: int) -> str:
    """A number in letters: as digits it would be a wrong code, and three of them lock a person out."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def _up(number: str, text: str, place: int) -> str:
    row = {"phone_number": number, "content": text, "send_time": SENT.format(place // 60 % 60, place % 60), "sequence_id": str(place)}
    return json.dumps([row])


def _flood(records: Records, listener: Listener, bodies: list[str], per_second: int) -> dict[str, list[float]]:
    port, path = int(listener.address.rpartition(":")[2]), f"/sms/{sandbox_path(records)}/up"
    order = json.dumps({"port": port, "path": path, "per_second": per_second, "bodies": bodies})
    argv = [sys.executable, "-m", "tests.web.load_caller"]
    done = subprocess.run(
        argv,
        input=order,
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
        timeout=len(bodies) / per_second + 60,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def _wait_judged(records: Records, valid: int) -> None:
    until_s = time.monotonic() + _JUDGED_WITHIN_S
    while time.monotonic() < until_s and len(records.journal.read(DRILL, kinds=frozenset({Kind.REPLY_RECEIVED}))) < valid:
        time.sleep(0.05)


def _found(records: Records, answers: dict[str, list[float]], vitals: Vitals, *, valid: int, judged_after_s: float) -> Load:
    took = sorted(answers["took_ms"]) or [0.0]
    facts = records.journal.read(DRILL)
    counted = [(fact.data["gate"], fact.data["contact"]) for fact in facts if fact.kind is Kind.REPLY_RECEIVED]
    memory = vitals.memory
    late = memory[len(memory) // 4] if memory else 0.0
    seconds = answers["seconds"]
    return Load(
        pushes=len(took) + len([error for error in answers["errors"] if not str(error).isdecimal()]),
        per_second=len(took) / seconds if isinstance(seconds, float) else 0.0,
        errors=len(answers["errors"]),
        p50_ms=round(took[len(took) // 2], 2),
        p99_ms=round(took[min(len(took) - 1, len(took) * 99 // 100)], 2),
        max_ms=round(took[-1], 2),
        late_ms=float(str(answers["late_ms"])),
        valid=valid,
        counted=len(set(counted)),
        counted_twice=len(counted) - len(set(counted)),
        facts=len(facts),
        judged_after_s=round(judged_after_s, 2),
        memory_mb=round(late, 1),
        grown_mb=round(memory[-1] - late, 1) if memory else 0.0,
        slowed=round(vitals.slowed(), 2),
    )
