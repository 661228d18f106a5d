"""Turns the runner's event stream into finished tasks, outputs and the one sentence that says why a play failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from drill.model.playbooks import REFUSALS
from drill.model.ports import TaskEvent

State = Literal["ok", "changed", "failed", "skipped", "unreachable"]

_STATES: Final[Mapping[str, State]] = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_skipped": "skipped",
    "runner_on_unreachable": "unreachable",
}
_LONGEST_DETAIL: Final = 400


class PlayRecord:
    """What one run said, event by event."""

    def __init__(self) -> None:
        self.tasks: list[TaskEvent] = []
        self.outputs: Mapping[str, Any] = {}
        self.failure = ""
        self._recap: Mapping[str, Any] | None = None
        self._output: list[str] = []

    def hear(self, event: Mapping[str, Any]) -> TaskEvent | None:
        """Take one event; returns the task that it ended, if it did."""
        name, data = str(event.get("event", "")), event.get("event_data") or {}
        if event.get("stdout"):
            self._output.append(str(event["stdout"]))
        if name == "playbook_on_stats":
            self._recap = data
            self.outputs = data.get("artifact_data") or {}
        if name not in _STATES:
            return None
        task = _task(_STATES[name], data)
        if task.state in {"failed", "unreachable"} and not data.get("ignore_errors"):
            self.failure = task.detail if REFUSALS.match(task.detail) else f"{task.task}: {task.detail}"
        self.tasks.append(task)
        return task

    @property
    def unreachable(self) -> bool:
        """Whether a host could not be reached, as against a task that failed on it."""
        return bool((self._recap or {}).get("dark"))

    @property
    def succeeded(self) -> bool:
        """Whether the recap is there, with at least one host and nothing failed on any."""
        recap = self._recap or {}
        return bool(recap.get("processed")) and not recap.get("failures") and not recap.get("dark")

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(task.state == "changed" for task in self.tasks)

    @property
    def output(self) -> bytes:
        """The run's text, as a terminal would have shown it."""
        return "\n".join([*self._output, ""]).encode()


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
    """The reason in one line: the assertion's own words with its code first, or the message and the tool's last line."""
    message = " ".join(str(result.get("msg") or "").split())
    code = REFUSALS.search(message)
    if code:
        return message[code.start() :][:_LONGEST_DETAIL]
    lines = [line for key in ("stderr", "stdout", "module_stderr") for line in str(result.get(key) or "").splitlines() if line.strip()]
    return " ".join(part for part in (message, lines[-1].strip() if lines else "") if part)[:_LONGEST_DETAIL]
