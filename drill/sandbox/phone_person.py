"""The person behind the virtual phone: reads a text, finds the code in it, and answers after about a second."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from drill.sandbox.carrier_ledger import Ledger

MODES: Final = ("auto", "manual", "silent", "once")
"""auto: answers every question. manual: waits for a person. silent: never answers. once: answers the first question of its life."""
MODE_FILE: Final = "phone-mode"
YES: Final = "1"
"""The key of a call that confirms."""

_CODE_IN_TEXT: Final = re.compile(r"(?:核实码|\bcode )(\d{6}|\d{4})(?!\d)")


def code_in(text: str) -> str | None:
    """The reply code a person reads in a text, or None when it asks nothing."""
    match = _CODE_IN_TEXT.search(text)
    return match[1] if match else None


class Reply(Protocol):
    """Carries an answer to the customer."""

    def __call__(self, number: str, text: str, /, *, automatic: bool = False) -> object:
        """`automatic`: no person typed it."""


class Person:
    """Answers the questions that reach a phone, as `phone-mode` says at that moment. `press` presses keys in a call."""

    def __init__(self, directory: Path, ledger: Ledger, reply: Reply, *, answer_after_s: float, press: Reply | None = None) -> None:
        self._press = press
        self._mode_file = directory / MODE_FILE
        self._ledger = ledger
        self._reply = reply
        self._answer_after_s = answer_after_s
        self._once = threading.Lock()
        self._spent = ledger.answered_by_itself()
        self._mode = "manual"
        self.mode()

    def mode(self) -> str:
        """The present mode; while the file holds none, being written perhaps, the one it held before."""
        written = self._mode_file.read_text(encoding="utf-8").strip() if self._mode_file.exists() else ""
        self._mode = written if written in MODES else self._mode
        return self._mode

    def hears(self, number: str, text: str) -> None:
        """A text has arrived: answer it later if it asks something."""
        code = code_in(text)
        if code is not None:
            self._soon(number, f"1 {code}", self._reply)

    def rings(self, number: str, keys: Sequence[str]) -> None:
        """A call has come: pick up later, and press the key that says yes if it is offered."""
        if self._press is not None and YES in keys:
            self._soon(number, YES, self._press)

    def _soon(self, number: str, answer: str, way: Reply) -> None:
        if self.mode() in {"manual", "silent"}:
            return
        timer = threading.Timer(self._answer_after_s, self._answer, (number, answer, way))
        timer.daemon = True
        timer.start()

    def _answer(self, number: str, answer: str, way: Reply) -> None:
        with self._once:
            mode = self.mode()
            if mode in {"manual", "silent"} or (mode == "once" and self._spent):
                return
            self._spent = True
        self._ledger.answer(number, answer, automatic=True)
        way(number, answer, automatic=True)
