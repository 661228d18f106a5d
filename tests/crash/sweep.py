"""Strikes a scripted drill at every point and says how it went: `python -m tests.crash.sweep [EVERY]`, EVERY 1 for all points."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drill.model.events import Fact, Kind
from drill.model.progress import MEASUREMENTS
from tests.crash.engine import Strike
from tests.crash.points import Fault, Played, Wrong, after_a_kill, after_an_abort, always, play

WORKERS = max(2, os.cpu_count() or 2)
_TELL_EVERY = 50


@dataclass(frozen=True)
class Point:
    """Where to strike which engine, and what must hold afterwards."""

    name: str
    strikes: tuple[Strike, ...]
    check: Callable[[Played], list[Wrong]]


def counted(facts: Sequence[Fact]) -> list[Fact]:
    """The facts that a strike counts: those of the engine and of people that its own process wrote."""
    return [fact for fact in facts if fact.kind not in MEASUREMENTS and not fact.by.startswith("probe:") and fact.key != "operator/abort"]


def kill_points(undisturbed: Played) -> Iterator[Point]:
    """After every fact, and after every effect before its fact."""

    def check(played: Played) -> list[Wrong]:
        return after_a_kill(played, undisturbed)

    for k in range(1, len(counted(undisturbed.facts)) + 1):
        yield Point(f"kill after fact {k}", (Strike(kill_fact=k),), check)
    for k in range(1, sum(undisturbed.effects.calls.values()) + 1):
        yield Point(f"kill after effect {k}, before its fact", (Strike(kill_effect=k),), check)


def abort_points(undisturbed: Played) -> Iterator[Point]:
    """An abort after every fact."""
    for k in range(1, len(counted(undisturbed.facts)) + 1):
        yield Point(f"abort after fact {k}", (Strike(abort_fact=k),), after_an_abort)


def undo_points(undisturbed: Played) -> Iterator[Point]:
    """A kill at every fact of the way back: of an undo, of a hold, and of the failback after a hold."""
    early, late = (number(undisturbed, key) for key in ("data.fence/1/succeeded", "data.promote/1/succeeded"))
    undone, held = play(Strike(abort_fact=early)), play(Strike(abort_fact=late))
    for k in range(early + 1, len(counted(undone.facts)) + 1):
        yield Point(f"abort after fact {early}, kill after fact {k}", (Strike(abort_fact=early, kill_fact=k),), after_an_abort)
    own = counted(held.facts)
    decided = next(number for number, fact in enumerate(own) if fact.kind is Kind.OPERATOR_DECIDED)
    for k in range(late + 1, decided + 1):
        yield Point(f"abort after fact {late}, kill after fact {k}", (Strike(abort_fact=late, kill_fact=k),), after_an_abort)
    for k in range(1, len(own) - decided):
        strikes = (Strike(abort_fact=late), Strike(kill_fact=k))
        yield Point(f"abort after fact {late}, kill after fact {k} of the failback", strikes, after_an_abort)


def number(played: Played, key: str) -> int:
    """Which of the counted facts, from 1, is stored under a key."""
    return 1 + next(number for number, fact in enumerate(counted(played.facts)) if fact.key == key)


def strike_all(points: Sequence[Point]) -> Iterator[tuple[Point, list[Wrong]]]:
    """Play every point, a few at a time, and say what is wrong at each."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(_judge, points)


def _judge(point: Point) -> tuple[Point, list[Wrong]]:
    return point, point.check(play(*point.strikes))


def main(every: int) -> int:
    """Strike every point, or each of so many; returns 0 when nothing is wrong."""
    undisturbed = play(Strike())
    if wrong := always(undisturbed):
        _say("\n".join(["undisturbed:", *map(str, wrong)]))
        return 1
    points = [*kill_points(undisturbed), *abort_points(undisturbed), *undo_points(undisturbed)][::every]
    _say(f"{len(points)} points: a kill after each fact and effect, an abort after each fact, a kill at each fact of the way back")
    faults: Counter[Fault] = Counter()
    failed = 0
    for number, (point, found) in enumerate(strike_all(points), 1):
        faults.update(each.fault for each in found)
        failed += bool(found)
        if found:
            _say("\n    ".join([f"{point.name}:", *map(str, found)]))
        if number % _TELL_EVERY == 0:
            _say(f"{number} done")
    resumed = f"{len(points) - failed} of {len(points)} points resumed"
    _say(f"{resumed}, {faults[Fault.REPEATED]} repeated side effects, {faults[Fault.LOST_UNDO]} lost undos")
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
