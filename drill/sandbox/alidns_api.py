"""The records API of Alibaba Cloud DNS, as strict as the service where a traffic switch depends on it."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Query = Mapping[str, Any]
Row = dict[str, Any]

_LISTED: Final = re.compile(r"(\w+)\.(\d+)(?:\.(\w+))?")
_STATUS: Final = {"enable": "ENABLE", "disable": "DISABLE"}
_FIXED: Final = ("DomainName", "RR", "Type", "Value", "TTL", "Line")


class AlidnsRefused(Exception):
    """An answer with an HTTP error, in the service's own words."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message or code}")
        self.code = code
        self.message = message or code
        self.status = status


def nested(query: Mapping[str, str]) -> dict[str, Any]:
    """Parameters as they were before the client flattened them: `Addr.1.Addr=x` becomes `{"Addr": [{"Addr": "x"}]}`."""
    found: dict[str, Any] = {}
    for name, value in query.items():
        match = _LISTED.fullmatch(name)
        if not match:
            found[name] = value
            continue
        rows = found.setdefault(match[1], [])
        at = int(match[2])
        rows.extend({} if match[3] else None for _ in range(at - len(rows)))
        if match[3]:
            rows[at - 1][match[3]] = value
        else:
            rows[at - 1] = value
    return found


def page_of(query: Query, rows: Sequence[Any]) -> tuple[dict[str, int], list[Any]]:
    """Which page of the rows was asked for."""
    number, size = int(query.get("PageNumber", 1)), int(query.get("PageSize", 20))
    return {"PageNumber": number, "PageSize": size}, list(rows[(number - 1) * size : number * size])


