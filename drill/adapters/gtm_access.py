"""Alibaba's global traffic manager of the first and second generation: the access mode of a strategy decides which pools serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.lever_pull import pull
from drill.model.errors import Fatal, StepError
from drill.model.ports import NameFacts, Steering

Group = Literal["DEFAULT", "FAILOVER"]


@dataclass(frozen=True)
class _Words:
    """What one generation calls things. The two share no action: an id of one is unknown to the other."""

    describe: str
    write: str
    effective: str
    status: str


_GENERATIONS: Final[Mapping[int, _Words]] = {
    1: _Words("DescribeGtmAccessStrategy", "SetGtmAccessMode", "AccessStatus", "AddrPoolStatus"),
    2: _Words("DescribeDnsGtmAccessStrategy", "SetDnsGtmAccessMode", "EffectiveAddrPoolGroupType", "AddrPoolGroupStatus"),
}

_LISTS: Final = {3: "ListCloudGtmInstances", 2: "DescribeDnsGtmInstances", 1: "DescribeGtmInstances"}


def generation_of(calls: AlidnsCalls, instance: str) -> int:
    """The generation of an instance: 1, 2 or 3. Raises: Fatal: none of them knows it (A221)."""
    for generation, action in _LISTS.items():
        rows = calls.pages(action, _rows_of)
        if any(row.get("InstanceId") == instance for row in rows):
            return generation
    raise Fatal(f"no traffic manager of this account is called {instance}.", code="A221", fix="Check the id and the account.")


class GtmAccessMode:
    """One strategy (port Lever). `sites` says which site each group of pools stands for.

    Forcing a group takes the decision from the provider's health checks; the way back gives it to them again.
    """

    def __init__(self, name: str, calls: AlidnsCalls, strategy: str, sites: Mapping[Group, str], *, generation: int = 2) -> None:
        """Raises: Fatal: this generation has no access mode (A226)."""
        if generation not in _GENERATIONS:
            raise Fatal(f"the traffic manager of {name} has no access mode.", code="A226", fix="Generation 3 switches by address pools.")
        self._name = name
        self._calls = calls
        self._strategy = strategy
        self._sites = dict(sites)
        self._words = _GENERATIONS[generation]
        self._generation = generation

    @property
    def facts(self) -> NameFacts:
        return NameFacts(f"Alibaba GTM {self._generation}.0", "control-plane")

    def read(self) -> Steering:
        row = self._describe()
        mode, effective = str(row["AccessMode"]), str(row[self._words.effective])
        healthy = {site: self._available(row, group) for group, site in self._sites.items()}
        detail = f"access mode {mode}, {effective} serves"
        return Steering(self._name, self._sites.get(effective, ""), mode != "AUTO", healthy, detail, {"AccessMode": mode})  # type: ignore[call-overload]

    def wanted(self, to: str) -> dict[str, Any]:
        group = next((group for group, site in self._sites.items() if site == to), None)
        if group is None:
            known = ", ".join(self._sites.values())
            raise Fatal(f"the traffic manager of {self._name} has no pools at '{to}'.", code="A226", fix=f"It has {known}.")
        return {"AccessMode": group}

    def steer(self, before: Steering, to: str) -> Steering:
        wanted = self.wanted(to)
        if not self.read().healthy[to]:
            raise Fatal(f"the pools of {self._name} at '{to}' have too few available addresses.", code="A226", fix="Bring them up first.")
        return pull(self.read, lambda _present: self._set(wanted["AccessMode"]), expected=before.raw, wanted=wanted)

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda _present: self._set(found.raw["AccessMode"]), expected=written.raw, wanted=found.raw)

    def _set(self, mode: str) -> None:
        self._calls.write(self._words.write, StrategyId=self._strategy, AccessMode=mode)

    def _describe(self) -> Mapping[str, Any]:
        try:
            return self._calls.read(self._words.describe, StrategyId=self._strategy)
        except StepError as error:
            if error.code != "A221":
                raise
            raise Fatal(
                f"the traffic manager {self._generation}.0 knows no strategy {self._strategy}.",
                code="A221",
                fix="Check the id, and the generation of the instance: they share no ids.",
            ) from error

    def _available(self, row: Mapping[str, Any], group: Group) -> bool:
        word = group.capitalize()
        enough = int(row.get(f"{word}AvailableAddrNum") or 0) >= int(row.get(f"{word}MinAvailableAddrNum") or 0)
        return str(row.get(f"{word}{self._words.status}", "")).upper() == "AVAILABLE" and enough


def _rows_of(answer: Mapping[str, Any]) -> list[Any]:
    """Rows of a list: the generations wrap them differently, one not at all."""
    found = answer.get("Instances") or answer.get("GtmInstances")
    return list(next(iter(found.values()), [])) if isinstance(found, Mapping) else list(found or [])
