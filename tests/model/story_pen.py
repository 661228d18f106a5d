"""The pen the stories are written with: phrases such as a step, a question or a message, and the facts they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from drill.model.events import Draft, Kind
from drill.model.plan import Mode, Plan
from tests.model.story_plan import sandbox_plan

ZERO_AT: Final = datetime(2027, 3, 1, 2, 0, tzinfo=UTC)
ZERO_MONO_S: Final = 5000.0
PEOPLE: Final = "sms"
Ending = Literal["finished", "running", "declined", "aborted", "held"]
Play = tuple[float, Kind, str, str, dict[str, Any]]


@dataclass(frozen=True)
class Knobs:
    """What to tell. Seconds count from the first fact. The default drill meets both objectives."""

    drill: str = "20270301-0200-story"
    rto_s: float = 60.0
    rpo_s: float = 10.0
    mode: Mode = Mode.SANDBOX
    every_s: float = 0.05
    rto_binds: Literal["user", "accepted"] = "user"
    within_s: float = 30.0
    recover_wait_s: float = 1.3
    """How long the joint gate waits; above half of `within_s` it escalates first."""
    lost_rows: int = 0
    gap: tuple[float, float] | None = None
    """No user-view sample was taken in here."""
    second_dip: tuple[float, float] | None = None
    """The service failed again in here."""
    killed: bool = False
    """The engine was killed in the rebuild and resumed four seconds later."""
    rebooted: bool = False
    """With `killed`: the machine rebooted in between."""
    retried: bool = False
    """The capacity needed two tries."""
    recovers: bool = True
    found: bool = True
    """The canary was read back."""
    ending: Ending = "finished"
    hold_s: float = 0.0
    """After the recovery's steps the drill was on hold so long, and a person chose to proceed; with `held`, to fail back."""


def where_of(step: str, attempt: int | None = None) -> dict[str, Any]:
    """The fields that place a fact about a step, or about one try of it."""
    where: dict[str, Any] = {"phase": step.split(".", maxsplit=1)[0], "step": step}
    return where if attempt is None else {**where, "attempt": attempt}


