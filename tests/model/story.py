"""Tells a complete, realistic sandbox drill as a sealed chain of facts; each knob changes one thing about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drill.model.events import GENESIS, Draft, Fact, Kind, seal
from tests.model.story_pen import Knobs, Pen, where_of
from tests.model.story_samples import Measured, last_row_before, measure


@dataclass(frozen=True)
class Story(Knobs):
    """What to tell; `Knobs` lists what can be changed."""

    def facts(self) -> list[Fact]:
        """The sealed chain, `seq` from 1."""
        teller = _Teller(self)
        teller.tell()
        return seal_all(self.drill, teller.drafts())


def seal_all(drill: str, drafts: Sequence[Draft]) -> list[Fact]:
    """The drafts as one valid chain, in their order."""
    facts: list[Fact] = []
    previous = GENESIS
    for seq, draft in enumerate(drafts, start=1):
        facts.append(seal(drill, seq, draft, previous))
        previous = facts[-1].digest
    return facts


def redrafted(facts: Iterable[Fact]) -> list[Draft]:
    """The facts as drafts again, to leave some out, add others, and seal the rest anew."""
    return [Draft(fact.kind, fact.by, fact.key, fact.data, fact.at, fact.mono_s, fact.epoch) for fact in facts]


class _Teller(Pen):
    def tell(self) -> None:
        story = self.story
        self._opening()
        if story.ending == "declined":
            self._finish("declined", 4)
            return
        outage_s = self._outage_and_detection()
        if story.ending == "aborted":
            self._abort(outage_s)
            return
        self._recovery()
        if story.hold_s and story.ending != "held":
            self._hold("proceed", ("go", "outage", "detect", "rebuild", "data"))
        self._traffic()
        if story.ending == "held":
            self._hold("failback", ())
            if story.hold_s:
                self._failback()
            self._measure(outage_s, until_s=self.t + 0.5)
            if story.hold_s:
                self._finish("finished", 1)
            return
        if story.found:
            last = last_row_before(outage_s, story.every_s)
            ranges = [[1, last - story.lost_rows], [last + 1, 10_000]]
            self.say(self.go_to(0.02), Kind.CANARY_FOUND, "canary/found/1", site="standby", ranges=ranges, highest_asked=10_000)
        if story.ending == "finished":
            self._failback()
        self._measure(outage_s, until_s=self.t)
        if story.ending == "finished":
            self._finish("finished", 0 if story.recovers and story.found and not story.lost_rows and story.rto_s > 30 else 1)

    def _measure(self, outage_s: float, *, until_s: float) -> None:
        dips = (self.failback_dip, *((self.story.second_dip,) if self.story.second_dip else ()))
        recovered_s = self.switched_s if self.story.recovers else None
        measured = Measured(outage_s=outage_s, recovered_s=recovered_s, promoted_s=self.promoted_s, home_s=self.home_s, dips=dips)
        measure(self, measured, until_s=until_s)

    def _opening(self) -> None:
        plan = self.plan.model_dump(mode="json")
        self.say(0.0, Kind.DRILL_PLANNED, "planned", plan=plan, plan_digest=self.plan.digest(), started_by="lead")
        for n, check in enumerate(("tools", "steady state", "replica lag")):
            self.say(self.go_to(0.02), Kind.PREFLIGHT_CHECKED, f"preflight/{n}", check=check, ok=True, detail="")
        self._engine(self.go_to(0.05), 1)
        self.say(self.go_to(0.1), Kind.DRILL_STARTED, "started")
        self.open_phase("go")
        word = "decline" if self.story.ending == "declined" else "confirm"
        self.ask("go", "go", "lead", wait_s=1.2, verb=word)
        self.close_phase("go", "failed" if word == "decline" else "succeeded")

    def _engine(self, at: float, token: int) -> None:
        self.say(at, Kind.ENGINE_STARTED, f"engine/{token}", pid=100 + token, host="laptop", version="1.0.0")
        self.say(at + 0.001, Kind.LEASE_TAKEN, f"lease/{token}", token=token, holder=f"engine-{token}")

    def _outage_and_detection(self) -> float:
        self.open_phase("outage")
        start = self.go_to(0.01)
        self.say(
            start + 0.02, Kind.UNDO_REGISTERED, "outage.blackhole/undo", phase="outage", step="outage.blackhole", undo={"site": "primary"}
        )
        outage_s = start + 0.15
        where = {"site": "primary", "step": "outage.blackhole"}
        self.say(outage_s, Kind.OUTAGE_INJECTED, "outage/primary", by="engine", method="blackhole", **where)
        self.step("outage.blackhole", 0.17)
        self.ask("outage", "outage", "oncall", wait_s=1.2, blocking=False)
        self.close_phase("outage")
        self.open_phase("detect")
        start = self.go_to(0.01)
        self.say(start + 1.2, Kind.OUTAGE_DETECTED, "detected/heartbeat/1", by="probe:heartbeat", probe="heartbeat", misses=3)
        self.step("detect.heartbeat", 1.25, outputs={"detected_after_s": 1.33, "bound_s": 1.5})
        self.tell_status("detect", "oncall")
        self.close_phase("detect")
        return outage_s

    def _recovery(self) -> None:
        self.open_phase("rebuild")
        self.open_phase("data")
        self.go_to(0.01)
        data_start = self.t
        self.undo("data.fence", {"site": "primary"})
        self.step("data.fence", 0.6, outputs={"proof": "write refused"})
        self._promote()
        data_end = self.t
        self.t = data_start
        self._capacity()
        self.t = max(self.t, data_end)
        self.ask("recover", None, "oncall", wait_s=self.story.recover_wait_s)
        self.close_phase("rebuild")
        self.close_phase("data")

    def _promote(self) -> None:
        self.undo("data.promote", {"undo": "failback"})
        self.tasks("data.promote", self.t, (("Check the replica", 0.9), ("Promote", 0.4), ("Wait until writable", 0.3)))
        self.step("data.promote", 2.3, no_return=True, outputs={"lag_bytes": 0, "timeline": 2})
        self.promoted_s = self.t

    def _capacity(self) -> None:
        self.undo("rebuild.capacity", {"workspace": "rebuild.capacity"})
        attempt = 1
        if self.story.killed:
            self.step("rebuild.capacity", None)
            self.restarted_s = self.promoted_s + 4.5
            self.t = self.restarted_s
            self._engine(self.t, 2)
            self.go_to(0.05)
            where = where_of("rebuild.capacity", 1)
            self.say(self.t, Kind.STEP_INTERRUPTED, "rebuild.capacity/1/interrupted", **where)
            attempt = 2
        if self.story.retried:
            self.step("rebuild.capacity", 1.1, attempt=attempt, fails=True)
            where = where_of("rebuild.capacity", attempt + 1)
            self.say(self.t, Kind.STEP_RETRY_SCHEDULED, f"rebuild.capacity/{attempt}/retry", wait_s=1.0, **where)
            self.go_to(1.0)
            attempt += 1
        self.tasks("rebuild.capacity", self.t, (("app[0]", 1.4), ("app[1]", 2.2)), attempt=attempt)
        self.step("rebuild.capacity", 5.4, attempt=attempt, outputs={"addresses": ["127.0.2.1", "127.0.2.2"], "count": 2})

    def _traffic(self) -> None:
        self.open_phase("traffic")
        self.go_to(0.01)
        self.undo("traffic.switch", {"values": ["127.0.1.1", "127.0.1.2"]})
        self.switched_s = self.t + 1.02
        self.step("traffic.switch", 1.45, outputs={"api_s": 0.2, "first_new_s": 0.9, "settled_s": 1.4})
        self.step("traffic.proof", 2.1, outputs={"asked": 20, "failed": 0})
        if self.story.ending == "held":
            self.ask("traffic", "traffic", "oncall", wait_s=self.story.within_s * 2, verb="")
            return
        self.ask("traffic", "traffic", "oncall", wait_s=1.1)
        self.close_phase("traffic")

    def _hold(self, verb: str, closed_again: Sequence[str]) -> None:
        """The drill stands still; each phase that was closed is closed once more by the turn after it, as the engine does."""
        self.say(self.go_to(0.1), Kind.DRILL_HELD, "held/1", reason="nobody answered traffic", left=["failback"], part="drill")
        if not self.story.hold_s:
            return
        self.say(self.go_to(self.story.hold_s), Kind.OPERATOR_DECIDED, "operator/1", by="person:operator", verb=verb, subject="drill")
        self.go_to(0.2)
        for phase in closed_again:
            self.say(self.go_to(0.01), Kind.PHASE_CLOSED, f"{phase}/closed/1", phase=phase, state="succeeded")

    def _failback(self) -> None:
        self.say(self.go_to(0.05), Kind.FAILBACK_STARTED, "failback")
        self.open_phase("data_home")
        self.step("data_home.revive", 0.4)
        self.say(self.t, Kind.OUTAGE_ENDED, "outage/primary/ended", site="primary")
        self.step("data_home.rejoin", 2.6)
        self.failback_dip = (self.t + 0.8, self.t + 1.2)
        self.step("data_home.roles", 1.9)
        self.close_phase("data_home")
        self.open_phase("traffic_home")
        self.step("traffic_home.switch", 1.4)
        self.home_s = self.t - 0.4
        self.step("traffic_home.proof", 2.0)
        self.close_phase("traffic_home")
        self.open_phase("release")
        self.step("release.capacity", 1.6, outputs={"destroyed": ["app[0]", "app[1]"]})
        self.close_phase("release")

    def _abort(self, outage_s: float) -> None:
        self.open_phase("rebuild")
        self.undo("rebuild.capacity", {"workspace": "rebuild.capacity"})
        self.step("rebuild.capacity", 2.0, fails=True)
        self.say(self.go_to(0.01), Kind.ABORT_REQUESTED, "abort/1", reason="rebuild.capacity failed", channel="engine")
        for step in ("rebuild.capacity", "outage.blackhole"):
            self.say(self.go_to(0.6), Kind.UNDO_DONE, f"{step}/undone", **where_of(step))
        self.say(self.t, Kind.OUTAGE_ENDED, "outage/primary/ended", site="primary")
        self.close_phase("rebuild", "failed")
        measured = Measured(outage_s=outage_s, recovered_s=self.t - 0.02, promoted_s=None, thawed=True)
        measure(self, measured, until_s=self.go_to(2.0))
        self._finish("aborted", 4)

    def _finish(self, outcome: str, exit_code: int) -> None:
        self.say(self.go_to(0.3), Kind.DRILL_FINISHED, "finished", outcome=outcome, exit_code=exit_code, left=[])
