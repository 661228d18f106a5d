"""The scripted people: a carrier that keeps every text in the world's file, and a phone that answers each question at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal

from drill.model.ports import InboundMessage, OutboundMessage, SendResult
from tests.crash.world import ScriptedWorld

NUMBERS = {"ONCALL_PHONE": "13900000001", "LEAD_PHONE": "13900000002", "MANAGER_PHONE": "13900000003"}
_POLL_S, _TICK_S = 0.02, 0.1


class ScriptedCarrier:
    """Takes every text and delivers it at once (port Messenger)."""

    channel = "sms"

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def send(self, message: OutboundMessage) -> SendResult:
        text = {"to": message.address, "code": message.variables.get("code", "")}
        self._world.act(f"send {message.id}", lambda _: True, step="message", note=(f"text/{message.id}", text))
        return SendResult("accepted", "scripted", message.id, code="OK")

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        return "delivered" if self._world.notes(f"text/{message.id}") else "unknown"


class ScriptedPhone:
    """Says yes to every question once, and delivers the answer again until it is taken (port ReplySource). `silent` says nothing."""

    def __init__(self, world: ScriptedWorld, *, silent: bool = False) -> None:
        self._world = world
        self._silent = silent

    def receive(self, wait_s: float) -> list[InboundMessage]:
        until_s = time.monotonic() + min(wait_s, _TICK_S)
        while not (found := self._waiting()) and time.monotonic() < until_s:
            time.sleep(_POLL_S)
        return found

    def _waiting(self) -> list[InboundMessage]:
        if self._silent:
            return []
        done = self._world.notes("taken/")
        texts = {name.removeprefix("text/"): row for name, row in self._world.notes("text/").items() if row["code"]}
        now = datetime.now(UTC).replace(microsecond=0)
        return [
            InboundMessage(f"answer-{name}", row["to"], f"1 {row['code']}", now, name)
            for name, row in texts.items()
            if f"taken/{name}" not in done
        ]

    def done(self, message: InboundMessage) -> None:
        self._world.note(f"taken/{message.handle}", body=True)
