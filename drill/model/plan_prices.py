"""What the user says that resources cost: no price is ours."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict

_INDEX: Final = re.compile(r'\[(?:\d+|"(?:[^"\\]|\\.)*")\]')


def without_indexes(address: str) -> str:
    """A resource's address without those of modules and of itself: `module.m.aws_lb.site` of `module.m["a.b"].aws_lb.site[0]`."""
    return _INDEX.sub("", address)


class Prices(BaseModel):
    """Prices per hour and piece, by type (`aws_lb`) or, closer, by address without indexes (`aws_instance.app`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str
    per_hour: dict[str, float]

    def of(self, address: str, kind: str) -> float | None:
        """The price of one hour of a resource; nothing where none is said."""
        return self.per_hour.get(without_indexes(address), self.per_hour.get(kind))
