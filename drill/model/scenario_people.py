"""What a scenario may say about people: how each is reached, and who stands in for a role when."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from drill.model.rota import DAYS, Day, Rota, Shift, WeeklyShift
from drill.model.scenario_values import Form, Id, Secrets


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"this machine knows no time zone {name!r}; expected one such as Asia/Shanghai or UTC") from error
    return name


def _moment(text: str) -> str:
    try:
        naive = datetime.fromisoformat(text).tzinfo is None and len(text) >= len("2026-11-23T09:00")
    except ValueError:
        naive = False
    if not naive:
        raise ValueError("expected a date and time without a zone, such as 2026-11-23T09:00")
    return text


def _clock(text: str) -> str:
    try:
        naive = time.fromisoformat(text).tzinfo is None and ":" in text
    except ValueError:
        naive = False
    if not naive:
        raise ValueError("expected a time of day such as 09:00")
    return text


Zone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[str, AfterValidator(_moment)]
Clock = Annotated[str, AfterValidator(_clock)]
_ALL_DAYS: Final[tuple[Day, ...]] = DAYS


class ShiftForm(Form):
    """One shift by date, on the clocks of the rota's zone."""

    from_: Moment = Field(alias="from")
    to: Moment
    is_: Id = Field(alias="is", description="Another contact.")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> ShiftForm:
        if datetime.fromisoformat(self.to) <= datetime.fromisoformat(self.from_):
            raise ValueError("expected a shift that ends after it starts")
        return self


class WeeklyForm(Form):
    """The same hours every week; an end at or before the start is on the next day."""

    days: tuple[Day, ...] = Field(default=_ALL_DAYS, min_length=1)
    from_: Clock = Field(alias="from")
    to: Clock
    is_: Id = Field(alias="is", description="Another contact.")


class RotaForm(Form):
    """Who stands in for a role when: dated shifts first, then the week's."""

    zone: Zone
    shifts: tuple[ShiftForm, ...] = ()
    weekly: tuple[WeeklyForm, ...] = ()

    def rota(self) -> Rota:
        """As it is asked for a moment."""
        return Rota(
            ZoneInfo(self.zone),
            [Shift(datetime.fromisoformat(row.from_), datetime.fromisoformat(row.to), row.is_) for row in self.shifts],
            [WeeklyShift(frozenset(row.days), time.fromisoformat(row.from_), time.fromisoformat(row.to), row.is_) for row in self.weekly],
        )


class ContactForm(Form):
    """A person, or a role that a rota fills with one. Numbers and addresses are references to secrets."""

    title: str = Field(min_length=1)
    sms: Secrets = ()
    email: Secrets = ()
    language: Literal["en", "zh"] = "en"
    channels: tuple[str, ...] = Field(
        default=("sms",), min_length=1, description="In the order to try: sms, or names in messages.channels."
    )
    user: str = Field(default="", description="The account this person uses where drills are started: four_eyes knows them by it.")
    rota: RotaForm | None = None

    @model_validator(mode="after")
    def _is_a_person_or_a_role(self) -> ContactForm:
        if self.rota and self.model_fields_set & {"sms", "email", "language", "channels", "user"}:
            raise ValueError("expected either a rota, which names other contacts, or ways to reach a person")
        return self
