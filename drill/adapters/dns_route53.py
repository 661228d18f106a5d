"""Names in Route 53, read and swapped as one batch that changes everything or nothing."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.adapters.dns_route53_client import Route53Account, no_vendor_error, open_route53
from drill.adapters.dns_route53_errors import may_have_worked
from drill.adapters.dns_route53_forms import Form, essence, forms_of, full_name, record, words
from drill.model.errors import Fatal, InDoubt, StepError
from drill.model.ports import NameFacts, RecordSet

_log = logging.getLogger(__name__)
_SWITCHABLE = frozenset({"A", "AAAA", "CNAME"})


def addresses_of(host: str) -> list[str]:
    """Every address of a name server that this machine can reach, IPv6 only where it is configured."""
    found = socket.getaddrinfo(host, 53, type=socket.SOCK_DGRAM, flags=socket.AI_ADDRCONFIG)
    return sorted({str(entry[4][0]) for entry in found})


class Route53Dns:
    """The names of one AWS account (port Dns).

    `servers` names who answers for them, as address and port; without it the zone's delegation says so. `raw` of a record set is
    the list of every record set of its name and type, as the API writes them.
    """

    def __init__(
        self,
        endpoint: str | None,
        region: str,
        access_key: str | None,
        secret_key: str | None,
        servers: Sequence[tuple[str, int]] | None = None,
        *,
        lookup: Callable[[str], Sequence[str]] = addresses_of,
    ) -> None:
        self._account = Route53Account(endpoint, region, access_key, secret_key)
        self._servers = servers
        self._lookup = lookup
        self._making_client = threading.Lock()
        self._made_client: Any = None
        self._zones: dict[str, str] = {}
        self._changes: dict[str, str] = {}

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        forms = self._present(name, rtype)
        if not forms:
            raise Fatal(
                f"Route 53 has no {rtype} record for {name}.", code="A221", fix="Create it by hand once: a drill only moves what exists."
            )
        return record(name, rtype, forms)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        if (before.name, before.type) != (after.name, after.type):
            raise Fatal(
                f"{before.name} {before.type} cannot become {after.name} {after.type}.", code="A225", fix="Swap one name at a time."
            )
        old, new = forms_of(before, after), forms_of(after, before)
        if not new:
            raise Fatal(f"{after.name} would be left without an answer.", code="A225", fix="Give at least one value.")
        zone = self._zone_of(before.name, before.type)
        # every set of the name is deleted, also the unchanged ones: together they are the lock
        batch = [{"Action": "DELETE", "ResourceRecordSet": form} for form in old]
        batch += [{"Action": "CREATE", "ResourceRecordSet": form} for form in new]
        try:
            with no_vendor_error("change " + before.name):
                answer = self._client().change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Comment": "drill", "Changes": batch})
            self._changes[full_name(before.name)] = str(answer["ChangeInfo"]["Id"])
        except StepError as refused:
            self._read_back(before, old, new, refused)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        if self._servers is not None:
            return self._servers
        zone = self._zone_of(name, "A")
        with no_vendor_error("name the servers of " + name):
            hosts = self._client().get_hosted_zone(Id=zone).get("DelegationSet", {}).get("NameServers", [])
        found = [(address, 53) for host in hosts for address in self._addresses(host)]
        if not found:
            raise Fatal(
                f"nobody outside its network answers for {name}: the zone is private.",
                code="A228",
                fix="Name the servers to ask in the site's settings.",
            )
        return found

    def in_sync(self, name: str) -> bool:
        change = self._changes.get(full_name(name))
        if change is None:  # nothing was changed here, or the answer that named the change was lost
            return True
        try:
            with no_vendor_error(f"say how far the change of {name} is"):
                return str(self._client().get_change(Id=change)["ChangeInfo"]["Status"]) == "INSYNC"
        except Fatal as refused:  # the change is made; not being allowed to ask about it is no reason to call it failed
            _log.warning("route53.change_unreadable", extra={"code": refused.code})
            return True

    def facts(self, name: str) -> NameFacts:
        return NameFacts("Route 53", "control-plane")

    def _addresses(self, host: str) -> Sequence[str]:
        try:
            return self._lookup(host)
        except OSError as error:
            raise Fatal(
                f"the name server {host} has no address here: {error.strerror or error}.",
                code="A228",
                fix="See whether this machine resolves names.",
            ) from error

    def _read_back(self, before: RecordSet, old: Sequence[Form], new: Sequence[Form], refused: StepError) -> None:
        """Decide what a failed swap did; an answer may have been lost on its way and the client may have asked twice."""
        doubtful = refused.__cause__ is not None and may_have_worked(refused.__cause__)  # type: ignore[arg-type]
        try:
            present = self._present(before.name, before.type)
        except StepError as unread:
            if not doubtful:
                raise refused from refused.__cause__
            raise InDoubt(
                f"it is unknown whether {before.name} was changed to {words(new)}: {unread.what}",
                code="A320",
                fix="Read the name at the provider before anything else.",
            ) from unread
        if essence(present) == essence(new):
            return
        if essence(present) == essence(old):
            raise refused from refused.__cause__
        raise Fatal(
            f"somebody else changed {before.name}: it holds {words(present)}, expected {words(old)}.",
            code="A220",
            fix="See who changes it (another drill, a controller, a person) and start again from what it holds now.",
        ) from refused.__cause__

    def _present(self, name: str, rtype: str) -> list[Form]:
        """Every record set of the name and type."""
        zone, full = self._zone_of(name, rtype), full_name(name)
        found: list[Form] = []
        page: Mapping[str, Any] = {"NextRecordName": full, "NextRecordType": rtype, "IsTruncated": True}
        while page["IsTruncated"]:
            start = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
            if page.get("NextRecordIdentifier"):
                start["StartRecordIdentifier"] = page["NextRecordIdentifier"]
            with no_vendor_error("read " + name):
                page = self._client().list_resource_record_sets(HostedZoneId=zone, **start)
            for form in page["ResourceRecordSets"]:
                if (full_name(form["Name"]), form["Type"]) != (full, rtype):
                    return found
                found.append(form)
        return found

    def _zone_of(self, name: str, rtype: str) -> str:
        """The id of the zone the name lies in. Raises: Fatal: a drill may not move this name (A225), or it lies in no zone (A221)."""
        if rtype not in _SWITCHABLE or "*" in name:
            raise Fatal(
                f"a drill does not move the {rtype} record of {name}.", code="A225", fix="Move an A, AAAA or CNAME record of one host."
            )
        full = full_name(name)
        if full not in self._zones:
            self._zones[full] = self._find_zone(full)
        return self._zones[full]

    def _find_zone(self, full: str) -> str:
        labels = full.rstrip(".").split(".")
        for at in range(len(labels)):
            suffix = ".".join(labels[at:]) + "."
            with no_vendor_error("find the zone of " + full):
                listed = self._client().list_hosted_zones_by_name(DNSName=suffix)["HostedZones"]
            zones = [zone for zone in listed if zone["Name"].lower() == suffix]
            public = [zone for zone in zones if not zone.get("Config", {}).get("PrivateZone")]
            chosen = public or zones
            if len(chosen) > 1:
                raise Fatal(
                    f"{len(chosen)} hosted zones are named {suffix}", code="A229", fix="Use an account in which one of them is meant."
                )
            if chosen and at == 0:
                raise Fatal(f"{full} is the top of its zone: a drill does not move that.", code="A225", fix="Move a name below it.")
            if chosen:
                return str(chosen[0]["Id"]).rpartition("/")[2]
        raise Fatal(f"no hosted zone of this account holds {full}", code="A221", fix="Check the name and the account.")

    def _client(self) -> Any:
        with self._making_client:
            if self._made_client is None:
                self._made_client = open_route53(self._account)
            return self._made_client
