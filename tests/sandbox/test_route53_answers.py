"""What the sandbox's name server says, for every shape of record set."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from drill.sandbox.route53_answers import Answers, Reply
from drill.sandbox.route53_rules import Form

SOA = {"Name": "drill.test.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "ns. host. 1 7200 900 1209600 86400"}]}


def record(name: str, *values: str, rtype: str = "A", ttl: int = 5, **more: Any) -> Form:
    return {"Name": f"{name}.", "Type": rtype, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values], **more}


def answers(*forms: Form) -> Answers:
    return Answers(lambda: {"drill.test.": [SOA, *forms]}, lambda: 1, random.Random(7))


def values(reply: Reply) -> list[str]:
    return [value for row in reply.rows for value in row.values]


def test_a_record_set_is_answered_with_all_its_values_in_any_case() -> None:
    reply = answers(record("shop.drill.test", "127.0.1.1", "127.0.1.2")).answer("SHOP.Drill.Test.", "A")

    assert (reply.rcode, values(reply), reply.rows[0].ttl_s) == ("NOERROR", ["127.0.1.1", "127.0.1.2"], 5)


@pytest.mark.parametrize(
    ("name", "rtype", "rcode"),
    [
        ("nobody.drill.test", "A", "NXDOMAIN"),
        ("shop.drill.test", "AAAA", "NOERROR"),
        ("b.drill.test", "A", "NOERROR"),
        ("shop.example.org", "A", "REFUSED"),
    ],
)
def test_what_is_not_there_is_told_apart(name: str, rtype: str, rcode: str) -> None:
    reply = answers(record("shop.drill.test", "127.0.1.1"), record("a.b.drill.test", "127.0.1.1")).answer(name, rtype)

    assert (reply.rcode, reply.rows) == (rcode, ())
    assert (reply.soa is None) == (rcode == "REFUSED")


def test_a_cname_is_followed_inside_the_zone() -> None:
    zone = answers(record("www.drill.test", "shop.drill.test", rtype="CNAME"), record("shop.drill.test", "127.0.1.1"))

    reply = zone.answer("www.drill.test", "A")

    assert [(row.name, row.type) for row in reply.rows] == [("www.drill.test.", "CNAME"), ("shop.drill.test.", "A")]


def test_cnames_that_chase_each_other_end() -> None:
    zone = answers(record("a.drill.test", "b.drill.test", rtype="CNAME"), record("b.drill.test", "a.drill.test", rtype="CNAME"))

    assert len(zone.answer("a.drill.test", "A").rows) < 20


def test_an_alias_gives_its_targets_values_under_its_own_name() -> None:
    alias = {"Name": "front.drill.test.", "Type": "A", "AliasTarget": {"HostedZoneId": "Z", "DNSName": "shop.drill.test"}}

    reply = answers(alias, record("shop.drill.test", "127.0.1.1")).answer("front.drill.test", "A")

    assert [(row.name, row.values) for row in reply.rows] == [("front.drill.test.", ("127.0.1.1",))]


def test_a_wildcard_answers_for_what_does_not_exist_only() -> None:
    zone = answers(record("*.drill.test", "127.0.9.9"), record("shop.drill.test", "127.0.1.1"))

    assert values(zone.answer("other.drill.test", "A")) == ["127.0.9.9"]
    assert values(zone.answer("shop.drill.test", "A")) == ["127.0.1.1"]


def test_weights_share_the_answers_and_zero_gets_none() -> None:
    zone = answers(
        *(record("shop.drill.test", value, SetIdentifier=value, Weight=weight) for value, weight in {"1": 70, "2": 30, "3": 0}.items())
    )

    seen = Counter(values(zone.answer("shop.drill.test", "A"))[0] for _ in range(2000))

    assert seen["3"] == 0
    assert 0.6 < seen["1"] / 2000 < 0.8


def test_only_zero_weights_share_equally() -> None:
    zone = answers(*(record("shop.drill.test", value, SetIdentifier=value, Weight=0) for value in ("1", "2")))

    assert {values(zone.answer("shop.drill.test", "A"))[0] for _ in range(100)} == {"1", "2"}


def test_the_failover_primary_answers() -> None:
    zone = answers(*(record("shop.drill.test", role, SetIdentifier=role, Failover=role) for role in ("SECONDARY", "PRIMARY")))

    assert values(zone.answer("shop.drill.test", "A")) == ["PRIMARY"]


def test_multivalue_record_sets_answer_together() -> None:
    zone = answers(*(record("shop.drill.test", value, SetIdentifier=value, MultiValueAnswer=True) for value in ("1", "2")))

    assert set(values(zone.answer("shop.drill.test", "A"))) == {"1", "2"}


def test_a_change_is_answered_at_the_next_question() -> None:
    version, held = [1], ["127.0.1.1"]
    zone = Answers(lambda: {"drill.test.": [SOA, record("shop.drill.test", *held)]}, lambda: version[0], random.Random(7))
    zone.answer("shop.drill.test", "A")

    held[0], version[0] = "127.0.2.1", 2

    assert values(zone.answer("shop.drill.test", "A")) == ["127.0.2.1"]
