"""Keeps a live drill from starting when its own engine or journal would be lost with the region that it takes away."""

from __future__ import annotations

from collections.abc import Callable

from drill.adapters.doctor_metadata import own_place
from drill.adapters.doctor_places import Place
from drill.engine.doctor import examine
from drill.engine.doctor_fate import SharedFate, lost_sites
from drill.model.errors import PreflightFailed
from drill.model.plan import Mode, Plan
from drill.settings import EnvironmentSecrets, Settings
from drill.steps.base import registry
from drill.wiring.doctor_stands import Stands
from drill.wiring.endpoints import emulated


def refuse_shared_fate(settings: Settings, plan: Plan, machine: Callable[[], Place | None] = own_place) -> None:
    """`machine` says where this one stands; what nobody knows is no reason, and emulated clouds lose no region.

    Raises: PreflightFailed: worker or journal would go with the region (F052), or DRILL_STANDS is wrong (U049).
    """
    lost = lost_sites(plan, registry()) if plan.mode is Mode.LIVE and not emulated() else []
    if not lost:
        return
    stands = Stands(plan, settings, EnvironmentSecrets(settings.secrets_file), tuple(lost), machine)
    wrong = [row for row in examine([SharedFate(lost, stands.of_the_engine)]) if row.level == "error"]
    if wrong:
        what = "; ".join(f"{row.name.removeprefix('shared fate ')}: {row.detail}" for row in wrong)
        raise PreflightFailed(f"{what}.", code=wrong[0].code, fix=wrong[0].fix)
