"""What an outage in a cloud is made of: resources, the sorts of them, and the tags a drill reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from drill.model.effects import Verb

State = tuple[str, ...]
"""The attribute that a cut swaps: a network ACL, security groups, `running`."""
QUARANTINE: Final = "drill-quarantine"
"""The tag, with the site as its value, of what a drill makes to cut a site off, and removes again."""
FENCED: Final = "drill-fenced"
"""The tag, with the site as its value, of a machine that a fence keeps stopped."""
DATABASE_TAG: Final[Mapping[str, str]] = {"drill-cut": "yes"}
"""The tag, beside the opt-in tags, of managed databases that an outage cuts off itself. A fence changes the same attribute and must find
it as it was, so a database that the plan fences must not carry it."""


@dataclass(frozen=True)
class Part:
    """One resource as it is now. `network` is the one its quarantine must lie in; unsettled: it is still on its way to `state`."""

    id: str
    state: State
    tags: Mapping[str, str]
    network: str = ""
    settled: bool = True
    note: str = ""
    """What a person should know before it is cut."""
    fenced: bool = False
    """Kept as it is by a fence: no outage gives it back."""


class Sort(Protocol):
    """One sort of resource of one site."""

    kind: str
    verb: Verb
    doing: str
    """How a preview tells what is done to it."""
    makes: str
    """What `prepare` makes once in each network; empty: nothing."""
    marked: bool
    """Whether its cut state by itself shows that a drill did it."""
    spares: Sequence[str]
    """What goes on although everything of this sort is cut."""

    def find(self) -> list[Part]:
        """Every resource that carries all opt-in tags."""

    def read(self, resource: str) -> Part | None:
        """One resource with all its tags, fresh from the provider; None when it is gone."""

    def cuts(self) -> set[State]:
        """The states that mean cut off. Changes nothing."""

    def prepare(self, network: str) -> State:
        """The state to swap to; makes what it needs, once."""

    def rehearse(self, resources: Sequence[str]) -> None:
        """Ask the provider whether it would let them be cut, where it can be asked. Raises: Fatal: it would not (A222, A224)."""

    def swap(self, part: Part, state: State) -> None:
        """Give a resource another state, in one call of the provider."""

    def clear(self) -> None:
        """Remove what `prepare` made. Idempotent."""

    def left(self) -> list[str]:
        """What carries the opt-in tags and is not cut all the same, a sentence each. Changes nothing."""
