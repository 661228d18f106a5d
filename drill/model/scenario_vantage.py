"""What a scenario may say about vantage points: other hosts that ask its probes too."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from drill.model.plan_probes import VantagePoint
from drill.model.scenario_values import Form, Secret


def _many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class VantageForm(Form):
    """A host on which `drill probe` runs. Without a key its samples come by file only."""

    probes: Annotated[tuple[str, ...], BeforeValidator(_many)] = Field(
        default=(), description="What it asks; without it every probe that takes the user's view or keeps its connection."
    )
    user_view: bool = Field(default=True, description="Whether its users count: the recovery time is the worst of those that do.")
    key: Secret | None = Field(default=None, description="What it shows to `drill serve --web`; the same on both hosts.")

    def point(self, name: str, usual: tuple[str, ...]) -> VantagePoint:
        """As the plan holds it; `usual` is what is asked where nothing is said."""
        return VantagePoint(id=name, probes=self.probes or usual, user_view=self.user_view, key=self.key or "")
