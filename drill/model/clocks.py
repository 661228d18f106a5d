"""Where the recovery time went: every millisecond of it belongs to exactly one of four clocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drill.model.attempts import Work
from drill.model.events import Kind
from drill.model.questions import Question, holds
from drill.model.report import Clocks
from drill.model.spans import Stretch, seconds, total, within, without
from drill.model.timeline import Timeline

NO_CLOCKS = Clocks(detection_s=None, machine_s=None, human_s=None, engine_s=None)


@dataclass(frozen=True)
class Shares:
    """The four clocks as stretches without overlaps; together they fill the window. Milliseconds."""

    detection: tuple[Stretch, ...]
    machine: tuple[Stretch, ...]
    human: tuple[Stretch, ...]
    engine: tuple[Stretch, ...]

    def clocks(self) -> Clocks:
        """As the report holds them."""
        return Clocks(
            detection_s=seconds(total(self.detection)),
            machine_s=seconds(total(self.machine)),
            human_s=seconds(total(self.human)),
            engine_s=seconds(total(self.engine)),
        )


def share_out(window: Stretch, *, noticed_ms: int | None, working: Iterable[Stretch], waiting: Iterable[Stretch]) -> Shares:
    """Give every millisecond of the window to one clock: detection until noticed, then machine before human before engine.

    Nobody noticed: all of it is detection.
    """
    start, end = window
    noticed = end if noticed_ms is None else min(max(noticed_ms, start), end)
    detection = within([window], start, noticed)
    machine = within(working, noticed, end)
    human = without(within(waiting, noticed, end), machine)
    engine = without([(noticed, end)], [*machine, *human])
    return Shares(tuple(detection), tuple(machine), tuple(human), tuple(engine))


def shares_of(timeline: Timeline, works: Mapping[str, Work], asked: Mapping[str, Question], window: Stretch) -> Shares:
    """The clocks of a recovery window: steps of the drill part work, gates and holds wait."""
    now_ms = timeline.now_ms
    held = holds(timeline)
    working = without((stretch for work in works.values() if not work.failback for stretch in work.stretches(now_ms)), held)
    waiting = [stretch for question in asked.values() for stretch in question.stretches(now_ms)] + held
    return share_out(window, noticed_ms=noticed_ms(timeline), working=working, waiting=waiting)


def noticed_ms(timeline: Timeline) -> int | None:
    """When the outage was noticed first, by a detector."""
    outage_ms = timeline.outage_ms
    places = [timeline.ms(fact) for fact in timeline.of(Kind.OUTAGE_DETECTED)]
    return min((ms for ms in places if outage_ms is None or ms >= outage_ms), default=None)
