"""Alibaba's global traffic manager of the first generation: a recovery plan declares pools lost, all of them in one call."""

from __future__ import annotations

from typing import Any

from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.lever_pull import pull
from drill.model.errors import Fatal
from drill.model.ports import NameFacts, Steering

_EXECUTED = "EXECUTED"


class GtmRecoveryPlan:
    """One recovery plan (port Lever): executed, `standby` serves; at rest or rolled back, `primary` does."""

    def __init__(self, name: str, calls: AlidnsCalls, plan: int, *, primary: str, standby: str) -> None:
        self._name = name
        self._calls = calls
        self._plan = plan
        self._sites = {False: primary, True: standby}

    @property
    def facts(self) -> NameFacts:
        return NameFacts("Alibaba GTM 1.0", "control-plane")

    def read(self) -> Steering:
        status = str(self._calls.read("DescribeGtmRecoveryPlan", RecoveryPlanId=self._plan)["Status"])
        executed = status == _EXECUTED
        detail = f"recovery plan {self._plan} is {'executed' if executed else 'at rest'}"
        return Steering(self._name, self._sites[executed], executed, {}, detail, {"executed": executed})

    def wanted(self, to: str) -> dict[str, Any]:
        if to not in self._sites.values():
            known = " or ".join(self._sites.values())
            raise Fatal(f"the recovery plan of {self._name} leads to {known}, not to '{to}'.", code="A226", fix="Correct it.")
        return {"executed": to == self._sites[True]}

    def steer(self, before: Steering, to: str) -> Steering:
        wanted = self.wanted(to)
        if wanted["executed"] and not self._switches():
            raise Fatal(f"recovery plan {self._plan} would switch nothing.", code="A226", fix="Name the pools of the lost site in it.")
        return pull(self.read, lambda _present: self._run(**wanted), expected=before.raw, wanted=wanted)

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda _present: self._run(executed=found.raw["executed"]), expected=written.raw, wanted=found.raw)

    def _run(self, *, executed: bool) -> None:
        self._calls.write("ExecuteGtmRecoveryPlan" if executed else "RollbackGtmRecoveryPlan", RecoveryPlanId=self._plan)

    def _switches(self) -> int:
        """How many instances the plan would switch, by the service's own preview."""
        answer = self._calls.read("PreviewGtmRecoveryPlan", RecoveryPlanId=self._plan, PageNumber=1, PageSize=20)
        return int(answer.get("TotalItems") or 0)
