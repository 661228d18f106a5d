"""Turns the runner's event stream into finished tasks, outputs and the one sentence that says why a play failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from drill.model.ports import TaskEvent

State = Literal["ok", "changed", "failed", "skipped", "unreachable"]

_STATES: Final[Mapping[str, State]] = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
_CODE: Final = re.compile(r"\bPG_[A-Z_]+\b")
_LONGEST_DETAIL: Final = 400


class PlayRecord:
    """What one run said, event by event. An error of the listener is kept: raised inside the runner it would leave the play running."""

    def __init__(self, on_task: Callable[[TaskEvent], None]) -> None:
        self._on_task = on_task
        self.tasks: list[TaskEvent] = []
        self.outputs: Mapping[str, Any] = {}
        self.recap: Mapping[str, Any] | None = None
        self.failure = ""
        self.trouble: Exception | None = None

    def hear(self, event: Mapping[str, Any]) -> bool:
        """Take one event; always False, which tells the runner to keep no copy of it on the disk."""
        try:
            self._take(str(event.get("event", "")), event.get("event_data") or {})
        except Exception as error:  # noqa: BLE001 - kept, and raised when the play has ended
            self.trouble = self.trouble or error
        return False

    @property
    def unreachable(self) -> bool:
        """Whether a host could not be reached, as against a task that failed on it."""
        return bool((self.recap or {}).get("dark"))

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(task.state == "changed" for task in self.tasks)

    def _take(self, name: str, data: Mapping[str, Any]) -> None:
        if name == "playbook_on_stats":
            self.recap = data
            self.outputs = data.get("artifact_data") or {}
        elif name in _STATES:
            task = _task(_STATES[name], data)
            if task.state in {"failed", "unreachable"} and not data.get("ignore_errors"):
                self.failure = task.detail if _CODE.match(task.detail) else f"{task.task}: {task.detail}"
            self.tasks.append(task)
            self._on_task(task)


def _task(state: State, data: Mapping[str, Any]) -> TaskEvent:
    result = data.get("res") or {}
    if state == "ok" and result.get("changed"):
        state = "changed"
    detail = _why(result) if state in {"failed", "unreachable"} else ""
    return TaskEvent(
        _name(str(data.get("task", ""))), str(data.get("host", "")), state, round(float(data.get("duration") or 0.0), 3), detail
    )


def _name(task: str) -> str:
    """The task's name for people; Ansible's own for the check of a role's arguments is a sentence and a half."""
    return "Check the role's arguments" if task.startswith("Validating arguments against arg spec") else task


def _why(result: Mapping[str, Any]) -> str:
    """The reason in one line: the assertion's own words with the `PG_` code first, or the message and the tool's last line."""
    message = " ".join(str(result.get("msg") or "").split())
    code = _CODE.search(message)
    if code:
        return message[code.start() :][:_LONGEST_DETAIL]
    lines = [line for key in ("stderr", "stdout", "module_stderr") for line in str(result.get(key) or "").splitlines() if line.strip()]
    return " ".join(part for part in (message, lines[-1].strip() if lines else "") if part)[:_LONGEST_DETAIL]
