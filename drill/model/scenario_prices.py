"""What a scenario may say about prices, so that a report says what a drill's rebuild cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from drill.model.plan_prices import Prices
from drill.model.scenario_values import Form

_Of = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_.-]+)?$")]
_Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PricesForm(Form):
    """The team's own figures: list prices know nothing of discounts."""

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="As in ISO 4217: USD, CNY.")
    per_hour: dict[_Of, _Price] = Field(
        min_length=1, description="By type (`aws_lb`), or by address without an index (`aws_instance.app`), per piece and hour."
    )

    def prices(self) -> Prices:
        """As the plan holds it."""
        return Prices(currency=self.currency, per_hour=self.per_hour)
