"""The engine's side of vantage points: tells them what to ask, says when one falls silent, and waits at the end for what is on its way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from drill.engine.record import Recorder
from drill.model.errors import JournalBroken, PreflightFailed
from drill.model.events import Fact, Kind, stamp
from drill.model.plan import Plan
from drill.model.progress import Progress
from drill.model.recovery import LARGEST_GAP_MS
from drill.model.vantage import vantage_of
from drill.model.vantage_wire import WorkOrder

CHECK: Final = "vantage points"
READY_WITHIN_S: Final = 20.0
LATE_WITHIN_S: Final = 5.0
FRESH_WITHIN_S: Final = 5.0
"""An agent that lives sends every second; so long it is waited for before the outage."""
QUIET_S: Final = LARGEST_GAP_MS / 1000 + 1.0
"""Who is silent for so long may be blind for longer than a measurement bears: samples come up to a second after they were taken."""
WATCH_EVERY_S: Final = 0.5
_POLL_S: Final = 0.2
_BLINK_S: Final = 2.0
"""Whoever has not looked for so long stood still itself: the silence of others says nothing yet."""
_MOST_TOLD: Final = 5
"""So often one point's silence is told."""
_INJECTED: Final = frozenset({Kind.OUTAGE_INJECTED})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_LOG: Final = logging.getLogger(__name__)


def orders_in(fact: Fact) -> Mapping[str, WorkOrder]:
    """The orders a fact holds, by vantage point; most facts hold none."""
    written = fact.data.get("orders") if fact.kind is Kind.PREFLIGHT_CHECKED else None
    return {name: WorkOrder.model_validate(row) for name, row in written.items()} if isinstance(written, dict) else {}


def _past(progress: Progress) -> bool:
    """Whether nothing is measured any more."""
    return bool(progress.failback or progress.abort or progress.outcome)