class AlidnsApi:
    """Zones and their records; thread-safe. `min_ttl_s` is what the edition of a zone allows."""

    def __init__(self, zones: Mapping[str, int]) -> None:
        self._lock = threading.RLock()
        self._min_ttl_s = dict(zones)
        self._records: dict[str, Row] = {}
        self._weighted: set[tuple[str, str]] = set()
        self._numbers = itertools.count(100001)
        self._actions: dict[str, Callable[[Query], Row]] = {
            "DescribeDomainInfo": self._domain,
            "DescribeDomainRecords": self._list,
            "AddDomainRecord": self._add,
            "UpdateDomainRecord": self._update,
            "SetDomainRecordStatus": self._set_status,
            "DeleteDomainRecord": self._delete,
            "SetDNSSLBStatus": self._set_weighted,
            "UpdateDNSSLBWeight": self._set_weight,
        }
        self.changes = 0
        """Grows with every change."""

    @property
    def actions(self) -> frozenset[str]:
        """The actions it knows."""
        return frozenset(self._actions)

    def call(self, action: str, query: Query) -> Row:
        """Carry out one action. Raises: AlidnsRefused: the service would refuse it."""
        with self._lock:
            answer = self._actions[action](query)
            self.changes += not action.startswith("Describe")
            return json.loads(json.dumps(answer))  # type: ignore[no-any-return]  # what leaves is no live row

    def add(self, name: str, value: str, *, ttl_s: int = 1, line: str = "default", rtype: str = "A") -> str:
        """Put a record in by hand; returns its id."""
        zone = next(zone for zone in self._min_ttl_s if name.endswith("." + zone))
        query = {"DomainName": zone, "RR": name[: -len(zone) - 1], "Type": rtype, "Value": value, "TTL": ttl_s, "Line": line}
        return str(self.call("AddDomainRecord", query)["RecordId"])

    def rows(self, name: str) -> list[Row]:
        """The records of a name, as a list answers them."""
        with self._lock:
            return [dict(row) for row in self._records.values() if f"{row['RR']}.{row['DomainName']}" == name]

    def zones(self) -> Mapping[str, list[Row]]:
        """What is answered, as Route 53 would write it, so that the sandbox's name server can answer from it."""
        with self._lock:
            found: dict[str, list[Row]] = {}
            for zone in self._min_ttl_s:
                soa = {"Name": f"{zone}.", "Type": "SOA", "TTL": 600, "ResourceRecords": [{"Value": f"ns.{zone}. admin.{zone}. 1 1 1 1 1"}]}
                found[f"{zone}."] = [soa, *self._forms(zone)]
            return found

    def _forms(self, zone: str) -> list[Row]:
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self._records.values():
            if row["DomainName"] == zone and row["Status"] == "ENABLE" and row["Line"] == "default":
                groups.setdefault((f"{row['RR']}.{zone}.", row["Type"]), []).append(row)
        forms = []
        for (name, rtype), rows in groups.items():
            form = {"Name": name, "Type": rtype, "TTL": rows[0]["TTL"]}
            if rows[0]["LbaStatus"]:
                sets = [
                    {"SetIdentifier": row["RecordId"], "Weight": row["Weight"], "ResourceRecords": [{"Value": row["Value"]}]}
                    for row in rows
                ]
                forms += [form | each for each in sets]
            else:
                forms.append(form | {"ResourceRecords": [{"Value": row["Value"]} for row in rows]})
        return forms

    def _zone(self, query: Query) -> str:
        zone = str(query["DomainName"])
        if zone not in self._min_ttl_s:
            raise AlidnsRefused("InvalidDomainName.NoExist", "The specified domain name does not exist.")
        return zone

    def _record(self, query: Query) -> Row:
        row = self._records.get(str(query["RecordId"]))
        if row is None:
            raise AlidnsRefused("DomainRecordNotBelongToUser", "The DNS record does not exist.")
        return row

    def _domain(self, query: Query) -> Row:
        zone = self._zone(query)
        servers = {"DnsServer": [f"ns1.{zone}", f"ns2.{zone}"]}
        return {
            "DomainName": zone,
            "MinTtl": self._min_ttl_s[zone],
            "DnsServers": servers,
            "AliDomain": False,
            "VersionCode": "version_enterprise",
        }

    def _list(self, query: Query) -> Row:
        zone, mode = self._zone(query), str(query.get("SearchMode", "LIKE")).upper()
        rows = [row for row in self._records.values() if row["DomainName"] == zone]
        word = query.get("KeyWord") if mode == "EXACT" else query.get("RRKeyWord")
        if word is not None:  # without a mode this finds every name that merely holds the word
            rows = [row for row in rows if (row["RR"] == word if mode in {"EXACT", "COMBINATION"} else str(word).lower() in row["RR"])]
        for parameter, field in (("Type", "Type"), ("Line", "Line"), ("Status", "Status")):
            if query.get(parameter):
                rows = [row for row in rows if row[field].lower() == str(query[parameter]).lower()]
        page, part = page_of(query, rows)
        return {**page, "TotalCount": len(rows), "DomainRecords": {"Record": part}}

    def _add(self, query: Query) -> Row:
        zone = self._zone(query)
        ttl_s = int(query.get("TTL", 600))
        fixed = {
            "DomainName": zone,
            "RR": query["RR"],
            "Type": query["Type"],
            "Value": query["Value"],
            "TTL": ttl_s,
            "Line": query.get("Line", "default"),
        }
        self._check(fixed, "")
        row = {**fixed, "RecordId": str(next(self._numbers)), "Status": "ENABLE", "Locked": False, "Weight": 1, "Remark": ""}
        row["LbaStatus"] = (f"{row['RR']}.{zone}", row["Type"]) in self._weighted
        row["UpdateTimestamp"] = int(time.time() * 1000)
        self._records[row["RecordId"]] = row
        return {"RecordId": row["RecordId"]}

    def _check(self, row: Row, own_id: str) -> None:
        if row["TTL"] < self._min_ttl_s[row["DomainName"]]:
            raise AlidnsRefused("QuotaExceeded.TTL", f"The TTL must be at least {self._min_ttl_s[row['DomainName']]}.")
        for other in self._records.values():
            if other["RecordId"] == own_id or any(other[name] != row[name] for name in ("DomainName", "RR", "Line")):
                continue
            if (other["Type"], other["Value"]) == (row["Type"], row["Value"]):
                raise AlidnsRefused("DomainRecordDuplicate", "The DNS record already exists.")
            if "CNAME" in {other["Type"], row["Type"]} and other["Type"] != row["Type"]:
                raise AlidnsRefused("DomainRecordConflict", "The DNS record conflicts with other records.")

    def _update(self, query: Query) -> Row:
        row = self._record(query)
        if row["Locked"]:
            raise AlidnsRefused("Forbidden.RecordLocked", "The record is locked.")
        # what is left out falls back to the defaults, not to what the record holds
        new = {**row, "RR": query["RR"], "Type": query["Type"], "Value": query["Value"], "TTL": int(query.get("TTL", 600))}
        new["Line"] = query.get("Line", "default")
        if all(new[name] == row[name] for name in _FIXED):
            raise AlidnsRefused("DomainRecordDuplicate", "The DNS record already exists.")
        self._check(new, row["RecordId"])
        row.update(new, UpdateTimestamp=int(time.time() * 1000))
        return {"RecordId": row["RecordId"]}

    def _set_status(self, query: Query) -> Row:
        row = self._record(query)
        if str(query["Status"]).lower() not in _STATUS:
            raise AlidnsRefused("InvalidParameter", "The parameter Status is invalid.")
        row["Status"] = _STATUS[str(query["Status"]).lower()]
        return {"RecordId": row["RecordId"], "Status": str(query["Status"]).capitalize()}

    def _delete(self, query: Query) -> Row:
        del self._records[self._record(query)["RecordId"]]
        return {"RecordId": query["RecordId"]}

    def _set_weighted(self, query: Query) -> Row:
        is_open, rtype = str(query.get("Open", "true")).lower() == "true", str(query.get("Type", "A"))
        rows = [row for row in self._records.values() if (f"{row['RR']}.{row['DomainName']}", row["Type"]) == (query["SubDomain"], rtype)]
        (self._weighted.add if is_open else self._weighted.discard)((str(query["SubDomain"]), rtype))
        for row in rows:
            row["LbaStatus"] = is_open
        return {"Open": is_open, "RecordCount": len(rows)}

    def _set_weight(self, query: Query) -> Row:
        row, weight = self._record(query), int(query["Weight"])
        if not 1 <= weight <= 100:
            raise AlidnsRefused("InvalidParameter", "The weight must be from 1 to 100.")
        if not row["LbaStatus"]:
            raise AlidnsRefused("DisableDNSSLB", "The weighted round-robin is not enabled for the subdomain.")
        row["Weight"] = weight
        return {"RecordId": row["RecordId"], "Weight": weight}
