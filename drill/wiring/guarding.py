"""Who looks at the guards of a drill that are no probes."""

from __future__ import annotations

from drill.adapters.guards_http import HttpGuards
from drill.engine.expressions import render
from drill.model.plan import Guard
from drill.wiring.worlds import Grounds


def guards_of(grounds: Grounds) -> HttpGuards:
    """The plan's guards with their expressions over `sites` filled in. Raises: PreflightFailed: one cannot be asked (F063)."""
    sites = {site.id: dict(grounds.world.ground.attributes(site.id)) for site in grounds.plan.sites}
    return HttpGuards(Guard.model_validate(render(guard.model_dump(), steps={}, sites=sites)) for guard in grounds.plan.guards)
