"""The step `outage.fis`: runs a fault experiment that the team wrote in AWS Fault Injection Service, and stops it on the way back."""

from __future__ import annotations

from typing import ClassVar

from drill.steps.outage_isolate import OutageIsolate


class OutageFis(OutageIsolate):
    """Starts the experiment template that the site names. An abort stops it; what its actions take back is the template's own affair."""

    kind: ClassVar[str] = "outage.fis"
    title: ClassVar[tuple[str, str]] = ("Run the fault experiment", "运行故障实验")
    default_timeout_s: ClassVar[float] = 300.0
    way: ClassVar[str] = "fis"
