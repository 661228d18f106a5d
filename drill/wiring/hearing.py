"""How the engine of one drill, or its sender, hears: from queues and from the web server into the inbox, and from there to the desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from drill.adapters.inbox_sql import SqlInbox
from drill.engine.catching_up import CatchUp
from drill.engine.desk import Desk, DeskClerk
from drill.engine.inbox import InboxDoor, InboxReader
from drill.engine.notify import Notifier
from drill.engine.people import People
from drill.engine.record import Recorder
from drill.model.errors import DrillError, JournalBroken, PreflightFailed, UsageError
from drill.model.plan import Plan
from drill.model.ports import InboundMessage, ReplySource
from drill.sandbox.phone import Phone
from drill.wiring.inboxes import open_inbox, sandbox_path
from drill.wiring.listeners import Listener, listening
from drill.wiring.records import Records
from drill.wiring.worlds import Grounds

_PUSHED: Final = ("push", "both")


@dataclass
class Hearing:
    """The clerks of one drill."""

    inbox: SqlInbox
    drill: str
    behind: Callable[[], bool]
    """Whether answers that were given while no engine ran may still wait unread."""
    _clerks: Sequence[DeskClerk] = field(repr=False)

    def close(self) -> None:
        """Hear no more; waits for the answer in hand."""
        for clerk in self._clerks:
            clerk.stop()

    def forget(self) -> None:
        """The drill is over: remove what came in for it."""
        self.inbox.leave(self.drill)


class Ears(Protocol):
    """Where answers and receipts arrive: part of a drill's grounds, and of a sender's post."""

    @property
    def replies(self) -> ReplySource | None:
        """Answers, unless they are pushed or wait elsewhere."""

    @property
    def receipts(self) -> ReplySource | None:
        """What the carrier tells of texts by itself, when it is wanted."""


def hear(
    records: Records,
    recorder: Recorder,
    people: People,
    ears: Ears,
    *,
    notifier: Notifier,
    on_trouble: Callable[[DrillError], None],
    on_end: Callable[[JournalBroken], None],
) -> Hearing:
    """Begin to hear; `notifier` is told what became of texts, and looks after them about once a second.

    Raises: JournalBroken: the inbox cannot be used.
    """
    inbox = open_inbox(records, people.plan)
    catch_up = CatchUp(records.clock, resumed=records.progress(recorder.drill).started)
    desk = Desk(recorder, people, on_asked=notifier.tell_where_it_stands, catch_up=catch_up)
    reader = InboxReader(inbox, desk, recorder, people, on_receipt=notifier.told)
    door = InboxDoor(inbox)
    sources: list[ReplySource] = [ears.replies or Quiet(), *([ears.receipts] if ears.receipts else [])]
    catch_up.expect(len(sources))
    ticks = [notifier.look_after, *[_nothing] * (len(sources) - 1)]
    clerks = [
        DeskClerk(reader, reader, on_tick=reader.look_again, on_trouble=on_trouble, on_end=on_end, on_empty=catch_up.judged),
        *(
            DeskClerk(door, source, on_tick=tick, on_trouble=on_trouble, on_end=on_end, on_empty=partial(catch_up.emptied, number))
            for number, (source, tick) in enumerate(zip(sources, ticks, strict=True))
        ),
    ]
    for clerk in clerks:
        clerk.start()
    return Hearing(inbox, recorder.drill, catch_up.behind, clerks)


class Quiet:
    """Where no answers arrive: they are pushed, or wait elsewhere (port ReplySource)."""

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Nothing, after the wait."""
        time.sleep(wait_s)
        return []

    def done(self, message: InboundMessage) -> None:
        """There was none."""


def open_door(records: Records, plan: Plan, grounds: Grounds) -> Listener | None:
    """See to it that pushes of the plan's carriers arrive, and have the sandbox's carrier send them; a web server that was needed for it.

    Raises: PreflightFailed: pushes are wanted and no web server runs, or none can (F026 to F029).
    """
    sms = plan.messages.sms
    if sms is None:
        return None
    if grounds.sandbox is None:
        if sms.inbound in _PUSHED and not records.settings.shared and not listening(records.settings):
            fix = "Start `drill serve --web HOST:PORT`, or take answers from the queue: messages.sms.inbound: queue."
            raise PreflightFailed("answers come by push, but no web server runs for this DRILL_HOME.", code="F029", fix=fix)
        return None
    own = None
    if sms.inbound in _PUSHED and not listening(records.settings):
        own = Listener(records.settings, "127.0.0.1", 0)
        own.start()
    receipts = {"push": sms.inbound in _PUSHED, "queue": sms.receipts == "queue"}
    ways = [way for way, wanted in receipts.items() if wanted]
    url = f"http://{listening(records.settings)}/sms/{sandbox_path(records)}" if sms.inbound in _PUSHED else ""
    try:
        phone = Phone(grounds.sandbox.layout.carrier)
        phone.set_inbound(replies=sms.inbound, receipts="both" if len(ways) == 2 else (*ways, "none")[0], url=url)
    except UsageError as error:
        raise PreflightFailed(error.what, code="F029", fix=error.fix) from error
    return own


def _nothing() -> None:
    """Between two looks there is nothing to do."""
