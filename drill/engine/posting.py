"""Carries a drill's letters a move at a time: each text once, over the next number or channel when one fails, looked up when in doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from drill.engine.people import People
from drill.engine.quota import backoff_s, counted, over_limit, spaced, way_of
from drill.engine.record import Recorder
from drill.engine.tracking import Tracker, setback_of
from drill.engine.trips import Next, Office, Text, Trip
from drill.model.events import Fact, Kind
from drill.model.letters import Letter
from drill.model.ports import SendResult
from drill.model.ports_people import Way

TRIES: Final = 3
_LOOK_UP_TRIES: Final = 5
_LOOK_UP_TRIES_DEAD: Final = 10
"""For a text that may be sent again when it is not found: a request of a dead engine may still be on its way."""
_LOOK_UP_REST_S: Final = 1.0
_SICK_S: Final = 60.0
"""So long the texts of a provider that hangs take another way, where there is one."""
_FOUND: Final = frozenset({"accepted", "delivered"})
_ENDED: Final = frozenset({"acknowledged", "declined", "expired"})


@dataclass
class Courier:
    """Moves the letters of one drill. `compose` makes the texts of a letter, best first. Safe for threads, one at a time per trip."""

    recorder: Recorder
    people: People
    office: Office
    compose: Callable[[Letter], list[Text]]
    tracker: Tracker = field(init=False)

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.recorder)

    def move(self, trip: Trip) -> Next:
        """Do the next thing for a letter that may take time: one send, one look-up, or nothing but the way to the next lane."""
        if trip.texts is None:
            first = self.compose(trip.letter)
            texts = [*first, *self.tracker.late_tries(first)]
            trip.texts = sorted(texts, key=lambda text: self._written(text) is None)  # what was tried comes first
        while trip.place < len(trip.texts):
            text = trip.texts[trip.place]
            onward = self._carry(trip, text)
            if onward is not None:
                return onward
            trip.turn()
        return Next(fate="told" if trip.told else "refused")

    def give_up(self, trip: Trip) -> Trip:
        """A send that does not come back is in doubt: the trip that goes on with the next text."""
        text = (trip.texts or [])[trip.place]
        detail = "The provider's client does not come back. It may have been sent."
        self._write(trip, text, SendResult("in_doubt", "", code="hangs", detail=detail, traceable=False))
        trip.given_up = True
        self.office.pace.rest(way_of(text.messenger, text.message).account, until_s=self.recorder.clock.mono_s() + _SICK_S)
        return Trip(trip.letter, texts=trip.texts, place=trip.place + 1, told=trip.told)

    # ------------------------------------------------------------ one text

    def _carry(self, trip: Trip, text: Text) -> Next | None:
        """Nothing when the next text is wanted."""
        written = self._written(text)
        if written is None:
            lane = way_of(text.messenger, text.message).account
            if trip.lane != lane and trip.send:
                trip.lane = lane
                return Next(lane=lane)
            outcome = self._try(trip, text)
            if not isinstance(outcome, SendResult):
                return outcome
            written = self._write(trip, text, outcome)
        if written.data["state"] != "accepted":
            return None
        self.tracker.watch(text, trip.letter.id)
        if self.tracker.failed(text.message.id):
            return None
        trip.told = True
        return Next(fate="taken") if text.enough else None

    def _try(self, trip: Trip, text: Text) -> SendResult | Next | None:
        if trip.doubt is not None:
            return self._settle(trip, text, trip.doubt)
        before = self._left_before(trip, text) if not trip.tries and not trip.sure else None
        if before is not None:
            return before
        trip.sure = True
        if not trip.send:
            return None
        if not self._wanted(trip.letter):
            return Next(fate="late")
        return self._send(trip, text)

    def _left_before(self, trip: Trip, text: Text) -> SendResult | Next | None:
        """What is known of it from an earlier life of the engine, or from a sender that died; nothing when it had not left."""
        begun = self.office.letters.begun(text.message.id)
        if not begun and not self._resumed():
            return None
        if text.messenger.look_up(text.message) in _FOUND:
            return SendResult("accepted", "", code="OK", detail="sent before the engine died")
        if not begun or not trip.send:
            return None
        if not way_of(text.messenger, text.message).traceable:
            return SendResult("in_doubt", "", code="engine-died", detail="The engine died while it was sent.", traceable=False)
        trip.doubt, trip.looks, trip.resend = SendResult("in_doubt", "", code="engine-died"), _LOOK_UP_TRIES_DEAD, True
        return Next(wait_s=_LOOK_UP_REST_S)

    def _send(self, trip: Trip, text: Text) -> SendResult | Next:
        clock, message = self.recorder.clock, text.message
        way = way_of(text.messenger, message)
        who, at_s = counted(self.people, way, message), clock.now().timestamp()
        if self.office.pace.rests(way, now_s=clock.mono_s()) and not self._last(trip):
            detail = "Its provider does not come back to earlier sends."
            return SendResult("rejected", _provider(way), code="channel-hangs", detail=detail, traceable=False)
        wait_s = self.office.pace.wait_s(way, now_s=clock.mono_s())
        if wait_s > 0:
            return Next(wait_s=wait_s)
        full_s = self.office.ledger.reserve(message.id, [*who, *spaced(self.people, way, message)], at_s=at_s)
        if 0 < full_s <= way.gap_s:
            return Next(wait_s=full_s)
        if full_s > 0:
            return SendResult("rejected", _provider(way), code="quota", detail=over_limit(way, full_s))
        if not self.office.letters.begin(trip.letter.id, message.id) and not trip.begun:
            trip.sure = False
            return Next(wait_s=_LOOK_UP_REST_S)  # another sender was quicker: what it did is looked up
        trip.begun = True
        self.recorder.before_an_effect()
        trip.sending = True
        result = text.messenger.send(message)
        trip.sending = False
        if result.state == "rejected":
            self.office.ledger.release(message.id)
        if result.blocked_s:
            for mark, _ in who:
                self.office.ledger.block(mark, until_s=at_s + result.blocked_s)
        return self._after(trip, result)

    def _after(self, trip: Trip, result: SendResult) -> SendResult | Next:
        if result.state == "in_doubt" and result.traceable:
            trip.doubt, trip.looks = result, _LOOK_UP_TRIES
            return Next(wait_s=_LOOK_UP_REST_S)
        if result.state != "rejected" or not result.retryable:
            return result
        return self._again(trip, result) or result

    def _again(self, trip: Trip, result: SendResult) -> Next | None:
        """The next try of a text that was not sent; nothing when it had its tries, or would come too late."""
        trip.tries.append(result.code)
        wait_s = backoff_s(len(trip.tries), chance=self.office.chance(), asked_s=result.retry_after_s)
        left_s = (trip.letter.until - self.recorder.clock.now()).total_seconds()
        patient = self.office.lanes is not None and self._last(trip) and not trip.letter.asks
        return Next(wait_s=wait_s) if wait_s < left_s and (len(trip.tries) < TRIES or patient) else None

    @staticmethod
    def _last(trip: Trip) -> bool:
        """Whether no other number or channel is left."""
        return trip.place + 1 == len(trip.texts or ())

    def _settle(self, trip: Trip, text: Text, result: SendResult) -> SendResult | Next | None:
        """Look a text in doubt up, a few times.

        One that is not found is sent when an engine died over it, or when the provider's platform stumbled and there is no other way.
        """
        if text.messenger.look_up(text.message) in _FOUND:
            return replace(result, state="accepted", detail="no answer to the send; found by look-up")
        trip.looks -= 1
        if trip.looks > 0:
            return Next(wait_s=_LOOK_UP_REST_S)
        if trip.resend:
            trip.doubt, trip.resend, trip.sure, trip.begun = None, False, True, True
            return Next()
        few = len(trip.tries) < TRIES - 1
        if result.retryable and few and self._last(trip) and (again := self._again(trip, result)) is not None:
            trip.doubt, trip.sure = None, True
            return again
        return result

    def heed(self, text: Text, code: str) -> None:
        """A text did not arrive: while its carrier lets none through to the number, the next ones take another way."""
        blocked_s = setback_of(text, code).blocked_s
        if blocked_s <= 0:
            return
        way, until_s = way_of(text.messenger, text.message), self.recorder.clock.now().timestamp() + blocked_s
        for mark, _ in [*counted(self.people, way, text.message), *spaced(self.people, way, text.message)]:
            self.office.ledger.block(mark, until_s=until_s)

    # ------------------------------------------------------------ the record

    def _write(self, trip: Trip, text: Text, result: SendResult) -> Fact:
        return self.recorder.say(
            Kind.MESSAGE_SENT,
            f"message/{text.message.id}",
            message=text.message.id,
            letter=trip.letter.id,
            state=result.state,
            code=result.code,
            provider=result.provider,
            provider_id=result.provider_id,
            detail=result.detail,
            tries=trip.codes(result),
            **text.about,
        )

    def _written(self, text: Text) -> Fact | None:
        return self.recorder.journal.find(self.recorder.drill, f"message/{text.message.id}")

    def _wanted(self, letter: Letter) -> bool:
        """Whether its question is still open; whether it is in time, when it asks nothing."""
        if letter.gate is None:
            return self.recorder.clock.now() < letter.until
        return self.recorder.look(lambda progress: progress.gate(str(letter.gate)).state) not in _ENDED

    def _resumed(self) -> bool:
        return len(self.facts(Kind.ENGINE_STARTED)) > 1

    def facts(self, *kinds: Kind) -> list[Fact]:
        """The drill's facts of these kinds."""
        return self.recorder.journal.read(self.recorder.drill, kinds=frozenset(kinds))


def _provider(way: Way) -> str:
    """The name of a way's provider, without its account."""
    return way.account.partition("#")[0]
