"""`drill serve --sender`: sends the messages that engines elsewhere leave in the shared database, and takes the answers in."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from drill.adapters.ledger_sql import SqlLedger
from drill.adapters.outbox_sql import SENDER, SqlLetters
from drill.engine.notify import Notifier
from drill.engine.outbox_lanes import ThreadLanes
from drill.engine.trips import Office
from drill.model.errors import DrillError, JournalBroken, UsageError
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.ports import Secrets
from drill.settings import Settings
from drill.wiring.desks import people_of
from drill.wiring.hearing import Hearing, hear
from drill.wiring.mailrooms import shared_pace
from drill.wiring.posts import Post, past_outcomes
from drill.wiring.records import Records
from drill.wiring.rolls import enrolled
from drill.wiring.worlds import post_for, secrets_for

ROLE: Final = "sender"
_TURN_S: Final = 0.2
_BEAT_S: Final = 1.0
_LOOK_S: Final = 5.0
_LINGERS_S: Final = 60.0
"""So long after its end a drill's receipts are waited for."""
_AT_A_TIME: Final = 200


@dataclass
class _Correspondence:
    """One drill's messages in this process."""

    notifier: Notifier
    hearing: Hearing
    over_since_s: float | None = None

    def close(self) -> None:
        """Send and hear nothing more of it."""
        self.hearing.close()
        self.notifier.close()


class Sender:
    """The messages of every drill whose engine leaves them to senders. `open_post` and `secrets` build what one plan needs."""

    def __init__(
        self,
        records: Records,
        name: str,
        *,
        say: Callable[[str], None],
        open_post: Callable[[Plan], Post],
        secrets: Callable[[Plan], Secrets],
    ) -> None:
        self._records = records
        self._owner = f"{SENDER}{name}"
        self._say = say
        self._open_post = open_post
        self._secrets = secrets
        self._letters = SqlLetters(records.database)
        self._ledger = SqlLedger(records.database)
        self._open: dict[str, _Correspondence] = {}
        self._beaten_s = self._looked_s = float("-inf")

    def turn(self) -> None:
        """Claim what waits and put it on its way; now and then, see which drills began and which ended.

        Raises: JournalBroken: the database cannot be used.
        """
        now_s = time.monotonic()
        if now_s - self._beaten_s >= _BEAT_S:
            self._letters.beat(self._owner)
            self._beaten_s = now_s
        if now_s - self._looked_s >= _LOOK_S:
            self._look(now_s)
            self._looked_s = now_s
        room = _AT_A_TIME - sum(row.notifier.in_hand() for row in self._open.values())
        for letter in self._letters.claim(self._owner, limit=max(0, room), stale_s=self._records.settings.ttl_s):
            row = self._correspondence(letter.drill)
            if row is not None:
                row.notifier.carry(letter)

    def close(self) -> None:
        """Let every drill go; what is queued is another sender's, or this one's next time."""
        for row in self._open.values():
            row.close()

    def _look(self, now_s: float) -> None:
        """Have a correspondence with every drill that has letters, until it has ended and its letters have gone."""
        for drill in self._letters.left_to_senders():
            row = self._correspondence(drill)
            if row is None or not self._records.progress(drill).outcome or self._letters.waiting(drill):
                continue
            row.over_since_s = row.over_since_s or now_s
            if now_s - row.over_since_s >= _LINGERS_S:
                row.close()
                row.hearing.forget()
                del self._open[drill]
                self._letters.forget(drill)
                self._say(f"{drill}: over")

    def _correspondence(self, drill: str) -> _Correspondence | None:
        """That of a drill, opened when it is needed; nothing when this sender cannot: its letters wait for one that can."""
        if drill not in self._open:
            try:
                self._open[drill] = self._opened(drill)
            except JournalBroken:
                raise
            except DrillError as error:
                self._say(f"{drill}: {error}")
                self._letters.let_go(self._owner, drill)
                return None
            self._say(f"{drill}: sends and hears its messages")
        return self._open[drill]

    def _opened(self, drill: str) -> _Correspondence:
        records, plan = self._records, self._records.plan(drill)
        recorder, post = records.recorder(drill), self._open_post(plan)
        people = people_of(records, drill, self._secrets(plan))
        office = Office(self._letters, self._ledger, shared_pace(), ThreadLanes(), owner=self._owner, claims=False)
        notifier = Notifier(recorder, people, post.messengers, past=past_outcomes(records, drill, plan), office=office)

        def trouble(error: DrillError) -> None:
            if records.progress(drill).outcome:
                return  # its report is out; a sandbox's carrier goes with its drill
            key = f"finding/replies/{error.code}"
            recorder.say(Kind.FINDING_RAISED, key, code=error.code, what=error.what, fix=error.fix, severity="warning")

        def deaf(error: JournalBroken) -> None:
            self._say(f"{drill}: {error} Answers are not taken in here any more.")

        return _Correspondence(notifier, hear(records, recorder, people, post, notifier=notifier, on_trouble=trouble, on_end=deaf))


def serve_sender(name: str, *, say: Callable[[str], None]) -> None:
    """Send what engines leave in the shared database, until SIGTERM or Ctrl-C.

    Raises: UsageError: the database is a file, which no other host can share (U045).
    """
    settings = replace(Settings.load(), sends_elsewhere=False)
    if not settings.shared:
        fix = "Set DRILL_DATABASE_URL to the Postgres that the workers use."
        raise UsageError("a sender needs a database that it shares with workers.", code="U045", fix=fix)
    records, asked = Records(settings), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: asked.set())
    with enrolled(records, f"{SENDER}{name}", role=ROLE):
        sender = Sender(
            records, name, say=say, open_post=lambda plan: post_for(settings, plan), secrets=lambda plan: secrets_for(settings, plan)
        )
        say(f"sender {name} is ready")
        while not asked.wait(_TURN_S):
            try:
                sender.turn()
            except JournalBroken as error:
                if not error.transient:
                    raise
                say(f"waiting for the database: {error.what}")
        sender.close()
        say("sender has stopped")
