"""What the doctor says of vantage points: keys that could be guessed, a server that is not there, samples that somebody must fetch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drill.engine.doctor import Advice
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.model.ports import Secrets
from drill.settings import Settings
from drill.wiring.listeners import listening
from drill.wiring.vantage_desk import refuse_weak_keys


@dataclass(frozen=True)
class VantageLook:
    """Looks at the vantage points of a plan; says nothing where there are none."""

    settings: Settings
    plan: Plan
    secrets: Secrets
    name: str = "vantage points"

    def advice(self) -> Iterable[Advice]:
        keyed = [point for point in self.plan.vantage_points if point.key]
        for point in self.plan.vantage_points:
            yield from self._key(point.id) if point.key else self._file(point.id, user_view=point.user_view)
        if keyed and not self.settings.shared:
            yield self._server(", ".join(point.id for point in keyed))

    def _key(self, name: str) -> Iterable[Advice]:
        """A key that is not set is said by the look at all secrets."""
        try:
            refuse_weak_keys(self.plan.model_copy(update={"vantage_points": (self.plan.vantage_point(name),)}), self.secrets.get)
        except PreflightFailed as error:
            if error.code != "F010":
                yield Advice(f"vantage point {name}", "error", error.what, error.fix, error.code)

    def _file(self, name: str, *, user_view: bool) -> Iterable[Advice]:
        if user_view:
            detail = "its samples come by file only, and without them the recovery is unmeasured"
            fix = f"Take the file in before the drill ends (`drill probe --take`), or give it a key: vantage_points.{name}.key."
            yield Advice(f"vantage point {name}", "warning", detail, fix)

    def _server(self, names: str) -> Advice:
        address = listening(self.settings)
        if address:
            return Advice(self.name, "ok", f"{names} may send to http://{address}")
        detail, fix = f"no web server runs here yet for {names}", "Start `drill serve --web HOST:PORT` before the drill."
        if any(point.key and point.user_view for point in self.plan.vantage_points):
            return Advice(self.name, "error", f"{detail}: a drill would be refused, for their users count", fix, "F073")
        return Advice(self.name, "warning", detail, fix)
