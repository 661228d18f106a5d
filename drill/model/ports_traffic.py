"""What moves traffic besides a plain record: what a provider's names can do, and levers that pick a site by health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Reach = Literal["control-plane", "data-plane"]
"""Whether pulling a lever needs the provider's control plane, which may be gone with the region, or only what answers traffic anyway."""


@dataclass(frozen=True)
class NameFacts:
    """What a provider's names are like."""

    provider: str
    """As people call it: `Route 53`."""
    reach: Reach
    min_ttl_s: int = 1
    """The shortest life of an answer that the provider, or the edition of the zone, allows."""


@dataclass(frozen=True)
class Steering:
    """Where a lever sends the traffic of a name now, and who decides that."""

    name: str
    site: str
    """The site that gets the traffic; empty while it is none, or not a single one."""
    forced: bool
    """Whether somebody decided, instead of the provider's own health checks."""
    healthy: Mapping[str, bool] = field(default_factory=dict)
    """What the provider's health checks say of each site, as far as it tells."""
    detail: str = ""
    """The provider's own words for it."""
    raw: Any = None
    """The provider's own form, for the exact way back; JSON."""


class Lever(Protocol):
    """One global load balancer's switch for one name. Writing is a compare-and-swap as far as the provider has one."""

    @property
    def facts(self) -> NameFacts:
        """What kind of lever it is."""

    def read(self) -> Steering:
        """Where the traffic goes now. Raises: Fatal: the provider does not know it (A221)."""

    def wanted(self, to: str) -> Mapping[str, Any]:
        """The `raw` that forces the traffic to a site; asks nobody. Raises: Fatal: it cannot go there (A226)."""

    def steer(self, before: Steering, to: str) -> Steering:
        """Force the traffic to a site and return what holds then. Already forced there is success.

        Raises: Fatal: somebody else moved it since `before` (A220), or it cannot go there (A226). InDoubt: no answer, and reading back
        failed (A320).
        """

    def restore(self, found: Steering, written: Steering) -> None:
        """Put back exactly what `found` says, from what the drill wrote. Already so is success. Raises: as `steer`."""


class Levers(Protocol):
    """Every lever the plan may pull, by name."""

    def lever(self, name: str) -> Lever:
        """Raises: Fatal: no lever moves this name (A226)."""
