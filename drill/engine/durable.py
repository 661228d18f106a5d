"""The one file that knows DBOS: durable workflows, reserved steps, recovery after a crash.

Rules that keep replay deterministic: steps are reserved in plan order before any of them runs; every node has a unique name, so a
mis-numbering is an error and never another step's result; nothing but reserved steps touches DBOS while the plan plays; failures
are data; an abort is data, never a cancelled workflow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, SetWorkflowID, WorkflowStatus

from drill.engine.attempt import Result
from drill.engine.conduct import Conductor, Crew
from drill.model.errors import DrillError, JournalBroken
from drill.model.plan import Plan

APPLICATION_VERSION = "drill-engine-1"
"""Changes only with the protocol of the conductor: a drill is resumed only by an engine of its own version."""

QUEUE: Final = "drills"
"""Where drills wait for a worker."""

_NAME: Final = "drill"
_WORKFLOW: Final = "drill.v1"
_UNFINISHED: Final = ["PENDING", "ENQUEUED"]
_QUEUE_POLL_S: Final = 0.5
_THREADS = 128

Explain = Callable[[sa.exc.DBAPIError], DrillError]
"""Makes one of our errors of what the database said to the durable engine itself."""

CrewOf = Callable[[str, Plan], Crew | None]
"""Opens what a drill works with, in this process; nothing when the drill was refused and has ended. Blocking."""
_crew_of: CrewOf | None = None
_done: Callable[[str], None] | None = None
_explain: Explain | None = None
_unwritten: dict[str, str] = {}
"""Why a drill was given up that the database cannot be told of: it may be the database that failed."""
_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="node")


def _told(error: JournalBroken | sa.exc.DBAPIError) -> str:
    known = _explain(error) if _explain is not None and isinstance(error, sa.exc.DBAPIError) else error
    return str(known).partition("\n")[0]


class _DurableNode:
    def __init__(self, drill: str, name: str) -> None:
        self._drill = drill
        self._name = name
        self._reservation = DBOS.reserve_step()

    async def run(self, body: Callable[[], Result]) -> Result:
        async def work() -> Result:
            try:
                return await asyncio.get_running_loop().run_in_executor(_threads, body)
            except JournalBroken as error:  # told at once: writing it down as this node's end may wait for the same database for ever
                _unwritten.setdefault(self._drill, _told(error))
                raise

        try:
            result: Result = await self._reservation.run_async({"name": self._name}, work)
        except (JournalBroken, sa.exc.DBAPIError) as error:
            _unwritten.setdefault(self._drill, _told(error))
            raise
        return result


class _DurableSlots:
    def __init__(self, drill: str) -> None:
        self._drill = drill

    def reserve(self, name: str) -> _DurableNode:
        return _DurableNode(self._drill, name)


@DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=1000)  # type: ignore[untyped-decorator]
async def _drill_v1(drill: str, plan: dict[str, Any]) -> Result:
    crew_of, done = _crew_of, _done
    if crew_of is None or done is None:
        raise RuntimeError("the engine was launched without a crew")
    loop, parsed = asyncio.get_running_loop(), Plan.model_validate(plan)
    crew = await loop.run_in_executor(_threads, crew_of, drill, parsed)
    if crew is None:
        return {"status": "refused"}
    try:
        return await Conductor(parsed, slots=_DurableSlots(drill), crew=crew).conduct()
    finally:
        if _done is not None:
            await loop.run_in_executor(_threads, done, drill)


class DurableEngine:
    """The embedded engine of one process. One per process, and one live process per SQLite file.

    A drill is one workflow. When a bug of ours ends that workflow, the drill gets another life: a new workflow that plays the same plan
    over; since every node reads the journal before it works, nothing that was done is done again. `done` is called when this process has
    nothing more to do with a drill: it has ended, or is another engine's. `queued`: how many drills it takes from the queue at a time.
    """

    def __init__(
        self,
        database: sa.Engine,
        *,
        executor: str,
        crew_of: CrewOf,
        done: Callable[[str], None] = lambda _drill: None,
        explain: Explain | None = None,
        queued: int = 0,
    ) -> None:
        global _crew_of, _done, _explain  # DBOS finds workflows by module-level functions; this is their only way to a crew
        _crew_of, _done, _explain = crew_of, done, explain
        self._queued = queued
        config: DBOSConfig = {
            "name": _NAME,
            "system_database_engine": database,
            "application_version": APPLICATION_VERSION,
            "executor_id": executor,
            "log_level": "CRITICAL",  # what fails is in the journal, or said by `failure`
            "notification_listener_polling_interval_sec": 0.1,
            "serializer": DBOSPortableJSONSerializer(),
        }
        DBOS(config=config)
        DBOS.listen_queues([QUEUE] if queued else [])

    def launch(self) -> None:
        """Start; what this executor left unfinished goes on by itself."""
        DBOS.launch()
        if self._queued:
            DBOS.register_queue(QUEUE, worker_concurrency=self._queued, polling_interval_sec=_QUEUE_POLL_S, on_conflict="always_update")

    @staticmethod
    def owners() -> list[str]:
        """The executors that own unfinished drills of this version."""
        rows = DBOS.list_workflows(status="PENDING", app_version=APPLICATION_VERSION, load_input=False, load_output=False)
        return sorted({str(row.executor_id) for row in rows})

    @staticmethod
    def take_over(executors: Sequence[str]) -> None:
        """Put the drills of dead executors up for claim: exactly one living engine gets each; the dead one's results are refused."""
        DBOS._recover_pending_workflows(list(executors))  # noqa: SLF001 - the one conditional way to recover; guarded by a test

    def adopt(self, drill: str) -> None:
        """Take a drill from an executor that is known to be dead; nothing happens when it is ours."""
        row = self._row(drill, self._life(drill))
        if row is not None and row.status == "PENDING":
            self.take_over([str(row.executor_id)])

    def play(self, drill: str, plan: Plan) -> None:
        """Begin a drill; go on with it when it has begun; give it another life when a bug had ended it."""
        _unwritten.pop(drill, None)
        life = self._life(drill)
        if life == 0 or self._status(drill, life) == "ERROR":
            with SetWorkflowID(_workflow_id(drill, life + 1)):
                DBOS.start_workflow(_drill_v1, drill, plan.model_dump(mode="json"))

    def failure(self, drill: str) -> str:
        """Why the engine gave the drill up, or an empty text: a bug of ours, or a database that takes nothing more."""
        if drill in _unwritten:
            return _unwritten[drill]
        life = self._life(drill)
        if self._status(drill, life) in {"", "SUCCESS", *_UNFINISHED}:
            return ""
        row = self._row(drill, life, with_output=True)
        return str(row.error) if row is not None and row.error is not None else ""

    def over(self, drill: str) -> bool:
        """Whether the drill's workflow has come to its end, in this process or in one that died since."""
        life = self._life(drill)
        return bool(life) and self._status(drill, life) == "SUCCESS"

    @classmethod
    def _life(cls, drill: str) -> int:
        life = 0
        while cls._row(drill, life + 1) is not None:
            life += 1
        return life

    @classmethod
    def _status(cls, drill: str, life: int) -> str:
        row = cls._row(drill, life)
        return str(row.status) if row is not None else ""

    @staticmethod
    def _row(drill: str, life: int, *, with_output: bool = False) -> WorkflowStatus | None:
        """What the database knows of a life; never its input, the plan: this is asked four times a second, and a plan may be megabytes."""
        rows = DBOS.list_workflows(workflow_ids=[_workflow_id(drill, life)], load_input=False, load_output=with_output)
        return rows[0] if rows else None

    def stop(self) -> None:
        """End the engine's threads; a drill that has not ended stays resumable."""
        DBOS.destroy()


