"""Whatever the records of a name are: a switch never leaves it empty, survives a crash after any call, and comes back exactly."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drill.adapters.dns_alidns import AlidnsDns
from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.file_locks import FileLocks
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Retryable
from drill.model.ports import RecordSet
from drill.sandbox.alidns_api import AlidnsApi

NAME = "shop.drill.test"
VALUES = st.sampled_from([f"127.0.0.{number}" for number in range(1, 7)])
ROW = st.tuples(VALUES, st.booleans(), st.sampled_from(["default", "telecom"]))
ROWS = st.lists(ROW, min_size=1, max_size=6, unique_by=lambda row: (row[0], row[2])).filter(lambda rows: any(row[1] for row in rows))


class Crashing(AlidnsCalls):
    """The API without a network; fails once as a dying engine would, after so many calls that change something."""

    def __init__(self, api: AlidnsApi, crash_after: int) -> None:
        super().__init__(Account("127.0.0.1:1", "http", "key", "secret"))
        self.left = crash_after
        self.api = api
        self.emptied = False
        self.busy = {row["Line"] for row in api.rows(NAME) if row["Status"] == "ENABLE"}

    def _send(self, action: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        if action.startswith("Describe"):
            return self._told(action, query)
        if self.left == 0:
            self.left = -1
            raise Throttled
        self.left -= 1
        answer = self._told(action, query)
        answering = {row["Line"] for row in self.api.rows(NAME) if row["Status"] == "ENABLE"}
        self.emptied = self.emptied or not self.busy <= answering
        return answer

    def _told(self, action: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**self.api.call(action, query), "RequestId": "R-1"}  # as its server adds it to every answer


class Throttled(Exception):
    status_code = 400
    code = "Throttling.User"


def held(api: AlidnsApi) -> str:
    rows = [{key: value for key, value in row.items() if key != "UpdateTimestamp"} for row in api.rows(NAME)]
    return json.dumps(sorted(rows, key=lambda row: str(row["RecordId"])), sort_keys=True)


def stubborn(dns: AlidnsDns, before: RecordSet, after: RecordSet) -> None:
    try:
        dns.swap(before, after)
    except Retryable:
        dns.swap(before, after)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, wanted=st.lists(VALUES, min_size=1, max_size=4, unique=True), crash_after=st.integers(0, 8))
def test_a_switch_and_its_way_back_hold_whatever_the_records_are(
    rows: list[tuple[str, bool, str]], wanted: list[str], crash_after: int
) -> None:
    api = AlidnsApi({"drill.test": 1})
    for value, enabled, line in rows:
        identifier = api.add(NAME, value, line=line)
        if not enabled:
            api.call("SetDomainRecordStatus", {"RecordId": identifier, "Status": "Disable"})
    found = held(api)
    calls = Crashing(api, crash_after)
    with tempfile.TemporaryDirectory() as locks:
        dns = AlidnsDns("drill.test", calls, FileLocks(Path(locks)))
        before = dns.read(NAME)
        after = RecordSet(NAME, "A", 3, tuple(wanted))

        stubborn(dns, before, after)
        moved = {(row["Line"], row["Value"]) for row in api.rows(NAME) if row["Status"] == "ENABLE"}
        stubborn(dns, after, before)

    assert moved == {(line, value) for line in {row[2] for row in rows} for value in wanted}
    assert held(api) == found
    assert not calls.emptied