class VantageWatch:
    """The vantage points of one drill that send their samples over HTTP. Does nothing in a drill that has none. Safe for threads.

    `gone` tells that this process has let the drill go: somebody else watches then, or nobody needs to.
    """

    def __init__(self, recorder: Recorder, plan: Plan, *, gone: Callable[[], bool] = lambda: False) -> None:
        self._recorder = recorder
        self._points = {point.id: point for point in plan.vantage_points if point.key}
        self._judged = plan.objectives.rto_binds != "none"
        self._gone = gone
        self._newest: dict[str, datetime] = {}
        self._heard_s: dict[str, float] = {}
        self._told: dict[str, tuple[int, str]] = {}
        self._quiet: set[str] = set()
        self._seq = 0
        self._lock = threading.Lock()

    @property
    def wanted(self) -> Collection[str]:
        """The points whose users count: the drill does not begin without them."""
        return [name for name, point in self._points.items() if point.user_view and self._judged]

    def begin(self, orders: Mapping[str, WorkOrder], *, within_s: float = READY_WITHIN_S) -> None:
        """Say what is to be asked, and wait until every point has sent samples.

        Raises: PreflightFailed: one whose users count sends none (F071): the recovery could not be measured.
        """
        if not self._points:
            return
        given = {name: orders[name].model_dump(mode="json") for name in self._points}
        detail = f"{', '.join(self._points)}: told what to ask"
        self._recorder.say(
            Kind.PREFLIGHT_CHECKED,
            f"preflight/vantage/{self._recorder.clock.epoch}",
            check=CHECK,
            ok=True,
            detail=detail,
            orders=given,
        )
        silent = self._wait(lambda: [name for name in self._points if name not in self._newest], within_s)
        if lost := [name for name in silent if name in self.wanted]:
            raise PreflightFailed(
                f"no sample came from {', '.join(lost)} within {within_s:g} s, and the recovery time is theirs too.",
                code="F071",
                fix=f"Start `drill probe --as {lost[0]} --to …` there with its key, or set vantage_points.{lost[0]}.user_view=false.",
            )
        for name in silent:
            what = f"no sample came from the vantage point {name} within {within_s:g} s."
            fix = "The drill goes on without it; see whether `drill probe` runs there."
            self._recorder.say(Kind.FINDING_RAISED, f"finding/vantage/{name}", code="D540", what=what, fix=fix, severity="warning")

    def unheard(self, *, within_s: float = FRESH_WITHIN_S) -> list[str]:
        """A sentence for each point whose users count and that sends nothing now: an outage would be certain to stay unmeasured.

        Waits until each has sent something since the call. Nobody is missed once an outage was made: it may be what silences them.
        """
        if not self.wanted or self._recorder.journal.read(self._recorder.drill, kinds=_INJECTED):
            return []
        self._look()
        begun_s = self._recorder.clock.mono_s()
        silent = self._wait(lambda: [name for name in self.wanted if self._heard_s.get(name, begun_s) <= begun_s], within_s)
        now_s = self._recorder.clock.mono_s()
        return [f"{name} has sent nothing for {now_s - self._heard_s.get(name, begun_s):.0f} s" for name in silent]

    def start(self) -> None:
        """Say from now on, in a thread of its own, when a point whose users count falls silent and when it is back; until the verdict."""
        if self.wanted:
            threading.Thread(target=self.stay, name="vantage-watch", daemon=True).start()

    def go_on(self) -> None:
        """The same in another life of the engine: what was sent before is not read again."""
        self._seq, _ = self._recorder.journal.head(self._recorder.drill)
        self.start()

    def stay(self) -> None:
        """Say it until nothing is measured any more, or this process has let the drill go."""
        clock, looked_s = self._recorder.clock, float("-inf")
        try:
            while not self._gone() and not self._recorder.look(_past):
                self._look()
                if clock.mono_s() - looked_s > _BLINK_S:
                    self._heard_s |= dict.fromkeys(self.wanted, clock.mono_s())
                looked_s = clock.mono_s()
                self.tell_silence()
                clock.sleep(WATCH_EVERY_S)
        except JournalBroken as error:  # another engine has the drill, or nobody can write: this one hears of it where it acts
            _LOG.warning("vantage.unwatched", extra={"drill": self._recorder.drill, "why": str(error)})

    def tell_silence(self) -> None:
        """Write down who has fallen silent since the last look, and who is back. Raises: JournalBroken."""
        self._look()
        now_s = self._recorder.clock.mono_s()
        for name in self.wanted:
            quiet_s = now_s - self._heard_s.get(name, now_s)
            if (quiet_s > QUIET_S) == (name in self._quiet):
                continue
            self._quiet ^= {name}
            self._tell(name, quiet_s)

    def _tell(self, name: str, quiet_s: float) -> None:
        silent = name in self._quiet
        times, since = self._told.get(name, (0, ""))
        if silent:
            newest = self._newest.get(name)
            times, since = times + 1, stamp(newest) if newest else f"{self._recorder.clock.epoch}/{times}"
            self._told[name] = (times, since)
        if times > _MOST_TOLD:
            return
        what = f"nothing has come from {name} for {quiet_s:.1f} s." if silent else f"{name} sends again."
        fix = (
            "See whether `drill probe` runs there and reaches the server; what it cannot see, the report calls unmeasured."
            if silent
            else ""
        )
        code, word, severity = ("D541", "silent", "warning") if silent else ("D542", "back", "info")
        self._recorder.say(Kind.FINDING_RAISED, f"finding/vantage/{name}/{word}/{since}", code=code, what=what, fix=fix, severity=severity)

    def hear_out(self, *, within_s: float = LATE_WITHIN_S) -> None:
        """Wait until the points have told all up to the verdict: what is on its way must not be cut off by the last fact."""
        if not self._points:
            return
        verdict = self._recorder.journal.read(self._recorder.drill, kinds=frozenset({Kind.FAILBACK_STARTED}))
        until = verdict[0].at if verdict else self._recorder.clock.now()
        self._wait(lambda: [name for name in self._points if name in self._newest and self._newest[name] < until], within_s)

    def _wait(self, missing: Callable[[], list[str]], within_s: float) -> list[str]:
        """Wait until nothing is missing; what still is in the end."""
        clock = self._recorder.clock
        until_s = clock.mono_s() + within_s
        while True:
            self._look()
            found = missing()
            if not found or clock.mono_s() >= until_s:
                return found
            clock.sleep(_POLL_S)

    def _look(self) -> None:
        with self._lock:
            kinds = frozenset({Kind.PROBE_SAMPLED})
            for fact in self._recorder.journal.read(self._recorder.drill, after=self._seq, kinds=kinds):
                self._seq = fact.seq
                vantage = vantage_of(fact)
                if vantage and fact.at > self._newest.get(vantage, _NEVER):
                    self._newest[vantage] = fact.at
                    self._heard_s[vantage] = self._recorder.clock.mono_s()
