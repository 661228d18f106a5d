"""Takes a file of samples that a vantage point wrote into a drill that has not ended."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from drill.adapters.journal_sql import SqlJournal
from drill.adapters.vantage_file import read_head, read_samples
from drill.engine.vantage_intake import Moment, sieve, store
from drill.model.errors import PreflightFailed, UsageError
from drill.model.events import Kind
from drill.model.plan import Plan, Probe
from drill.model.vantage_wire import MOST_SAMPLES, FileHead
from drill.wiring.records import Records

_SAME = ("method", "connection", "expect", "timeout_s", "http", "tcp")


@dataclass
class Taken:
    """What became of a file's lines."""

    vantage: str
    taken: int = 0
    outside: int = 0
    """Taken long before the drill."""
    refused: int = 0
    unreadable: int = 0
    why: str = ""
    ahead_s: float = 0.0
    """So far its newest sample lies in the future: at least so much its clock is ahead."""


def take_file(records: Records, drill: str, path: Path) -> Taken:
    """Append the samples of a file to a drill; one that is there already stays as it is.

    Raises: UsageError: it is no such file (U056), or asked something else (U059). PreflightFailed: the drill has ended (F075), has no such
    vantage point (F072), or one that proves by a key what it sends (F077). JournalBroken: the journal cannot be written.
    """
    planned = next(iter(records.journal.read(drill, kinds=frozenset({Kind.DRILL_PLANNED}))))
    plan, head = records.plan(drill), read_head(path)
    _refuse_another(plan, head, path)
    _refuse_keyed(plan, head.vantage)
    journal = SqlJournal(records.database)
    found = Taken(head.vantage)
    if records.progress(drill).outcome:
        raise _ended(drill)
    lines_of = read_samples(path)
    while lines := list(islice(lines_of, MOST_SAMPLES)):
        samples = [line for line in lines if line is not None]
        moment = Moment.by(records.clock)
        found.ahead_s = max([found.ahead_s, *((sample.at - moment.now).total_seconds() for sample in samples)])
        sieved = sieve(plan, head.vantage, samples, planned_at=planned.at, moment=moment)
        if not store(journal, drill, sieved.drafts):
            raise _ended(drill)
        found.taken += len(sieved.drafts)
        found.outside += sieved.outside
        found.refused += len(sieved.wrong)
        found.unreadable += len(lines) - len(samples)
        found.why = found.why or next(iter(sieved.wrong), "")
    return found


def _ended(drill: str) -> PreflightFailed:
    fix = "Take the file while the drill waits at a gate: before its failback is over."
    return PreflightFailed(f"the drill {drill} has ended: nothing that is measured may follow its last fact.", code="F075", fix=fix)


def _refuse_keyed(plan: Plan, vantage: str) -> None:
    """Raises: PreflightFailed: the point sends with a key, which a file that anybody can write does not hold (F077)."""
    if any(point.id == vantage and point.key for point in plan.vantage_points):
        what = f"{vantage} sends with its key: a file, which anybody can write, does not count for it."
        raise PreflightFailed(what, code="F077", fix="Give a vantage point that is to bring a file no `key` in the scenario.")


def _refuse_another(plan: Plan, head: FileHead, path: Path) -> None:
    """Raises: UsageError: the file belongs to another scenario, or its probes were other ones (U059)."""
    if head.scenario != plan.scenario:
        raise UsageError(f"{path} was taken for {head.scenario}, the drill is of {plan.scenario}.", code="U059", fix="Name its drill.")
    known = {probe.id: probe for probe in plan.probes}
    for asked in head.probes:
        planned = known.get(asked.id)
        changed = [] if planned is None else [name for name in _SAME if _differs(planned, asked, name)]
        if changed:
            what = f"{path} asked {asked.id} otherwise than the drill does: {', '.join(changed)} differ."
            raise UsageError(what, code="U059", fix="Sample with the scenario as the drill was started with it.")


def _differs(planned: Probe, asked: Probe, name: str) -> bool:
    before, then = getattr(planned, name), getattr(asked, name)
    return before != then and not (isinstance(before, str) and "{{" in before)
