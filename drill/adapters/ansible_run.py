"""One run of one playbook: the runner works in a thread of its own, its listener stays in the caller's."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from drill.adapters import ansible_leftovers as leftovers
from drill.adapters.ansible_events import PlayRecord
from drill.model.errors import DrillError, InDoubt
from drill.model.ports import TaskEvent

State = Literal["successful", "failed", "unreachable", "stopped", "timeout"]

_POLL_S: Final = 0.1
_EXIT_S: Final = 5.0  # after its recap Ansible has nothing to do but to exit
_END: Final[Mapping[str, Any]] = {}
_LOG: Final = logging.getLogger(__name__)


class Run:
    """Starts when it is followed. `run` is the marker in the environment of its processes; `directory` is removed when it ends.

    The runner is given `hear` as its event handler and `must_end` as its cancel callback: with one it installs no signal handler.
    """

    def __init__(self, run: str, directory: Path) -> None:
        self._run = run
        self._directory = directory
        self._events: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._left_s: float | None = None
        self._error: Exception | None = None

    def hear(self, event: Mapping[str, Any]) -> bool:
        """Take one event; False tells the runner to keep no copy of it on the disk."""
        self._events.put(event)
        return False

    def must_end(self) -> bool:
        """Whether the runner has to end the play now."""
        return self._cancel.is_set() or (self._left_s is not None and time.monotonic() > self._left_s + _EXIT_S)

    def follow(
        self, runner: Any, record: PlayRecord, *, timeout_s: float, stopping: Callable[[], bool], on_task: Callable[[TaskEvent], None]
    ) -> State:
        """Run it to its end. A success is known from the recap: Ansible's own exit, 0.2 s later, is not waited for.

        Raises: InDoubt: one of its processes does not end (A330), or the runner broke (A331). Whatever `stopping` and `on_task`
        raise comes out when the play has ended.
        """
        thread = threading.Thread(target=self._work, args=(runner,), name=f"ansible-{self._run[:8]}")
        thread.start()
        reason: Literal["stopped", "timeout"] | None = None
        deadline_s = time.monotonic() + timeout_s
        try:
            while (event := self._next()) is not _END:
                task = record.hear(event) if event is not None else None
                if task is not None:
                    on_task(task)
                if record.succeeded:
                    self._left_s = time.monotonic()
                    return "successful"
                if reason is None:
                    reason = "timeout" if time.monotonic() >= deadline_s else "stopped" if stopping() else None
                if reason is not None:
                    self._cancel.set()
        except BaseException:
            self._cancel.set()
            thread.join()
            raise
        if isinstance(self._error, DrillError):
            raise self._error
        if self._error is not None:
            raise InDoubt(f"the Ansible runner broke: {self._error}", code="A331", fix="Look what the play has done.") from self._error
        return reason or ("unreachable" if record.unreachable else "failed")

    def _next(self) -> Mapping[str, Any] | None:
        try:
            return self._events.get(timeout=_POLL_S)
        except queue.Empty:
            return None

    def _work(self, runner: Any) -> None:
        """Run, then leave neither process nor file. After a success nothing is ended: a server that a task started was meant to live on."""
        try:
            try:
                runner.run()
            finally:
                if runner.status != "successful":
                    leftovers.end_run(self._run)
        except Exception as error:  # noqa: BLE001 - raised by `follow`, or logged when it has returned
            self._error = error
            if self._left_s is not None:
                _LOG.warning("ansible.exit_failed", extra={"run": self._run}, exc_info=error)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._events.put(_END)
