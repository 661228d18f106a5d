"""What a scenario file may say about when it runs by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from drill.model.scenario_values import Form, Span
from drill.model.timetable import check_cron


class RunLateForm(Form):
    """A run that is late by no more than this still happens."""

    run_late: Span


def _late(value: Any) -> str:
    return "skip" if isinstance(value, str) else "run_late"


Misfire = Annotated[Annotated[Literal["skip"], Tag("skip")] | Annotated[RunLateForm, Tag("run_late")], Discriminator(_late)]


class ScheduleForm(Form):
    """One timetable. `cron` has five fields, or six with seconds first; `zone` is where its clock hangs.

    What is missed, for whatever reason, becomes a drill in state `missed` and a message. `live` lets it touch real sites.
    """

    cron: str = Field(min_length=1)
    zone: str = "UTC"
    overlap: Literal["skip"] = "skip"
    misfire: Misfire = "skip"
    live: bool = False

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        check_cron("* * * * *", zone)
        return zone

    @model_validator(mode="after")
    def _readable(self) -> ScheduleForm:
        check_cron(self.cron, self.zone)
        return self

    @property
    def run_late_s(self) -> float:
        """How late a run may still begin, in seconds; 0: a late one is missed."""
        return 0.0 if isinstance(self.misfire, str) else self.misfire.run_late
