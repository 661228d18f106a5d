"""What the user says that resources cost: no price is ours."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Prices(BaseModel):
    """Prices per hour and piece, by type (`aws_lb`) or, closer, by address without an index (`aws_instance.app`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str
    per_hour: dict[str, float]

    def of(self, address: str, kind: str) -> float | None:
        """The price of one hour of a resource; nothing where none is said."""
        return self.per_hour.get(address.partition("[")[0], self.per_hour.get(kind))
