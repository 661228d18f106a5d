"""After a crash what people said in time counts, and nothing that they said late: the clock of a question waits until all is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from drill.adapters.inbox_seal import Seal
from drill.adapters.inbox_sql import SqlInbox, inbox_file
from drill.engine.attempt import Result
from drill.engine.catching_up import PATIENCE_S, CatchUp
from drill.engine.desk import Desk
from drill.engine.gate import GateKeeper
from drill.engine.inbox import InboxReader
from drill.engine.notify import Notifier
from drill.model.events import Kind
from drill.model.ports import InboundMessage
from tests.engine.door import Door
from tests.engine.drilling import NUMBERS, Died, Stage, die
from tests.engine.test_desk import asked, confirmed, rejections

WITHIN_S = 30.0


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SqlInbox]:
    engine = inbox_file(tmp_path / "inbox.sqlite")
    yield SqlInbox(engine, Seal(b"k" * 32), world="w")
    engine.dispose()


class Restarted:
    """A drill whose engine died with a question open, after its deadline: one queue, the inbox, and the gate again."""

    def __init__(self, inbox: SqlInbox, silence: Literal["abort", "hold", "proceed"], then: tuple[str, ...] = ()) -> None:
        first = Door(within_s=WITHIN_S, silence=silence, then=then)
        first.drill.clock.after(5.0, die)
        with pytest.raises(Died):
            first.hold()
        self.inbox = inbox
        inbox.enter("drill-1")
        self.door = first.next_life(later_s=60.0)
        self.drill = self.door.drill
        (requested,) = self.drill.facts(Kind.ACKNOWLEDGEMENT_REQUESTED)
        self.deadline = datetime.fromisoformat(requested.data["deadline"])
        self.catch_up = CatchUp(self.drill.clock, resumed=True)
        desk = Desk(self.drill.recorder, self.drill.people, catch_up=self.catch_up)
        self.reader = InboxReader(inbox, desk, self.drill.recorder, self.drill.people)

    def queued(self, word: str, *, before_deadline_s: float) -> None:
        """What the queue held is stored and the queue is empty, two seconds after the engine is back; then it is judged."""
        text = f"{word} {self.drill.code('a', 'lead')}"
        message = InboundMessage("m", NUMBERS["LEAD_PHONE"], text, self.deadline - timedelta(seconds=before_deadline_s), "")
        self.drill.clock.after(2.0, lambda: self.inbox.store([message]))
        self.drill.clock.after(2.0, lambda: self.catch_up.emptied(0))
        self.read_at(3.0)

    def read_at(self, *seconds: float) -> None:
        for at_s in (*seconds, seconds[-1] + 1.0, seconds[-1] + 2.0):
            self.drill.clock.after(at_s, self._read)

    def _read(self) -> None:
        found = self.reader.receive(0)
        for message in found:
            self.reader.take_message(replace(message, received_at=None))  # the database's clock is no fake one
            self.reader.done(message)
        if not found:
            self.catch_up.judged()

    def hold(self) -> Result:
        notifier = Notifier(self.drill.recorder, self.drill.people, {"sms": self.door.messenger})
        keeper = GateKeeper(self.drill.recorder, notifier, checks=lambda: False, behind=self.catch_up.behind)
        return keeper.hold(self.door.gate)


@pytest.mark.parametrize("silence", ["abort", "hold", "proceed"])
@pytest.mark.parametrize(("word", "status"), [("1", "ok"), ("2", "declined")])
def test_an_answer_sent_in_time_while_the_engine_was_dead_counts(
    inbox: SqlInbox, silence: Literal["abort", "hold", "proceed"], word: str, status: str
) -> None:
    back = Restarted(inbox, silence)
    back.queued(word, before_deadline_s=4.0)

    result = back.hold()

    assert result == {"status": status}
    assert not back.drill.facts(Kind.ACKNOWLEDGEMENT_EXPIRED)
    assert rejections(back.drill) == []


@pytest.mark.parametrize("late_s", [-0.2, 0.5, 4.0])
def test_an_answer_sent_after_the_deadline_is_late_as_ever_and_so_is_one_in_the_carriers_last_second(
    inbox: SqlInbox, late_s: float
) -> None:
    back = Restarted(inbox, "abort")
    back.queued("1", before_deadline_s=-late_s)

    result = back.hold()

    assert result == {"status": "expired"}
    assert not back.drill.facts(Kind.ACKNOWLEDGED)
    assert rejections(back.drill) == ["late"]


def test_nobody_else_is_asked_before_what_waits_was_read(inbox: SqlInbox) -> None:
    back = Restarted(inbox, "abort", then=("oncall",))
    back.queued("1", before_deadline_s=25.0)

    assert back.hold() == {"status": "ok"}
    assert not back.drill.facts(Kind.ESCALATED)


def test_silence_runs_out_as_soon_as_everything_was_read(inbox: SqlInbox) -> None:
    back = Restarted(inbox, "abort")
    began_s = back.drill.clock.mono_s()
    back.drill.clock.after(2.0, lambda: back.catch_up.emptied(0))
    back.read_at(1.0, 3.0)

    assert back.hold() == {"status": "expired"}
    assert back.drill.clock.mono_s() - began_s < 4.2


def test_a_queue_that_does_not_answer_is_waited_for_a_minute_and_no_longer(inbox: SqlInbox) -> None:
    back = Restarted(inbox, "abort")
    began_s = back.drill.clock.mono_s()
    back.read_at(1.0)

    assert back.hold() == {"status": "expired"}
    assert PATIENCE_S <= back.drill.clock.mono_s() - began_s < PATIENCE_S + 1


def test_a_look_that_began_before_the_queue_was_empty_proves_nothing() -> None:
    catch_up = CatchUp(Stage(Door().drill.plan).clock, resumed=True, queues=2)
    seen: list[bool] = []
    turns: list[Callable[[], None]] = [
        catch_up.judged,
        lambda: catch_up.emptied(0),
        catch_up.judged,
        lambda: catch_up.emptied(1),
        catch_up.judged,
        catch_up.judged,
    ]
    for turn in turns:
        turn()
        seen.append(catch_up.behind())

    assert seen == [True, True, True, True, True, False]


def test_while_an_engine_lives_our_clock_alone_says_what_is_late() -> None:
    drill = asked()
    drill.clock.sleep(61)

    drill.says("lead", f"1 {drill.code('a', 'lead')}", sent_at=drill.clock.now() - timedelta(seconds=30))

    assert confirmed(drill) == ()
    assert rejections(drill) == ["late"]


def test_what_was_received_in_time_counts_after_a_crash_although_the_carrier_gives_no_time() -> None:
    drill = asked()
    drill.clock.sleep(70)
    resumed = CatchUp(drill.clock, resumed=True)
    text = f"1 {drill.code('a', 'lead')}"
    received_at = drill.clock.now() - timedelta(seconds=11)
    desk = Desk(drill.recorder, drill.people, catch_up=resumed)

    unknown = desk.take_message(InboundMessage("n", NUMBERS["LEAD_PHONE"], text, None, ""))
    known = desk.take_message(InboundMessage("m", NUMBERS["LEAD_PHONE"], text, None, "", received_at=received_at))

    assert (unknown.reason, known.outcome) == ("late", "confirm")


def test_the_inbox_says_when_it_had_a_message(inbox: SqlInbox) -> None:
    inbox.enter("drill-1")
    inbox.store([InboundMessage("m", NUMBERS["LEAD_PHONE"], "1", None, "")])

    (kept,) = inbox.read("drill-1", 10)

    assert kept.message is not None
    assert kept.message.received_at is not None
    assert abs((datetime.now(kept.message.received_at.tzinfo) - kept.message.received_at).total_seconds()) < 30
