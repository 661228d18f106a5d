"""Which provider may carry a text to which number: decided by the number alone, never by what happens to be configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from drill.model.replies import normalise_number

Reach = Literal["mainland", "abroad"]

REACHES: Final[Mapping[str, Reach]] = {
    "aliyun": "mainland",
    "aliyun-global": "abroad",
    "aws": "abroad",
    "aws-sns": "abroad",
}
"""Where each provider delivers. Only Alibaba's domestic service reaches mainland China both ways; it reaches nowhere else."""


def reach_of(number: str) -> Reach | None:
    """Where a number is, however it is written; nothing when it is no phone number."""
    plain = normalise_number(number)
    if plain is None:
        return None
    return "mainland" if plain.startswith("+86") else "abroad"


def providers_for(number: str, offered: Iterable[str]) -> tuple[str, ...]:
    """Those of the offered providers that deliver to this number, in the order offered; empty when none does."""
    reach = reach_of(number)
    return tuple(name for name in offered if reach is not None and REACHES.get(name) == reach)