class Pen:
    """Writes the script of one story, then hands it out in time order."""

    def __init__(self, story: Knobs) -> None:
        self.story = story
        self.plan: Plan = sandbox_plan(
            rto_s=story.rto_s, rpo_s=story.rpo_s, mode=story.mode, every_s=story.every_s, within_s=story.within_s, rto_binds=story.rto_binds
        )
        self.plays: list[Play] = []
        self.t = 0.0
        self.restarted_s = float("inf")
        self.messages = 0
        self.promoted_s = float("inf")
        self.switched_s = float("inf")
        self.home_s = float("inf")
        self.failback_dip = (float("inf"), float("inf"))

    def say(self, at: float, fact: Kind, key: str, *, by: str = "engine", **data: Any) -> None:
        self.plays.append((round(at, 6), fact, by, key, data))

    def go_to(self, seconds: float) -> float:
        self.t = round(self.t + seconds, 6)
        return self.t

    def drafts(self) -> list[Draft]:
        """Everything said, in the order the journal stored it."""
        return [self._draft(play) for play in sorted(self.plays, key=lambda play: play[0])]

    def _draft(self, play: Play) -> Draft:
        at, kind, by, key, data = play
        mono_s, boot = self.mono(at)
        process = "102-77" if by.startswith(("probe", "canary")) else ("201-99" if at >= self.restarted_s else "101-76")
        return Draft(kind, by, key, data, ZERO_AT + timedelta(seconds=at), mono_s, f"{boot}-{process}")

    def lost(self, at: float) -> bool:
        """Whether the machine itself was down."""
        return self.story.rebooted and self.restarted_s - 4.0 <= at < self.restarted_s

    def mono(self, at: float) -> tuple[float, str]:
        if self.story.rebooted and at >= self.restarted_s - 1.0:
            return round(at - self.restarted_s + 30.0, 6), "b00t2"
        return round(ZERO_MONO_S + at, 6), "b00t1"

    def open_phase(self, phase: str) -> None:
        self.say(self.go_to(0.01), Kind.PHASE_OPENED, f"{phase}/opened", phase=phase)

    def close_phase(self, phase: str, state: str = "succeeded") -> None:
        self.say(self.go_to(0.01), Kind.PHASE_CLOSED, f"{phase}/closed", phase=phase, state=state)

    def undo(self, step: str, undo: Mapping[str, Any]) -> None:
        self.say(self.t + 0.005, Kind.UNDO_REGISTERED, f"{step}/undo", undo=dict(undo), **where_of(step))

    def step(
        self,
        step: str,
        took_s: float | None,
        *,
        attempt: int = 1,
        no_return: bool = False,
        fails: bool = False,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        where = where_of(step, attempt)
        kind = self.plan.step(step).kind
        self.say(self.t, Kind.STEP_STARTED, f"{step}/{attempt}/started", kind=kind, no_return=no_return, **where)
        if took_s is None:
            return
        self.go_to(took_s)
        if fails:
            words = {"code": "A141", "error": "apply failed", "fix": "See the diagnostics."}
            error: dict[str, Any] = {"retryable": True, "in_doubt": False, **words}
            self.say(self.t, Kind.STEP_FAILED, f"{step}/{attempt}/failed", **where, **error)
        else:
            self.say(self.t, Kind.STEP_SUCCEEDED, f"{step}/{attempt}/succeeded", outputs=dict(outputs or {}), **where)

    def tasks(self, step: str, start: float, tasks: Sequence[tuple[str, float]], *, attempt: int = 1) -> None:
        at = start
        for n, (what, took_s) in enumerate(tasks):
            at += took_s
            where = where_of(step, attempt)
            self.say(at, Kind.STEP_PROGRESSED, f"{step}/{attempt}/progress/{n}", what=what, took_s=took_s, state="changed", **where)

    def ask(self, gate: str, phase: str | None, contact: str, *, wait_s: float, verb: str = "confirm", blocking: bool = True) -> None:
        """A question, its messages and its answer; an empty `verb` is silence."""
        asked = self.go_to(0.01)
        within_s = self.story.within_s
        deadline = (ZERO_AT + timedelta(seconds=asked + within_s)).isoformat().replace("+00:00", "Z")
        phases = list(self.plan.gate(gate).phases)
        data: dict[str, Any] = {"gate": gate, "phases": phases, "contacts": [contact], "deadline": deadline, "within_s": within_s}
        self.say(asked, Kind.ACKNOWLEDGEMENT_REQUESTED, f"{gate}/asked", **data)
        self.message("joint" if phase is None else "gate", contact, asked + 0.05, phase=phase, gate=gate)
        if wait_s > within_s / 2:
            then = self.plan.gate(gate).then[0]
            self.say(asked + within_s / 2, Kind.ESCALATED, f"{gate}/escalated/1", gate=gate, to=then)
            self.message("escalation", then, asked + within_s / 2 + 0.05, phase=phase, gate=gate)
            contact = then
        answered = asked + wait_s
        if verb:
            person = {"by": f"person:{contact}", "contact": contact, "channel": PEOPLE}
            self.say(answered, Kind.REPLY_RECEIVED, f"reply/{gate}", gate=gate, verb=verb, auto=True, **person)
        if verb == "confirm":
            self.say(answered, Kind.ACKNOWLEDGED, f"{gate}/acknowledged", gate=gate, contacts=[contact], channel=PEOPLE)
        elif verb == "decline":
            self.say(answered, Kind.DECLINED, f"{gate}/declined", gate=gate, contact=contact, channel=PEOPLE)
        else:
            self.say(answered, Kind.ACKNOWLEDGEMENT_EXPIRED, f"{gate}/expired", gate=gate, silence="hold")
        self.t = max(self.t, answered) if blocking else self.t

    def tell_status(self, phase: str, contact: str) -> None:
        self.message("status", contact, self.t + 0.02, phase=phase, gate=None)

    def message(self, purpose: str, contact: str, at: float, *, phase: str | None, gate: str | None) -> None:
        self.messages += 1
        name = f"m{self.messages:03d}"
        text = f"[Drill] {gate or phase}: reply 1 ···· to confirm"
        where: dict[str, Any] = {"message": name, "contact": contact, "channel": PEOPLE}
        words: dict[str, Any] = {"purpose": purpose, "text": text, "code": "OK"}
        self.say(at, Kind.MESSAGE_SENT, f"{name}/sent", gate=gate, phase=phase, state="accepted", **words, **where)
        self.say(at + 0.4, Kind.MESSAGE_DELIVERED, f"{name}/delivered", state="delivered", **where)
