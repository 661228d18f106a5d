"""The outbox of one drill: keeps letters through crashes, hands them to their lanes, and never makes a step wait for a provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from drill.engine.posting import Courier
from drill.engine.tracking import OnItsWay
from drill.engine.trips import Lanes, Next, Trip
from drill.model.errors import DrillError, JournalBroken
from drill.model.events import Kind
from drill.model.letters import Fate, Letter
from drill.model.ports_people import Arrival

_FRONT: Final = "outbox"
"""The lane where a letter's texts are made."""
_LOOK: Final = "look"
_POLL_S: Final = 0.1
_BUG_REST_S: Final = 5.0
_BUGS: Final = 3
_GOOD: Final = frozenset({"taken"})
_NOT_REACHED: Final = frozenset({"refused", "told"})


class Outbox:
    """Letters of one drill on their way out. Safe for threads."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._recorder = courier.recorder
        self._office = courier.office
        self._trips: dict[str, Trip] = {}
        self._looking: set[str] = set()
        self._once_more: set[str] = set()
        """Letters that must go on when the move in hand is done: a text of theirs failed meanwhile."""
        self._overflowed = False
        self._bugs: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False

    # ------------------------------------------------------------ in

    def post(self, letter: Letter) -> None:
        """Send a letter once, now or as soon as there is room. Returns when it is kept, with lanes; when it has gone, without."""
        office = self._office
        if office.lanes is None and not office.elsewhere:
            if office.letters.put(letter, owner=office.owner) == "queued":
                self._send_at_once(Trip(letter))
            return
        room = not office.elsewhere and self._room() > 0
        if office.letters.put(letter, owner=office.owner if room else "") != "queued" or office.elsewhere:
            return
        if room:
            self._take(letter)
        else:
            self._overflow()

    def recall(self, letter: Letter) -> None:
        """Write down what had left of a letter before the engine died; sends nothing."""
        if self._office.elsewhere:
            return
        self._office.letters.put(letter, owner=self._office.owner)
        self._send_at_once(Trip(letter, send=False))

    def resume(self) -> None:
        """Go on with what an earlier life, or an overflow, left in the store."""
        office = self._office
        if office.lanes is None or office.elsewhere or not office.claims:
            return
        for letter in office.letters.claim(office.owner, drill=self._recorder.drill, limit=self._room()):
            self._take(letter)

    # ------------------------------------------------------------ out

    def wait(self, letters: Sequence[Letter], *, within_s: float) -> bool:
        """Wait until a provider took one of the letters, or none will; whether one did. `within_s` bounds it."""
        until_s = self._recorder.clock.mono_s() + within_s
        while True:
            fates = [self._office.letters.fate(letter.id) for letter in letters]
            if any(fate in _GOOD for fate in fates):
                return True
            if all(fate != "queued" for fate in fates) or self._recorder.clock.mono_s() >= until_s or self._closed:
                return False
            self._rest()

    def in_hand(self) -> int:
        """How many letters are in memory."""
        with self._changed:
            return len(self._trips)

    def drain(self, *, within_s: float) -> int:
        """Wait until nothing of the drill is queued; how many letters are left when the time is over."""
        until_s = self._recorder.clock.mono_s() + within_s
        while (left := self._office.letters.waiting(self._recorder.drill)) and self._recorder.clock.mono_s() < until_s:
            if self._closed:
                break
            self._rest()
        return left

    def close(self) -> None:
        """Send nothing more; what is queued stays in the store."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._office.lanes is not None:
            self._office.lanes.close()

    def _rest(self) -> None:
        if self._office.lanes is None:
            self._recorder.clock.sleep(_POLL_S)
            return
        with self._changed:
            self._changed.wait(_POLL_S)

    # ------------------------------------------------------------ what became of the texts

    def look_after(self) -> None:
        """Ask what became of the texts on their way; what did not arrive goes on over the next. With lanes, returns at once."""
        office, tracker = self._office, self._courier.tracker
        for row in tracker.due():
            self._try_late(row)
        for channel in sorted(tracker.channels()):
            if office.lanes is None:
                tracker.look(channel, self._lost)
            else:
                self._look_in(office.lanes, channel)

    def _look_in(self, lanes: Lanes, channel: str) -> None:
        """One look at a channel's texts, unless one is under way."""
        with self._changed:
            if channel in self._looking or self._closed:
                return
            self._looking.add(channel)

        def work() -> Next:
            self._courier.tracker.look(channel, self._lost)
            return Next(fate="told")

        def done(_: Next) -> None:
            with self._changed:
                self._looking.discard(channel)

        lane = f"{_LOOK}/{channel}"
        lanes.submit(self._guarded(work, lane, Next(fate="told")), lane=lane, wait_s=0.0, stuck=lambda: None, done=done)

    def told(self, message: str, arrival: Arrival) -> None:
        """The carrier told by itself what became of a text: what did not arrive goes on now, not at the next look."""
        self._courier.tracker.told(message, arrival, self._lost)

    def _lost(self, row: OnItsWay, code: str) -> Callable[[], None] | None:
        """A text did not arrive: its letter is queued again; what to do once that is written down."""
        self._courier.heed(row.text, code)
        letter = self._office.letters.requeue(row.letter, owner=self._office.owner)
        return None if letter is None else lambda: self._go_on(letter)

    def _go_on(self, letter: Letter) -> None:
        if self._office.lanes is None:
            self._send_at_once(Trip(letter))
        else:
            self._take(letter)

    def _try_late(self, row: OnItsWay) -> None:
        """Send a text that did not arrive once more, when its letter came to nothing over every other way."""
        fate = self._office.letters.fate(row.letter)
        if fate == "queued":
            return
        self._courier.tracker.settled(row)
        letter = self._office.letters.requeue(row.letter, owner=self._office.owner) if fate in _NOT_REACHED else None
        if letter is not None:
            self._go_on(letter)

    # ------------------------------------------------------------ lanes

    def _room(self) -> int:
        with self._changed:
            return max(0, self._office.room - len(self._trips))

    def _send_at_once(self, trip: Trip) -> None:
        while (onward := self._courier.move(trip)).fate == "queued":
            if onward.wait_s:
                self._recorder.clock.sleep(onward.wait_s)
        self._settle(trip.letter, onward.fate if trip.send or onward.fate in {"taken", "told"} else "late")

    def _settle(self, letter: Letter, fate: Fate) -> None:
        self._office.letters.settle(letter.id, fate)
        if fate == "late" and not letter.asks:
            what = f"{letter.contact} was not told in time ({letter.why})."
            self._finding(f"outbox/late/{letter.id}", "D521", what, "Tell them by hand, if it still matters.")

    def _take(self, letter: Letter) -> None:
        with self._changed:
            if letter.id in self._trips:
                self._once_more.add(letter.id)
            if letter.id in self._trips or self._closed:
                return
            trip = self._trips[letter.id] = Trip(letter)
        self._submit(trip, lane=_FRONT, wait_s=0.0)

    def _submit(self, trip: Trip, *, lane: str, wait_s: float) -> None:
        lanes = self._office.lanes
        if lanes is None or self._closed:
            return
        work = self._guarded(lambda: self._courier.move(trip), trip.letter.id, Next(wait_s=_BUG_REST_S))
        lanes.submit(work, lane=lane, wait_s=wait_s, stuck=lambda: self._stuck(trip), done=lambda onward: self._done(trip, onward))

    def _done(self, trip: Trip, onward: Next) -> None:
        if trip.given_up or self._closed:
            return
        if onward.fate == "queued":
            self._submit(trip, lane=onward.lane or trip.lane or _FRONT, wait_s=onward.wait_s)
            return
        self._settle(trip.letter, onward.fate)
        with self._changed:
            self._trips.pop(trip.letter.id, None)
            again = trip.letter.id in self._once_more
            self._once_more.discard(trip.letter.id)
            self._changed.notify_all()
            more, self._overflowed = self._overflowed, False
        if again and (letter := self._office.letters.requeue(trip.letter.id, owner=self._office.owner)) is not None:
            self._take(letter)
        if more:
            self._overflowed = self._office.letters.waiting(self._recorder.drill) > len(self._trips)
            self.resume()

    def _stuck(self, trip: Trip) -> None:
        """A send that does not come back: what comes after it must not wait for it."""
        if not trip.sending:
            return
        after = self._courier.give_up(trip)
        with self._changed:
            self._trips[trip.letter.id] = after
        self._submit(after, lane=_FRONT, wait_s=0.0)

    def _guarded(self, work: Callable[[], Next], name: str, otherwise: Next) -> Callable[[], Next]:
        """A lane outlives every error: one of ours becomes a finding, and the letter is tried a few times more."""

        def run() -> Next:
            try:
                return work()
            except JournalBroken:
                self.close()  # another engine has the drill, or its own nodes report the broken store
                return Next(fate="late")
            except DrillError as error:
                return self._trouble(name, error, otherwise)
            except Exception as error:  # noqa: BLE001 - a bug of ours must not stop every text after it; it becomes a finding
                return self._trouble(name, DrillError(f"a text was not sent: {type(error).__name__}.", code="D903"), otherwise)

        return run

    def _trouble(self, name: str, error: DrillError, otherwise: Next) -> Next:
        self._finding(f"outbox/{error.code}", error.code, error.what, error.fix)
        with self._changed:
            self._bugs[name] = self._bugs.get(name, 0) + 1
            return Next(fate="refused") if self._bugs[name] >= _BUGS else otherwise

    def _overflow(self) -> None:
        self._overflowed = True
        what = f"more than {self._office.room} texts wait to be sent; the rest waits on disk."
        self._finding("outbox/full", "D520", what, "See whether a provider is down; nothing is lost.")

    def _finding(self, key: str, code: str, what: str, fix: str) -> None:
        self._recorder.say(Kind.FINDING_RAISED, f"finding/{key}", code=code, what=what, fix=fix, severity="warning")
