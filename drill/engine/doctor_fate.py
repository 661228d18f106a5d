"""Shared fate: what a drill cannot do without must not stand in the region that it is about to lose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drill.engine.doctor import Advice
from drill.model.plan import Plan, Site
from drill.steps.base import Step

_RETURN: Final = "outage.restore"


@dataclass(frozen=True)
class Stand:
    """Something a drill needs, and where it stands. `region` is empty when nothing says where; `where` is what a person knows it by."""

    what: str
    provider: str
    region: str
    """As the provider calls it; where there are none, the provider's name again."""
    where: str
    fix: str
    tell: str = "Say where it stands: DRILL_STANDS."
    """What to do when nobody knows where it stands; empty when it need not be known."""


def lost_sites(plan: Plan, kinds: Mapping[str, Step[Any]]) -> list[Site]:
    """The sites whose whole region the plan takes away.

    Not those beside which another of its sites goes on in the same region; and where no site is left, less than a region is lost.
    """
    named = {step.params.get("site") for step in plan.steps() if step.kind != _RETURN and "outage" in kinds[step.kind].marks}
    kept = {(site.provider, site.region) for site in plan.sites if site.id not in named}
    return [site for site in plan.sites if kept and site.id in named and (site.provider, site.region) not in kept]


@dataclass(frozen=True)
class SharedFate:
    """Whether anything needed stands in a region that is about to be lost. `stands` is asked only when one is."""

    lost: Sequence[Site]
    stands: Callable[[], Sequence[Stand]]
    name: str = "shared fate"

    def advice(self) -> Iterable[Advice]:
        if not self.lost:
            yield Advice(self.name, "ok", "the plan takes no whole region away")
            return
        places = {(site.provider, site.region): site.id for site in self.lost}
        for stand in self.stands():
            yield self._of(stand, places.get((stand.provider, stand.region)))

    def _of(self, stand: Stand, site: str | None) -> Advice:
        name = f"{self.name} {stand.what}"
        if site is not None:
            detail = f"{stand.where} stands in {stand.provider} {stand.region}, which is lost with site '{site}'"
            return Advice(name, "error", detail, stand.fix, "F052")
        if stand.region:
            own = stand.provider == stand.region
            return Advice(name, "ok", f"{stand.where} stands " + ("on own ground" if own else f"in {stand.provider} {stand.region}"))
        if stand.tell:
            return Advice(name, "warning", f"nothing says where {stand.where} stands", stand.tell)
        return Advice(name, "ok", f"{stand.where} stands outside the lost region")
