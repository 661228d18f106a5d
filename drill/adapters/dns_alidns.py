"""Names in Alibaba Cloud DNS, which has no conditional write: read, compare, write and read back, under our own lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.dns_alidns_rows import Row, Work, on_the_way, record, reduced, rows_of, same, ways, with_ids
from drill.adapters.dns_route53 import addresses_of
from drill.adapters.file_locks import FileLocks
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import NameFacts, RecordSet

_SWITCHABLE = frozenset({"A", "AAAA", "CNAME"})
_ROUNDS = 3
_REPEATED = frozenset({"DomainRecordDuplicate"})
"""The service calls an update that changes nothing an error; reading back tells whether it is one."""
_PAGE = 500


class AlidnsDns:
    """One zone (port Dns). `locks` keeps two drills of this machine apart; against anybody else there is only the comparison.

    A switch covers every line in use. `raw` of a record set is the list of its records; a swap keeps their ids.
    """

    def __init__(
        self,
        zone: str,
        calls: AlidnsCalls,
        locks: FileLocks,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        lookup: Callable[[str], Sequence[str]] = addresses_of,
    ) -> None:
        self._zone = zone.lower().rstrip(".")
        self._calls = calls
        self._locks = locks
        self._servers = servers
        self._lookup = lookup

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        rows = self._rows(name, rtype)
        if not any(row["Status"] == "ENABLE" for row in rows):
            raise Fatal(
                f"Alibaba Cloud DNS has no {rtype} record for {name} that is switched on.",
                code="A221",
                fix="Create it by hand once.",
            )
        return record(name, rtype, rows)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        if (before.name, before.type) != (after.name, after.type):
            raise Fatal(
                f"{before.name} {before.type} cannot become {after.name} {after.type}.", code="A225", fix="Swap one name at a time."
            )
        if not after.values:
            raise Fatal(f"{after.name} would be left without an answer.", code="A225", fix="Give at least one value.")
        old, new = rows_of(before, after), rows_of(after, before)
        with self._locks.holding(f"alidns {before.name} {before.type}"):
            self._check_ttl(old, new)
            self._move(before, after, old, new)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        if self._servers is not None:
            return self._servers
        hosts = self._domain().get("DnsServers", {}).get("DnsServer", [])
        try:
            return [(address, 53) for host in hosts for address in self._lookup(host)]
        except OSError as error:
            raise Fatal(
                f"a name server of {self._zone} has no address here: {error.strerror or error}.",
                code="A228",
                fix="Name the servers to ask in the scenario, or see whether this machine resolves names.",
            ) from error

    def in_sync(self, name: str) -> bool:
        return True  # nobody to ask but the servers themselves

    def facts(self, name: str) -> NameFacts:
        return NameFacts("Alibaba Cloud DNS", "control-plane", int(self._domain().get("MinTtl") or 1))

    def _move(self, before: RecordSet, after: RecordSet, old: Sequence[Row], new: Sequence[Row]) -> None:
        changed = False
        for _ in range(_ROUNDS):
            present = self._look(before, changed=changed)
            wanted = with_ids(new, present)
            if same(present, wanted):
                return
            if not on_the_way(present, with_ids(old, present), wanted):
                raise self._conflict(before, present)
            for work in ways(present, wanted):
                changed = True
                try:
                    self._do(work)
                except InDoubt:
                    break  # reading again tells what it did
        raise Retryable(
            f"{before.name} has not become {', '.join(after.values)} in {_ROUNDS} rounds.",
            code="A120",
            fix="Trying again goes on.",
        )

    def _look(self, before: RecordSet, *, changed: bool) -> list[Row]:
        try:
            return self._rows(before.name, before.type)
        except StepError as unread:
            if not changed:
                raise
            raise InDoubt(
                f"it is unknown what became of {before.name}: {unread.what}",
                code="A320",
                fix="Read the name at the provider first.",
            ) from unread

    def _do(self, work: Work) -> None:
        row = work.row
        fixed = {name: row.get(name) for name in ("RR", "Type", "Value", "TTL", "Line", "Priority")}
        if work.do == "add":
            self._calls.write("AddDomainRecord", tolerate=_REPEATED, DomainName=self._zone, **fixed)
        elif work.do == "update":
            # everything is sent: what is left out would fall back to the service's defaults
            self._calls.write("UpdateDomainRecord", tolerate=_REPEATED, RecordId=row["RecordId"], **fixed)
        elif work.do == "weigh":
            self._calls.write("UpdateDNSSLBWeight", RecordId=row["RecordId"], Weight=row["Weight"])
        elif work.do == "delete":
            self._calls.write("DeleteDomainRecord", RecordId=row["RecordId"])
        else:
            self._calls.write("SetDomainRecordStatus", RecordId=row["RecordId"], Status=work.do.capitalize())

    def _check_ttl(self, old: Sequence[Row], new: Sequence[Row]) -> None:
        held = {int(row["TTL"]) for row in old}
        shortest_s = min((int(row["TTL"]) for row in new if int(row["TTL"]) not in held), default=None)
        allowed_s = self.facts("").min_ttl_s if shortest_s is not None else 1
        if shortest_s is not None and shortest_s < allowed_s:
            raise Fatal(
                f"the edition of {self._zone} allows no TTL below {allowed_s} s; {shortest_s} s was asked for.",
                code="A222",
                fix="Raise the step's ttl, or the edition.",
            )

    def _conflict(self, before: RecordSet, present: Sequence[Row]) -> Fatal:
        holds = ", ".join(f"{row['Value']} ({row['Status'].lower()}, TTL {row['TTL']})" for row in present) or "nothing"
        return Fatal(
            f"somebody else changed {before.name}: it holds {holds}; expected {', '.join(before.values)}.",
            code="A220",
            fix="See who changes it (another drill, a controller, a person) and start again from what it holds now.",
        )

    def _rows(self, name: str, rtype: str) -> list[Row]:
        """Every record of the name and type, on any line, enabled or not, by id."""
        host = name.lower().rstrip(".")
        if rtype not in _SWITCHABLE or "*" in name or not host.endswith(f".{self._zone}"):
            raise Fatal(
                f"a drill does not move the {rtype} record of {name} in the zone {self._zone}.",
                code="A225",
                fix="Move an A, AAAA or CNAME record of one host below the top of the zone.",
            )
        rr = host[: -len(self._zone) - 1]
        # without this mode the word is looked for anywhere in a name; filtered again, since other modes of the service are looser
        asked = {"DomainName": self._zone, "SearchMode": "COMBINATION", "RRKeyWord": rr, "Type": rtype}
        found = self._calls.pages("DescribeDomainRecords", _listed, size=_PAGE, **asked)
        rows = [reduced(row) for row in found if (str(row["RR"]).lower(), row["Type"]) == (rr, rtype)]
        return sorted(rows, key=lambda row: str(row["RecordId"]))

    def _domain(self) -> Any:
        return self._calls.read("DescribeDomainInfo", DomainName=self._zone, NeedDetailAttributes=True)


def _listed(answer: Any) -> list[Any]:
    return list((answer.get("DomainRecords") or {}).get("Record") or [])
