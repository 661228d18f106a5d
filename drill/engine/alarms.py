"""What follows when a watcher is lost: findings, guards that count as broken, an abort or a message to everyone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from drill.engine.record import Recorder
from drill.model.errors import JournalBroken
from drill.model.events import Draft, Kind
from drill.model.plan import Guard, Plan
from drill.model.progress import Progress

OBSERVER: Final = "observer"
DEAD_MAN: Final = "dead man"
GROUND: Final = "sandbox"
SIGHT_S: Final = 10.0
"""A guard may be out of sight for so long, or for what it is given itself if that is longer: a new observer needs some of it to start."""
_FIX: Final[Mapping[str, str]] = {
    OBSERVER: "See observer.log in the drill's directory; the interval of the recovery time is wider for the gap.",
    GROUND: "Start the drill anew; nothing of its ground is left.",
    DEAD_MAN: "See dead-man.log in the drill's directory; until it stands again only a person ends the outage if the engine dies.",
}
_CODES: Final[Mapping[str, tuple[str, str, str]]] = {
    OBSERVER: ("D511", "D512", "D513"),
    DEAD_MAN: ("D514", "D515", "D516"),
    GROUND: ("D517", "D518", "D519"),
}
Words = Mapping[str, Mapping[str, str]]
_UNWATCHED: Final[Words] = {
    "en": {"phase": "The outage", "state": "goes on without its dead man", "took": "unlimited"},
    "zh": {"phase": "中断", "state": "已失去自动恢复守护", "took": "不限"},
}


class WatchAlarms:
    """Writes down what the watchman of one drill sees (port Alarms). What the journal cannot take now is written at the next call.

    `warn(reason, words)` tells everyone; `words` are the variables of the text by language. It must not block.
    """

    def __init__(self, recorder: Recorder, plan: Plan, *, warn: Callable[[str, Words], None]) -> None:
        self._recorder = recorder
        self._plan = plan
        self._warn = warn
        self._count = 0
        self._blind: set[str] = set()
        """Guards that have been told as broken in the present darkness."""
        self._waiting: list[Draft] = []
        self._unheeded: dict[str, str] = {}
        """Wards that were given up, with the reason, until what follows from it is written."""

    def lost(self, ward: str, why: str) -> None:
        if ward == GROUND:
            return  # told once, when it is given up at the same look
        self._find(ward, 0, f"the {ward} is lost: {why}. Another one is started.", severity="warning")

    def back(self, ward: str, after_s: float) -> None:
        self._unheeded.pop(ward, None)
        if ward == OBSERVER:
            self._blind.clear()
        self._find(ward, 1, f"the {ward} is back after {after_s:.1f} s.", severity="info")

    def given_up(self, ward: str, why: str, tries: int) -> None:
        what = f"the {ward} is gone: {why}." if ward == GROUND else f"no new {ward} came to life in {tries} tries: {why}."
        self._find(ward, 2, what, severity="error")
        self._unheeded[ward] = why

    def dark(self, ward: str, for_s: float) -> None:
        self._write()
        if ward in self._unheeded:
            self._heed(ward, self._unheeded[ward])
            del self._unheeded[ward]
        if ward != OBSERVER:
            return
        late = [guard for guard in self._plan.guards if for_s > max(SIGHT_S, self._given_s(guard))]
        self._break_guards(late, f"lost sight of it for {for_s:.1f} s: the observer is gone")

    def _given_s(self, guard: Guard) -> float:
        """How long a guard may stay unseen by its own rule."""
        every_s = next((probe.every_s for probe in self._plan.probes if probe.id == guard.probe), 0.0)
        return guard.misses * every_s if guard.asks == "probe" else guard.for_s

    def _break_guards(self, guards: tuple[Guard, ...] | list[Guard], why: str) -> None:
        new = [guard for guard in guards if guard.id not in self._blind]
        if not new or not self._recorder.look(_may_break):
            return
        drafts: list[Draft] = []
        for guard in new:
            self._blind.add(guard.id)
            once, by = f"{guard.id}/unseen/{self._next()}", f"guard:{guard.id}"
            broken = self._recorder.draft(Kind.GUARD_BROKEN, f"guard/{once}", by=by, guard=guard.id, detail=why)
            asked = {"reason": f"the guard {guard.id} broke: {why}", "channel": "guard", "guard": guard.id}
            drafts += [broken, self._recorder.draft(Kind.ABORT_REQUESTED, f"abort/guard/{once}", by=by, **asked)]
        self._write(*drafts)

    def _heed(self, ward: str, why: str) -> None:
        """Without its ground a drill ends. Without a dead man it stops before the outage, which nobody would end; later people are told."""
        if ward == GROUND:
            key, reason = f"abort/ground/{self._next()}", f"its ground is gone: {why}"
            self._write(self._recorder.draft(Kind.ABORT_REQUESTED, key, reason=reason, channel="ground"))
        elif ward == OBSERVER:
            self._break_guards(self._plan.guards, "nobody looks at it any more: the observer cannot be started")
        elif self._recorder.look(lambda progress: any(row.undo is not None for row in progress.steps.values())):
            self._warn(f"dead-man/{self._next()}", _UNWATCHED)
        elif self._recorder.look(_may_break):
            key, reason = f"abort/dead-man-lost/{self._next()}", f"no dead man stands watch: {why}"
            self._write(self._recorder.draft(Kind.ABORT_REQUESTED, key, reason=reason, channel="engine"))

    def _find(self, ward: str, turn: int, what: str, *, severity: str) -> None:
        key = f"finding/{ward.replace(' ', '-')}/{self._next()}"
        data: dict[str, Any] = {"code": _CODES[ward][turn], "what": what, "fix": _FIX[ward] if turn != 1 else "", "severity": severity}
        self._write(self._recorder.draft(Kind.FINDING_RAISED, key, **data))

    def _next(self) -> str:
        self._count += 1
        return f"{self._recorder.clock.epoch}/{self._count}"

    def _write(self, *drafts: Draft) -> None:
        """Write what waits and these. Raises: JournalBroken: not now; what passes by itself is tried again."""
        self._waiting += drafts
        if not self._waiting:
            return
        try:
            self._recorder.say_all(self._waiting)
        except JournalBroken as broken:
            if not broken.transient:
                raise
            return
        self._waiting = []


def _may_break(progress: Progress) -> bool:
    """Whether an abort would say anything new, before the verdict."""
    return not (progress.abort or progress.held or progress.failback or progress.outcome)
