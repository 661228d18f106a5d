"""Answers go into the inbox before they leave the carrier, and are judged from there: a crash between the two loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from typing import Final

from drill.engine.desk import Desk
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Fact, Kind
from drill.model.ports import InboundMessage, Inbox, Kept, Receipt

STRANGERS_TOLD: Final = 20
"""So many answers from unknown numbers are written down one by one; a flood of them is one finding, not a full journal."""
REJECTIONS_TOLD: Final = 100
"""The same for one contact's answers that do not count."""
_AT_ONCE: Final = 100
_LOOK_EVERY_S: Final = 0.1
_TRIES: Final = 3
_WAITING_LIMIT: Final = 1000
_SWEEP_EVERY_S: Final = 60.0


class InboxDoor:
    """Puts what a queue delivers into the inbox; the queue forgets it only after that."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def take_message(self, message: InboundMessage) -> None:
        """Keep it. Raises: JournalBroken: it cannot be stored, so the queue must keep it."""
        self._inbox.store([message])


class InboxReader:
    """One drill's way through the inbox: hands out what is new (port ReplySource), and has it judged. For one thread.

    `on_receipt` hears what became of each text before it is written down: whoever sent it can send the next at once.
    """

    def __init__(
        self,
        inbox: Inbox,
        desk: Desk,
        recorder: Recorder,
        people: People,
        *,
        on_receipt: Callable[[Receipt], object] = lambda _receipt: None,
    ) -> None:
        self._on_receipt = on_receipt
        self._inbox = inbox
        self._desk = desk
        self._recorder = recorder
        self._people = people
        self._passed = 0
        self._mine: set[int] = set()
        self._tries: Counter[int] = Counter()
        self._rejected: Counter[str | None] = Counter()
        self._early: dict[str, Receipt] = {}
        self._swept_s = float("-inf")
        inbox.enter(recorder.drill)

    # ------------------------------------------------------------ where they come from

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """What the drill has not dealt with, oldest first, waiting up to `wait_s` for the first.

        Raises: DrillError: something there cannot be opened or taken in (D920, D921): it is passed over. JournalBroken: no database.
        """
        self._note()
        until_s = self._recorder.clock.mono_s() + wait_s
        while not (found := self._inbox.read(self._recorder.drill, _AT_ONCE)):
            left_s = until_s - self._recorder.clock.mono_s()
            if left_s <= 0:
                self._tidy()
                return []
            self._inbox.wait(min(left_s, _LOOK_EVERY_S))
        sound = list(takewhile(self._is_sound, found))
        if not sound:
            self._pass_over(found[0])
        return [kept.message for kept in sound if kept.message is not None]

    def _is_sound(self, kept: Kept) -> bool:
        return kept.message is not None and self._tries[kept.place] < _TRIES

    def _pass_over(self, kept: Kept) -> None:
        """Go on behind what nobody can read: it must not stand in the way of the others."""
        why, code = ("cannot be opened: another key sealed it", "D920") if kept.message is None else ("could not be taken in", "D921")
        self._tries.pop(kept.place, None)
        self._inbox.advance(self._recorder.drill, kept.place, self._mine)
        raise DrillError(f"a message in the inbox {why}.", code=code, fix="Ask the person to answer again, or answer with `drill ack`.")

    def done(self, message: InboundMessage) -> None:
        """It is judged: never hand it out again."""
        self._passed = int(message.handle)
        self._tries.pop(self._passed, None)

    def _note(self) -> None:
        if self._passed:
            self._inbox.advance(self._recorder.drill, self._passed, self._mine)
            self._passed, self._mine = 0, set()

    def _tidy(self) -> None:
        now_s = self._recorder.clock.mono_s()
        if now_s - self._swept_s > _SWEEP_EVERY_S:
            self._inbox.sweep()
            self._swept_s = now_s

    # ------------------------------------------------------------ what they mean

    def take_message(self, message: InboundMessage) -> None:
        """Judge an answer, or write down what a receipt tells. Raises: JournalBroken: the record takes nothing."""
        try:
            self._take(message)
        except JournalBroken:
            raise
        except Exception:
            self._tries[int(message.handle)] += 1
            raise

    def _take(self, message: InboundMessage) -> None:
        if message.receipt:
            if self._tell(message.receipt):
                self._mine.add(int(message.handle))
            return
        contact = self._desk.contact_of(message)
        if contact:
            self._mine.add(int(message.handle))
        most = REJECTIONS_TOLD if contact else STRANGERS_TOLD
        if self._rejected[contact] >= most:
            self._tell_of_flood(contact)
            if contact is None or not self._desk.weigh(message).counted:
                return
        if not self._desk.take_message(message).counted:
            self._rejected[contact] += 1

    def _tell_of_flood(self, contact: str | None) -> None:
        if self._rejected[contact] == (REJECTIONS_TOLD if contact else STRANGERS_TOLD):
            self._rejected[contact] += 1
            whose = contact or "unknown numbers"
            what = f"many answers from {whose} did not count; further ones are not listed."
            fix = "See who sends them; if the push address has leaked, change PUSH_PATH."
            self._recorder.say(Kind.FINDING_RAISED, f"finding/flood/{contact or ''}", code="D922", what=what, fix=fix, severity="warning")

    # ------------------------------------------------------------ receipts

    def look_again(self) -> None:
        """Take up the receipts that came before their text was written down as sent. Called now and then."""
        for receipt in list(self._early.values()):
            self._tell(receipt)

    def _tell(self, receipt: Receipt) -> bool:
        """Write down what became of a text, once; whether it is one of this drill's."""
        sent = self._sent(receipt.message)
        if sent is None:
            ours = receipt.message.startswith(f"{self._recorder.drill}:")
            if ours and len(self._early) < _WAITING_LIMIT:
                self._early[receipt.message] = receipt
            return ours
        self._early.pop(receipt.message, None)
        about = {name: sent.data[name] for name in ("message", "contact", "channel")}
        self._on_receipt(replace(receipt, message=str(about["message"])))
        key = f"delivered/{about['message']}"
        self._recorder.say(Kind.MESSAGE_DELIVERED, key, **about, state=receipt.state, code=receipt.code)
        return True

    def _sent(self, message: str) -> Fact | None:
        found = self._recorder.journal.find(self._recorder.drill, f"message/{message}")
        if found is not None or message.startswith(f"{self._recorder.drill}:"):
            return found
        facts = self._recorder.journal.read(self._recorder.drill, kinds=frozenset({Kind.MESSAGE_SENT}))
        return next((fact for fact in facts if fact.data.get("provider_id") == message), None)


def heard(reader: InboxReader, also: Callable[[], None]) -> Callable[[], None]:
    """What a clerk does between two looks: early receipts again, then `also`."""

    def tick() -> None:
        reader.look_again()
        also()

    return tick
