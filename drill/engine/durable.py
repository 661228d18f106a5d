"""The one file that knows DBOS: durable workflows, reserved steps, recovery after a crash.

Rules that keep replay deterministic: steps are reserved in plan order before any of them runs; every node has a unique name, so a
mis-numbering is an error and never another step's result; nothing but reserved steps touches DBOS while the plan plays; failures
are data; an abort is data, never a cancelled workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from drill.engine.attempt import Result
from drill.engine.conduct import Conductor, Crew
from drill.model.plan import Plan

APPLICATION_VERSION = "drill-engine-1"
"""Changes only with the protocol of the conductor: a drill is resumed only by an engine of its own version."""

_THREADS = 128
_crew_of: Callable[[str, Plan], Crew] | None = None
_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="node")


class _DurableNode:
    def __init__(self, name: str) -> None:
        self._name = name
        self._reservation = DBOS.reserve_step()

    async def run(self, body: Callable[[], Result]) -> Result:
        async def work() -> Result:
            return await asyncio.get_running_loop().run_in_executor(_threads, body)

        result: Result = await self._reservation.run_async({"name": self._name}, work)
        return result


class _DurableSlots:
    def reserve(self, name: str) -> _DurableNode:
        return _DurableNode(name)


@DBOS.workflow(name="drill.v1", max_recovery_attempts=1000)  # type: ignore[untyped-decorator]
async def _drill_v1(drill: str, plan: dict[str, Any]) -> Result:
    if _crew_of is None:
        raise RuntimeError("the engine was launched without a crew")
    parsed = Plan.model_validate(plan)
    return await Conductor(parsed, slots=_DurableSlots(), crew=_crew_of(drill, parsed)).conduct()


class DurableEngine:
    """The embedded engine of one process. One per process, and one live process per SQLite file.

    A drill is one workflow. When a bug of ours ends that workflow, the drill gets another life: a new workflow that plays the same plan
    over; since every node reads the journal before it works, nothing that was done is done again.
    """

    def __init__(self, database: sa.Engine, *, executor: str, crew_of: Callable[[str, Plan], Crew]) -> None:
        global _crew_of  # noqa: PLW0603 - DBOS finds workflows by module-level functions; this is their only way to a crew
        _crew_of = crew_of
        config: DBOSConfig = {
            "name": "drill",
            "system_database_engine": database,
            "application_version": APPLICATION_VERSION,
            "executor_id": executor,
            "log_level": "CRITICAL",  # what fails is in the journal, or said by `failure`
            "notification_listener_polling_interval_sec": 0.1,
            "serializer": DBOSPortableJSONSerializer(),
        }
        DBOS(config=config)

    def launch(self) -> None:
        """Start; what this executor left unfinished goes on by itself."""
        DBOS.launch()

    def play(self, drill: str, plan: Plan) -> None:
        """Begin a drill; go on with it when it has begun; give it another life when a bug had ended it."""
        life = self._life(drill)
        if life == 0 or self._status(drill, life) == "ERROR":
            with SetWorkflowID(_workflow_id(drill, life + 1)):
                DBOS.start_workflow(_drill_v1, drill, plan.model_dump(mode="json"))

    def failure(self, drill: str) -> str:
        """Why the engine gave the drill up, or an empty text: set only for a bug of ours."""
        life = self._life(drill)
        status = DBOS.get_workflow_status(_workflow_id(drill, life)) if life else None
        return str(status.error) if status is not None and status.error is not None else ""

    @staticmethod
    def _life(drill: str) -> int:
        life = 0
        while DBOS.get_workflow_status(_workflow_id(drill, life + 1)) is not None:
            life += 1
        return life

    @staticmethod
    def _status(drill: str, life: int) -> str:
        status = DBOS.get_workflow_status(_workflow_id(drill, life))
        return str(status.status) if status is not None else ""

    def stop(self) -> None:
        """End the engine's threads; a drill that has not ended stays resumable."""
        DBOS.destroy()


def _workflow_id(drill: str, life: int) -> str:
    return drill if life == 1 else f"{drill}~{life}"
