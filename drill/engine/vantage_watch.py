"""The engine's side of vantage points: tells them what to ask, waits until they do, and at the end for what is still on its way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from drill.engine.record import Recorder
from drill.model.errors import PreflightFailed
from drill.model.events import Fact, Kind
from drill.model.plan import Plan
from drill.model.vantage import vantage_of
from drill.model.vantage_wire import WorkOrder

CHECK: Final = "vantage points"
READY_WITHIN_S: Final = 20.0
LATE_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.2


def orders_in(fact: Fact) -> Mapping[str, WorkOrder]:
    """The orders a fact holds, by vantage point; most facts hold none."""
    written = fact.data.get("orders") if fact.kind is Kind.PREFLIGHT_CHECKED else None
    return {name: WorkOrder.model_validate(row) for name, row in written.items()} if isinstance(written, dict) else {}


class VantageWatch:
    """The vantage points of one drill that send their samples over HTTP. Does nothing in a drill that has none."""

    def __init__(self, recorder: Recorder, plan: Plan) -> None:
        self._recorder = recorder
        self._points = {point.id: point for point in plan.vantage_points if point.key}
        self._judged = plan.objectives.rto_binds != "none"
        self._newest: dict[str, datetime] = {}
        self._seq = 0

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
        drill = self._recorder.drill
        for fact in self._recorder.journal.read(drill, after=self._seq, kinds=frozenset({Kind.PROBE_SAMPLED})):
            self._seq = fact.seq
            if vantage := vantage_of(fact):
                self._newest[vantage] = max(fact.at, self._newest.get(vantage, fact.at))
