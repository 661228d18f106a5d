"""The step `outage.stop`: stops the machines of a site, as a crash would, and starts them again on the way back."""

from __future__ import annotations

from typing import ClassVar

from drill.steps.outage_isolate import OutageIsolate


class OutageStop(OutageIsolate):
    """Stops every machine that opted in. What was stopped already is left as it is, also on the way back."""

    kind: ClassVar[str] = "outage.stop"
    title: ClassVar[tuple[str, str]] = ("Stop the machines", "停止实例")
    default_timeout_s: ClassVar[float] = 600.0
    way: ClassVar[str] = "stop"
