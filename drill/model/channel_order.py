"""Which channel reaches a person first: theirs in the order written, those that lately failed them at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from drill.model.events import Fact, Kind

IN_A_ROW: Final = 2
"""So many failures since the last success move a channel back: one may be chance."""
NEVER_TRIED: Final = frozenset({"no-template", "needs-code", "quota"})
"""Refusals of ours, before a provider was asked: they say nothing about whether the channel reaches a person."""


@dataclass(frozen=True)
class Outcome:
    """What became of one message to a person over a channel."""

    contact: str
    channel: str
    reached: bool


def outcomes(facts: Iterable[Fact]) -> list[Outcome]:
    """What became of each message whose fate is known, in the order it became known. Accepted alone says nothing yet."""
    found: list[Outcome] = []
    for fact in facts:
        if fact.kind is Kind.MESSAGE_SENT and fact.data["state"] != "accepted":
            if fact.data.get("code") in NEVER_TRIED:
                continue
            found.append(Outcome(fact.data["contact"], fact.data["channel"], reached=False))
        elif fact.kind is Kind.MESSAGE_DELIVERED:
            found.append(Outcome(fact.data["contact"], fact.data["channel"], reached=fact.data["state"] == "delivered"))
    return found


def ordered(channels: Sequence[str], contact: str, past: Iterable[Outcome]) -> tuple[str, ...]:
    """A person's channels, each once: as written, but those that failed them twice in a row come after the others."""
    failing = dict.fromkeys(channels, 0)
    for outcome in past:
        if outcome.contact == contact and outcome.channel in failing:
            failing[outcome.channel] = 0 if outcome.reached else failing[outcome.channel] + 1
    return tuple(sorted(failing, key=lambda channel: failing[channel] >= IN_A_ROW))
