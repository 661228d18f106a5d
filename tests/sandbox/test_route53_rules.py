"""The sandbox's Route 53 accepts what the service accepts, and refuses the rest as a whole."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.sandbox.route53_rules import BatchRefused, Form, apply_batch, key_of, same

ZONE = "drill.test."


def record(name: str = "shop.drill.test", *, rtype: str = "A", values: tuple[str, ...] = ("127.0.1.1",), ttl: int = 1, **more: Any) -> Form:
    return {"Name": name, "Type": rtype, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values], **more}


def change(action: str, form: Form) -> Form:
    return {"Action": action, "ResourceRecordSet": form}


def applied(current: list[Form], *changes: Form) -> list[Form]:
    return apply_batch(current, changes, zone=ZONE, health_checks={"hc-1"})


names = st.sampled_from(["a.drill.test.", "b.drill.test.", "c.drill.test."])
forms = st.builds(lambda name, low, ttl: record(name, values=(f"127.0.1.{low}",), ttl=ttl), names, st.integers(1, 3), st.integers(1, 2))
batches = st.lists(st.tuples(st.sampled_from(["CREATE", "DELETE", "UPSERT"]), forms), max_size=5)


@given(st.lists(forms, max_size=3, unique_by=key_of), batches)
def test_a_batch_applies_as_a_whole_or_not_at_all(current: list[Form], batch: list[tuple[str, Form]]) -> None:
    untouched = [dict(form) for form in current]

    with contextlib.suppress(BatchRefused):
        after = applied(current, *(change(action, form) for action, form in batch))
        assert len({key_of(form) for form in after}) == len(after)

    assert current == untouched


@given(st.lists(forms, min_size=1, max_size=3, unique_by=key_of), forms)
def test_delete_and_create_in_one_batch_is_a_compare_and_swap(current: list[Form], expected: Form) -> None:
    after = record(expected["Name"], values=("127.0.2.1",))
    swap = [change("DELETE", expected), change("CREATE", after)]
    if not any(same(form, expected) for form in current):
        with pytest.raises(BatchRefused):
            applied(current, *swap)
        return

    result = applied(current, *swap)
    back = applied(result, change("DELETE", after), change("CREATE", expected))

    assert any(same(form, after) for form in result)
    assert sorted(map(str, back)) == sorted(map(str, current))


WEIGHTED = record(SetIdentifier="primary", Weight=1)


@pytest.mark.parametrize(
    ("current", "changes", "says"),
    [
        ([record()], [change("DELETE", record(values=("127.0.1.9",)))], "do not match the current values"),
        ([record()], [change("DELETE", record(ttl=2))], "do not match the current values"),
        ([], [change("DELETE", record())], "was not found"),
        ([record()], [change("CREATE", record())], "already exists"),
        ([], [change("CREATE", record(values=("999.0.0.1",)))], "not a valid A address"),
        ([], [change("CREATE", record(rtype="AAAA"))], "not a valid AAAA address"),
        ([], [change("CREATE", record("shop.example.org"))], "not permitted in zone"),
        ([], [change("CREATE", record("foodrill.test"))], "not permitted in zone"),
        ([], [change("CREATE", {"Name": "shop.drill.test", "Type": "A"})], "Expected exactly one of"),
        ([], [change("CREATE", record(Weight=1))], "set identifier"),
        ([], [change("CREATE", record(SetIdentifier="a", Weight=300))], "Invalid weight"),
        ([], [change("CREATE", record(SetIdentifier="a", Weight=1, HealthCheckId="nobody"))], "does not exist"),
        ([], [change("CREATE", record(SetIdentifier="a", Failover="PRIMARY"))], "must have an associated health check"),
        ([WEIGHTED], [change("CREATE", record())], "another routing policy"),
        ([WEIGHTED], [change("CREATE", record(SetIdentifier="standby", Weight=1, ttl=9))], "the same TTL"),
        ([record()], [change("CREATE", record(rtype="CNAME", values=("a.example.org",)))], "conflicts with other records"),
        ([], [change("CREATE", record("drill.test", rtype="CNAME", values=("a.example.org",)))], "conflicts with other records"),
        (
            [],
            [change("CREATE", record(SetIdentifier=one, Failover="PRIMARY", HealthCheckId="hc-1")) for one in ("a", "b")],
            "same failover role",
        ),
        ([], [change("REPLACE", record())], "Invalid action"),
        ([], [change("UPSERT", record("good.drill.test")), change("CREATE", record(values=("x",)))], "not a valid A address"),
    ],
)
def test_what_the_service_refuses_is_refused(current: list[Form], changes: list[Form], says: str) -> None:
    with pytest.raises(BatchRefused, match=says):
        applied(current, *changes)


def test_a_delete_takes_only_the_record_set_with_its_identifier() -> None:
    other = record(SetIdentifier="standby", Weight=0)

    assert applied([WEIGHTED, other], change("DELETE", WEIGHTED)) == [other]


def test_neither_case_nor_the_order_of_values_matters_when_deleting() -> None:
    stored = record(values=("127.0.1.1", "127.0.1.2"))

    assert applied([stored], change("DELETE", record("SHOP.drill.test.", values=("127.0.1.2", "127.0.1.1")))) == []
