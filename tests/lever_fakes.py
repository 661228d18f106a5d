"""A lever in memory."""

from __future__ import annotations

from typing import Any

from drill.adapters.lever_pull import pull
from drill.model.errors import Fatal
from drill.model.ports import NameFacts, Steering


class FakeLever:
    """Two sites, a mode, and health that a test sets (port Lever)."""

    def __init__(self, name: str = "shop.drill.test", *, reach: str = "data-plane") -> None:
        self._name = name
        self.facts = NameFacts("fake", reach)  # type: ignore[arg-type]
        self.mode = "auto"
        self.primary_well = True
        self.reads = 0
        self.switches_itself_at: int | None = None
        """The number of the look at which the health checks have noticed by themselves."""

    def read(self) -> Steering:
        self.reads += 1
        if self.switches_itself_at is not None and self.reads >= self.switches_itself_at:
            self.primary_well = False
        site = self.mode if self.mode != "auto" else ("primary" if self.primary_well else "standby")
        return Steering(self._name, site, self.mode != "auto", {"primary": self.primary_well}, f"mode {self.mode}", {"mode": self.mode})

    def wanted(self, to: str) -> dict[str, Any]:
        if to not in {"primary", "standby"}:
            raise Fatal(f"there is no '{to}'.", code="A226")
        return {"mode": to}

    def steer(self, before: Steering, to: str) -> Steering:
        return pull(self.read, lambda _present: self._set(to), expected=before.raw, wanted=self.wanted(to))

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda _present: self._set(found.raw["mode"]), expected=written.raw, wanted=found.raw)

    def _set(self, mode: Any) -> None:
        self.mode = mode
