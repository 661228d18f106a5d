"""The last look at the ground before anything is touched: minutes may have passed since the preflight while people made up their minds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from drill.engine.attempt import StepRunner, bug
from drill.engine.preflight import healthy
from drill.model.errors import DrillError, JournalBroken
from drill.model.plan import PlannedStep

_GOOD_IN_A_ROW = 3
_DANGEROUS = frozenset({"outage", "fence", "promote"})
"""Steps with these marks are previewed again; the others are only asked whether they are ready, which costs nothing."""


class LastLook:
    """Looks once more at the ground of one drill. `unheard` says of other hosts, whose users count, that they measure nothing now."""

    def __init__(self, runner: StepRunner, *, unheard: Callable[[], list[str]] = list) -> None:
        self._runner = runner
        self._unheard = unheard
        self._plan = runner.plan

    def trouble(self) -> list[str]:
        """What has gone wrong since the preflight, a sentence each; empty when the ground is still firm."""
        with ThreadPoolExecutor(2, thread_name_prefix="last-look") as beside:
            previews = beside.submit(lambda: list(self._unready()))  # while the probes are asked: people wait for all of it
            unheard = beside.submit(self._unheard)
            sick = [f"{probe} does not answer well" for probe in self._plan.steady_state if not self._healthy(probe)]
            return [*sick, *unheard.result(), *previews.result()]

    def _healthy(self, probe: str) -> bool:
        return healthy(probe, self._runner.world, good_in_a_row=_GOOD_IN_A_ROW)

    def _unready(self) -> Iterator[str]:
        for planned in (step for phase in self._plan.phases for step in phase.steps if not step.skip):
            try:
                yield from (f"{planned.id}: {what}" for what in self._asked(planned))
            except JournalBroken:
                raise
            except Exception as error:  # noqa: BLE001 - said as what stands in the way: a drill does not start on ground it cannot see
                known = error if isinstance(error, DrillError) else bug(error)
                if known.code != "A201":  # its parameters wait for what an earlier step puts out
                    yield f"{planned.id}: {known}"

    def _asked(self, planned: PlannedStep) -> list[str]:
        step, world = self._runner.kinds[planned.kind], self._runner.world
        params = self._runner.resolve(planned)
        trouble = step.ready(params, world)
        if step.marks & _DANGEROUS:
            step.preview(params, world)
        return trouble
