"""What an authoritative server answers from Route 53's record sets."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drill.sandbox.route53_rules import Form, full, values_of

_ALIAS_TTL_S = 60
_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Row:
    """One record set of an answer."""

    name: str
    type: str
    ttl_s: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Reply:
    """A whole answer. `soa` is the zone's, given when there is nothing to answer."""

    rcode: Literal["NOERROR", "NXDOMAIN", "REFUSED"]
    rows: tuple[Row, ...] = ()
    soa: Row | None = None


class Answers:
    """Answers from the record sets of the zones, read again whenever their version changes.

    `healthy` says of a health check's id whether it is up; without one every record set counts as healthy.
    """

    def __init__(
        self,
        zones: Callable[[], Mapping[str, Sequence[Form]]],
        version: Callable[[], int],
        rng: random.Random,
        *,
        healthy: Callable[[str], bool] = lambda _identifier: True,
    ) -> None:
        self._healthy = healthy
        self._read_zones = zones
        self._read_version = version
        self._rng = rng
        self._version = -1
        self._sets: dict[str, dict[tuple[str, str], list[Form]]] = {}
        self._names: dict[str, set[str]] = {}

    def answer(self, name: str, rtype: str) -> Reply:
        """The answer to one question; names match in any case."""
        self._refresh()
        return self._answer(full(name), rtype, depth=0)

    def _refresh(self) -> None:
        version = self._read_version()
        if version == self._version:
            return
        self._sets, self._names = {}, {}
        for zone, forms in self._read_zones().items():
            sets = self._sets.setdefault(zone, {})
            names = self._names.setdefault(zone, {zone})
            for form in forms:
                sets.setdefault((full(form["Name"]), form["Type"]), []).append(form)
                names.update(_up_to(full(form["Name"]), zone))
        self._version = version

    def _answer(self, name: str, rtype: str, depth: int) -> Reply:
        zone = next((zone for zone in _suffixes(name) if zone in self._sets), None)
        if zone is None:
            return Reply("REFUSED")
        owner = self._owner(zone, name)
        if owner is None:
            return Reply("NXDOMAIN", soa=self._soa(zone))
        rows = self._rows(zone, owner, name=name, rtype=rtype, depth=depth)
        return Reply("NOERROR", rows, soa=None if rows else self._soa(zone))

    def _owner(self, zone: str, name: str) -> str | None:
        """The name whose records answer: itself, or the wildcard beside its closest existing ancestor."""
        names = self._names[zone]
        if name in names:
            return name
        closest = next(suffix for suffix in _suffixes(name) if suffix in names)
        wildcard = f"*.{closest}"
        return wildcard if wildcard in names else None

    def _rows(self, zone: str, owner: str, *, name: str, rtype: str, depth: int) -> tuple[Row, ...]:
        sets = self._sets[zone]
        group = sets.get((owner, rtype))
        if group is None and rtype != "CNAME" and (owner, "CNAME") in sets:
            alias = self._row(self._choose(sets[owner, "CNAME"])[0], name)
            return alias, *self._follow(full(alias.values[0]), rtype, depth)
        rows: list[Row] = []
        for form in self._choose(group or ()):
            if form.get("AliasTarget"):
                target = self._follow(full(form["AliasTarget"]["DNSName"]), rtype, depth)
                rows += [Row(name, row.type, row.ttl_s, row.values) for row in target if row.type == rtype]
            else:
                rows.append(self._row(form, name))
        return tuple(rows)

    def _follow(self, target: str, rtype: str, depth: int) -> tuple[Row, ...]:
        return self._answer(target, rtype, depth + 1).rows if depth < _LONGEST_CHAIN else ()

    def _choose(self, group: Sequence[Form]) -> Sequence[Form]:
        """The service's choice among the record sets of one name and type."""
        if not group:
            return ()
        if group[0].get("Weight") is not None:
            candidates = self._by_weight(group)
            weights = [int(form["Weight"]) for form in candidates]
            return self._rng.choices(candidates, weights if any(weights) else None)
        if group[0].get("MultiValueAnswer"):
            well = [form for form in group if self._up(form)] or list(group)
            return self._rng.sample(well, min(8, len(well)))
        primary = next((form for form in group if form.get("Failover") == "PRIMARY"), group[0])
        secondary = next((form for form in group if form.get("Failover") == "SECONDARY"), None)
        return [primary if secondary is None or self._up(primary) or not self._up(secondary) else secondary]

    def _by_weight(self, group: Sequence[Form]) -> Sequence[Form]:
        """The weighted record sets that share the traffic: a weight of 0 is a warm standby, not off; all down, all count."""
        heavy = [form for form in group if int(form["Weight"])]
        well = [form for form in heavy if self._up(form)]
        return well or [form for form in group if not int(form["Weight"]) and self._up(form)] or heavy or group

    def _up(self, form: Form) -> bool:
        return not form.get("HealthCheckId") or self._healthy(str(form["HealthCheckId"]))

    def _row(self, form: Form, name: str) -> Row:
        return Row(name, form["Type"], int(form.get("TTL", _ALIAS_TTL_S)), tuple(values_of(form)))

    def _soa(self, zone: str) -> Row:
        return self._row(self._sets[zone][zone, "SOA"][0], zone)


def _suffixes(name: str) -> list[str]:
    """The name and every parent of it, longest first, without the root."""
    labels = name.rstrip(".").split(".")
    return [".".join(labels[at:]) + "." for at in range(len(labels))]


def _up_to(name: str, zone: str) -> list[str]:
    """The name and its parents inside the zone: what lies between exists too."""
    return [suffix for suffix in _suffixes(name) if suffix == zone or suffix.endswith("." + zone)]
