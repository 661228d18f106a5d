"""What only Alibaba Cloud DNS can do wrong: no conditional write, lines, editions, lost answers, weights without a zero."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.dns_alidns import AlidnsDns
from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.file_locks import FileLocks
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import RecordSet
from drill.sandbox.alidns_http import AlidnsServer, Fault
from tests.adapters.alidns_place import calls, opened_alidns, records, running_alidns

NAME = "shop.drill.test"


@pytest.fixture
def server() -> Iterator[AlidnsServer]:
    with running_alidns({"drill.test": 1, "slow.test": 600}, {NAME: ["127.0.1.1"], "shop.slow.test": ["127.0.1.1"]}) as running:
        yield running


@pytest.fixture
def dns(server: AlidnsServer, tmp_path: Path) -> AlidnsDns:
    return opened_alidns(server, tmp_path)


def to_standby(before: RecordSet, *values: str) -> RecordSet:
    return RecordSet(before.name, before.type, before.ttl_s, values or ("127.0.2.1",))


def held(server: AlidnsServer, name: str = NAME) -> str:
    """Every field of every record of the name, as text."""
    rows = [{key: value for key, value in row.items() if key != "UpdateTimestamp"} for row in records(server).rows(name)]
    return json.dumps(sorted(rows, key=lambda row: str(row["RecordId"])), sort_keys=True)


@pytest.mark.parametrize("fault", ["lost", "gone", "unavailable", "garbage"])
def test_a_write_without_an_answer_is_settled_by_reading_back(server: AlidnsServer, dns: AlidnsDns, fault: Fault) -> None:
    before = dns.read(NAME)
    server.order("UpdateDomainRecord", fault)

    dns.swap(before, to_standby(before))

    assert dns.read(NAME).values == ("127.0.2.1",)


def test_a_write_that_cannot_be_read_back_is_in_doubt(server: AlidnsServer, dns: AlidnsDns) -> None:
    before = dns.read(NAME)
    server.order("UpdateDomainRecord", "lost")
    real = server.take

    def deaf_afterwards(action: str) -> Fault | None:
        return "gone" if server.log[-1:] == ["UpdateDomainRecord"] else real(action)

    server.take = deaf_afterwards  # type: ignore[method-assign]
    with pytest.raises(InDoubt) as caught:
        dns.swap(before, to_standby(before))

    assert caught.value.code == "A320"


def test_a_name_whose_records_are_all_switched_off_has_no_answer_to_move(server: AlidnsServer, dns: AlidnsDns) -> None:
    records(server).call("SetDomainRecordStatus", {"RecordId": records(server).rows(NAME)[0]["RecordId"], "Status": "Disable"})

    with pytest.raises(Fatal) as caught:
        dns.read(NAME)

    assert caught.value.code == "A221"


def test_reading_goes_on_when_the_service_is_busy_for_a_moment(server: AlidnsServer, dns: AlidnsDns) -> None:
    server.order("DescribeDomainRecords", "throttled", "unavailable", "gone")

    assert dns.read(NAME).values == ("127.0.1.1",)


def test_reading_gives_up_when_the_service_stays_busy(server: AlidnsServer, dns: AlidnsDns) -> None:
    server.order("DescribeDomainRecords", "throttled", "throttled", "throttled", "throttled")

    with pytest.raises(Retryable) as caught:
        dns.read(NAME)

    assert caught.value.code == "A120"


def test_a_wrong_secret_is_told_without_showing_it(server: AlidnsServer, tmp_path: Path) -> None:
    dns = AlidnsDns("drill.test", calls(server, secret="a-wrong-secret"), FileLocks(tmp_path))

    with pytest.raises(Fatal) as caught:
        dns.read(NAME)

    assert caught.value.code == "A224"
    assert "a-wrong-secret" not in str(caught.value)


@pytest.mark.parametrize(("zone", "code"), [("nobody.test", "A221"), ("other.test", "A225")])
def test_a_zone_that_is_not_there_or_not_the_names_own_is_refused(server: AlidnsServer, tmp_path: Path, zone: str, code: str) -> None:
    with pytest.raises(Fatal) as caught:
        opened_alidns(server, tmp_path, zone).read("shop.nobody.test")

    assert caught.value.code == code


def test_signatures_never_travel_in_the_clear() -> None:
    with pytest.raises(Fatal) as caught:
        AlidnsCalls(Account("alidns.example.com", "http", "key", "secret"))

    assert caught.value.code == "A224"


def test_a_server_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    nobody = AlidnsCalls(Account("127.0.0.1:9", "http", "key", "secret", connect_timeout_ms=300), sleep=lambda _seconds: None)

    with pytest.raises(Retryable):
        AlidnsDns("drill.test", nobody, FileLocks(tmp_path)).read(NAME)


def test_the_new_record_answers_before_the_old_one_stops(server: AlidnsServer, dns: AlidnsDns) -> None:
    standby = records(server).add(NAME, "127.0.2.1")
    records(server).call("SetDomainRecordStatus", {"RecordId": standby, "Status": "Disable"})
    before, done = held(server), len(server.log)
    record = dns.read(NAME)

    dns.swap(record, to_standby(record))
    moved = dns.read(NAME)
    writes = [action for action in server.log[done:] if not action.startswith("Describe")]
    dns.swap(to_standby(record), RecordSet(NAME, "A", 1, record.values, raw=json.loads(json.dumps(record.raw))))

    assert moved.values == ("127.0.2.1",)
    assert writes == ["SetDomainRecordStatus", "SetDomainRecordStatus"]
    assert held(server) == before


def test_every_line_of_a_name_moves_and_comes_back(server: AlidnsServer, dns: AlidnsDns) -> None:
    records(server).add(NAME, "127.0.1.7", line="telecom", ttl_s=5)
    before, record = held(server), dns.read(NAME)

    dns.swap(record, to_standby(record, "127.0.2.1", "127.0.2.2"))
    moved = {(row["Line"], row["Value"]) for row in records(server).rows(NAME) if row["Status"] == "ENABLE"}
    dns.swap(to_standby(record, "127.0.2.1", "127.0.2.2"), record)

    assert moved == {(line, value) for line in ("default", "telecom") for value in ("127.0.2.1", "127.0.2.2")}
    assert held(server) == before


def test_a_name_that_only_holds_the_other_one_is_not_touched(server: AlidnsServer, dns: AlidnsDns) -> None:
    records(server).add(f"my{NAME}", "127.0.9.9")
    record = dns.read(NAME)

    dns.swap(record, to_standby(record))

    assert record.values == ("127.0.1.1",)
    assert [row["Value"] for row in records(server).rows(f"my{NAME}")] == ["127.0.9.9"]


def test_names_on_later_pages_are_seen(server: AlidnsServer, dns: AlidnsDns) -> None:
    for number in range(600):
        records(server).add(NAME, f"127.1.{number // 200}.{number % 200 + 1}")

    assert len(dns.read(NAME).values) == 601


def test_a_ttl_the_edition_does_not_allow_is_refused_before_anything_changes(server: AlidnsServer, tmp_path: Path) -> None:
    dns = opened_alidns(server, tmp_path, "slow.test")
    before = dns.read("shop.slow.test")

    with pytest.raises(Fatal, match="no TTL below 600 s") as caught:
        dns.swap(before, RecordSet(before.name, "A", 60, ("127.0.2.1",)))

    assert caught.value.code == "A222"
    assert (dns.facts("shop.slow.test").min_ttl_s, dns.facts("").reach) == (600, "control-plane")
    assert dns.read("shop.slow.test") == before


def test_a_swap_that_stopped_half_way_goes_on(server: AlidnsServer, dns: AlidnsDns) -> None:
    records(server).add(NAME, "127.0.1.2")
    before, record = held(server), dns.read(NAME)
    after = to_standby(record, "127.0.2.1", "127.0.2.2")
    server.order("UpdateDomainRecord", "throttled")
    with pytest.raises(Retryable):
        dns.swap(record, after)

    dns.swap(record, after)
    moved = dns.read(NAME).values
    dns.swap(after, record)

    assert moved == ("127.0.2.1", "127.0.2.2")
    assert held(server) == before


def test_a_strangers_record_stops_the_way_back(server: AlidnsServer, dns: AlidnsDns) -> None:
    record = dns.read(NAME)
    dns.swap(record, to_standby(record))
    records(server).add(NAME, "127.0.9.9")

    with pytest.raises(Fatal, match=r"127\.0\.9\.9") as caught:
        dns.swap(to_standby(record), record)

    assert caught.value.code == "A220"


def test_a_locked_record_is_not_moved(server: AlidnsServer, dns: AlidnsDns) -> None:
    record = dns.read(NAME)
    records(server)._records[record.raw[0]["RecordId"]]["Locked"] = True

    with pytest.raises(StepError, match="RecordLocked") as caught:
        dns.swap(record, to_standby(record))

    assert caught.value.code == "A222"


def test_a_name_that_somebody_else_is_changing_is_waited_for_and_then_left(server: AlidnsServer, tmp_path: Path) -> None:
    dns = AlidnsDns("drill.test", calls(server), FileLocks(tmp_path, within_s=0.1))
    record = dns.read(NAME)

    with FileLocks(tmp_path).holding(f"alidns {NAME} A"), pytest.raises(Retryable) as caught:
        dns.swap(record, to_standby(record))

    assert caught.value.code == "A122"


def weighted(server: AlidnsServer, shares: dict[str, int]) -> None:
    api = records(server)
    for value in list(shares)[1:]:
        api.add(NAME, value)
    api.call("SetDNSSLBStatus", {"SubDomain": NAME, "Type": "A", "Open": "true"})
    for row in api.rows(NAME):
        if shares[row["Value"]]:
            api.call("UpdateDNSSLBWeight", {"RecordId": row["RecordId"], "Weight": shares[row["Value"]]})
        else:
            api.call("SetDomainRecordStatus", {"RecordId": row["RecordId"], "Status": "Disable"})


def test_weights_move_in_steps_and_zero_is_switched_off(server: AlidnsServer, dns: AlidnsDns) -> None:
    weighted(server, {"127.0.1.1": 100, "127.0.2.1": 0})
    before, record = held(server), dns.read(NAME)
    assert (record.values, record.weights) == (("127.0.1.1", "127.0.2.1"), (100, 0))

    seen = []
    for weights in ((90, 10), (50, 50), (0, 100)):
        present = dns.read(NAME)
        dns.swap(present, RecordSet(NAME, "A", 1, record.values, weights=weights))
        seen.append(dns.read(NAME).weights)
    enabled = [row["Value"] for row in records(server).rows(NAME) if row["Status"] == "ENABLE"]
    dns.swap(dns.read(NAME), record)

    assert seen == [(90, 10), (50, 50), (0, 100)]
    assert enabled == ["127.0.2.1"]
    assert held(server) == before


@pytest.mark.parametrize("weights", [(0, 0), (101, 1), (-1, 5)])
def test_weights_the_service_does_not_know_are_refused(server: AlidnsServer, dns: AlidnsDns, weights: tuple[int, int]) -> None:
    weighted(server, {"127.0.1.1": 100, "127.0.2.1": 1})
    record = dns.read(NAME)

    with pytest.raises(Fatal) as caught:
        dns.swap(record, RecordSet(NAME, "A", 1, record.values, weights=weights))

    assert caught.value.code == "A226"


def test_a_name_that_is_not_weighted_cannot_be_weighed(dns: AlidnsDns) -> None:
    record = dns.read(NAME)

    with pytest.raises(Fatal) as caught:
        dns.swap(record, RecordSet(NAME, "A", 1, record.values, weights=(10,)))

    assert (caught.value.code, record.weights) == ("A226", ())