def _workflow_id(drill: str, life: int) -> str:
    return drill if life == 1 else f"{drill}~{life}"


class DrillQueue:
    """The queue and the unfinished drills, for processes that run no engine."""

    def __init__(self, database: sa.Engine, *, to_look: bool = False) -> None:
        """`to_look`: nothing is written, not even the tables that are missing."""
        self._database = database
        self._client = DBOSClient(
            system_database_engine=database, serializer=DBOSPortableJSONSerializer(), application_name=_NAME, lazy=True
        )
        if not to_look:
            self._client._sys_db.run_migrations()  # noqa: SLF001 - a client makes no tables, and may well be the first to come

    def put(self, drill: str, plan: Plan) -> None:
        """Queue a drill for whichever worker is free; the same drill twice is queued once, unless a bug had ended it."""
        lives = self._lives(drill)
        life = len(lives) + 1 if lives and lives[-1] == "ERROR" else max(1, len(lives))
        options: EnqueueOptions = {
            "workflow_name": _WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": _workflow_id(drill, life),
            "app_version": APPLICATION_VERSION,
        }
        self._client.enqueue(options, drill, plan.model_dump(mode="json"))

    def _lives(self, drill: str) -> list[str]:
        """The state of each life of a drill, oldest first."""
        rows = self._client.list_workflows(workflow_id_prefix=drill, name=_WORKFLOW, load_input=False, load_output=False)
        found = {str(row.workflow_id): str(row.status) for row in rows}
        return [found[name] for life in range(1, len(found) + 1) if (name := _workflow_id(drill, life)) in found]

    def owner(self, drill: str) -> str:
        """The executor that owns the drill's unfinished work; empty when none does."""
        for row in self._client.list_workflows(workflow_id_prefix=drill, status="PENDING", load_input=False, load_output=False):
            if str(row.workflow_id).partition("~")[0] == drill:
                return str(row.executor_id)
        return ""

    def forget(self, drill: str) -> None:
        """Let no engine take the drill any more: it has ended without one, and nothing of it is left to do."""
        if self._has_rows():
            for row in self._client.list_workflows(workflow_id_prefix=drill, status=_UNFINISHED, load_input=False, load_output=False):
                if str(row.workflow_id).partition("~")[0] == drill:
                    self._client.cancel_workflow(row.workflow_id)

    def _has_rows(self) -> bool:
        schema = "dbos" if self._database.dialect.name == "postgresql" else None
        return sa.inspect(self._database).has_table("workflow_status", schema=schema)

    def stranded(self) -> dict[str, str]:
        """Unfinished drills that no engine of this version can go on with, and the engine version each one needs."""
        if not self._has_rows():
            return {}
        rows = self._client.list_workflows(status=_UNFINISHED, name=_WORKFLOW, load_input=False, load_output=False)
        return {row.workflow_id.partition("~")[0]: str(row.app_version) for row in rows if row.app_version != APPLICATION_VERSION}

    def close(self) -> None:
        """Let go of the database."""
        self._client.destroy()
