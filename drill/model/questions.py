"""What became of every gate: who was asked, how long the question was open, who answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from drill.model.events import Fact, Kind
from drill.model.spans import Stretch, milliseconds, total
from drill.model.timeline import Timeline

QuestionState = Literal["open", "acknowledged", "declined", "expired"]


@dataclass
class Question:
    """One gate that was asked. Asked again after a hold, it has several `rounds`."""

    id: str
    phases: tuple[str, ...]
    asked: tuple[str, ...]
    within_ms: int
    rounds: list[list[int]] = field(default_factory=list)
    """Each as [asked, closed]; the last one lacks its end while open."""
    state: QuestionState = "open"
    answered_by: tuple[str, ...] = ()
    answered_ms: int | None = None
    channel: str | None = None
    escalated_to: tuple[str, ...] = ()
    stopped: bool = False
    """The drill went another way while it was open."""

    @property
    def asked_ms(self) -> int:
        """When it was asked first."""
        return self.rounds[0][0]

    def stretches(self, now_ms: int) -> list[Stretch]:
        """When somebody was being waited for."""
        return [(row[0], row[1] if len(row) > 1 else now_ms) for row in self.rounds]

    def wait_ms(self, now_ms: int) -> int:
        """How long it has been open in all."""
        return total(self.stretches(now_ms))

    def late(self, now_ms: int) -> bool:
        """Whether the answer took longer than its limit."""
        return self.wait_ms(now_ms) > self.within_ms


def questions(timeline: Timeline) -> dict[str, Question]:
    """Every gate that was asked, in the order of asking."""
    rows: dict[str, Question] = {}
    for fact in timeline.of(*_KINDS):
        if fact.kind is Kind.ACKNOWLEDGEMENT_REQUESTED:
            _asked(rows, fact, timeline.ms(fact))
        elif fact.kind in _STOPS:
            for row in rows.values():
                _shut(row, timeline.ms(fact), stopped=True)
        elif fact.data["gate"] in rows:
            _changed(rows[fact.data["gate"]], fact, timeline.ms(fact))
    return rows


def holds(timeline: Timeline) -> list[Stretch]:
    """When the drill was on hold, waiting for somebody to decide."""
    out: list[Stretch] = []
    since: int | None = None
    for fact in timeline.of(Kind.DRILL_HELD, Kind.OPERATOR_DECIDED, Kind.DRILL_FINISHED):
        if fact.kind is Kind.DRILL_HELD:
            since = timeline.ms(fact) if since is None else since
        elif since is not None and (fact.kind is Kind.DRILL_FINISHED or ends_a_hold(fact)):
            out.append((since, timeline.ms(fact)))
            since = None
    return out if since is None else [*out, (since, timeline.now_ms)]


def ends_a_hold(fact: Fact) -> bool:
    """Whether a person chose the way on for the whole drill; a decision about one step leaves it on hold."""
    return fact.kind is Kind.OPERATOR_DECIDED and fact.data["verb"] in {"failback", "proceed", "abort"}


_STOPS = frozenset({Kind.ABORT_REQUESTED, Kind.DRILL_HELD, Kind.DRILL_FINISHED})
_KINDS = (
    Kind.ACKNOWLEDGEMENT_REQUESTED,
    Kind.ESCALATED,
    Kind.ACKNOWLEDGED,
    Kind.DECLINED,
    Kind.ACKNOWLEDGEMENT_EXPIRED,
    *_STOPS,
)


def _asked(rows: dict[str, Question], fact: Fact, ms: int) -> None:
    data = fact.data
    row = rows.get(data["gate"])
    if row is None:
        row = rows[data["gate"]] = Question(data["gate"], tuple(data["phases"]), tuple(data["contacts"]), milliseconds(data["within_s"]))
    _shut(row, ms, stopped=False)
    row.rounds.append([ms])
    row.state, row.stopped = "open", False


def _shut(row: Question, ms: int, *, stopped: bool) -> None:
    if row.rounds and len(row.rounds[-1]) == 1:
        row.rounds[-1].append(max(ms, row.rounds[-1][0]))
        row.stopped = stopped


def _changed(row: Question, fact: Fact, ms: int) -> None:
    if fact.kind is Kind.ESCALATED:
        to = fact.data["to"]
        row.escalated_to += tuple(to) if isinstance(to, list) else (str(to),)
        return
    _shut(row, ms, stopped=False)
    if fact.kind is Kind.ACKNOWLEDGED:
        row.state, row.answered_by = "acknowledged", tuple(fact.data["contacts"])
    elif fact.kind is Kind.DECLINED:
        row.state, row.answered_by = "declined", (fact.data["contact"],)
    else:
        row.state = "expired"
        return
    row.channel, row.answered_ms = fact.data["channel"], ms
