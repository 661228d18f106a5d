"""The doctor's looks at clouds, databases and names: what would stop a drill half-way is an error with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.engine.doctor import CLOCK_LIMIT_S, Advice, examine
from drill.engine.doctor_clouds import (
    SIGNATURE_LIMIT_S,
    CloudClock,
    Credentials,
    ImageThere,
    InStock,
    QuotaLeft,
    RegionsThere,
    RightsHeld,
)
from drill.engine.doctor_data import Delegated, ReplicaLag
from drill.model.errors import Fatal
from drill.model.ports import StandbyState
from drill.model.ports_doctor import Quota, Right

ROOMY = Quota(100, 0, 4)


@dataclass
class FakeCloud:
    """An account that says what it is told (port Cloud)."""

    provider: str = "aws"
    lacks: Sequence[str] | None = ()
    usable: Collection[str] = ("here",)
    sold: Sequence[str] = ("here-a", "here-b")
    counted: Quota = ROOMY
    images: Collection[str] = ("image-1",)
    ahead: float = 0.0
    broken: Exception | None = None

    def identity(self) -> str:
        if self.broken:
            raise self.broken
        return "role/drill"

    def denied(self, rights: Sequence[Right]) -> Sequence[str] | None:
        if self.broken:
            raise self.broken
        return self.lacks

    def regions(self) -> Collection[str]:
        return self.usable

    def zones(self, region: str, kind: str) -> Sequence[str]:
        return self.sold

    def quota(self, region: str, kind: str) -> Quota:
        return self.counted

    def has_image(self, region: str, image: str) -> bool:
        return image in self.images

    def ahead_s(self) -> float:
        return self.ahead


@dataclass(frozen=True)
class Needed:
    actions: tuple[str, ...] = ("ec2:StopInstances", "ec2:StartInstances")
    resources: tuple[str, ...] = ("*",)
    when: dict[str, dict[str, Any]] = field(default_factory=dict)


REFUSED = Fatal("AWS does not let the drill in.", code="A224", fix="Check the key.")


def levels(advice: Sequence[Advice]) -> list[tuple[str, str]]:
    assert all(row.fix for row in advice if row.level != "ok")
    return [(row.name, row.level) for row in advice]


def test_credentials_that_are_refused_are_an_error() -> None:
    assert levels(examine([Credentials(FakeCloud())])) == [("credentials aws", "ok")]
    assert levels(examine([Credentials(FakeCloud(broken=REFUSED))])) == [("credentials aws", "error")]


def test_a_right_that_is_lacking_is_an_error_and_one_that_cannot_be_proved_a_warning() -> None:
    held, lacking, silent, refused = examine(
        [
            RightsHeld(FakeCloud(lacks=lacks, broken=broken), [Needed()])
            for lacks, broken in (((), None), (["a:B"], None), (None, None), ((), REFUSED))
        ]
    )

    assert [row.level for row in (held, lacking, silent, refused)] == ["ok", "error", "warning", "warning"]
    assert "a:B would be refused" in lacking.detail
    assert all("--policy aws" in row.fix for row in (lacking, silent, refused))


def test_a_long_list_of_lacking_rights_is_counted() -> None:
    (row,) = examine([RightsHeld(FakeCloud(lacks=[f"a:B{number}" for number in range(20)]), [Needed()])])

    assert "and 14 more" in row.detail


def test_a_region_that_the_account_cannot_use_is_an_error() -> None:
    assert levels(examine([RegionsThere(FakeCloud(), ["here"])])) == [("regions aws", "ok")]
    assert levels(examine([RegionsThere(FakeCloud(), ["here", "there"])])) == [("regions aws", "error")]


@pytest.mark.parametrize(("zones", "level"), [(["here-a", "here-b"], "ok"), (["here-a"], "warning")])
def test_stock_in_one_zone_is_a_warning(zones: list[str], level: str) -> None:
    assert levels(examine([InStock(FakeCloud(sold=zones), "build", "here", "m5.large")])) == [("stock build", level)]


def test_no_stock_is_an_error() -> None:
    assert levels(examine([InStock(FakeCloud(sold=[]), "build", "here", "m5.large")])) == [("stock build", "error")]


@given(st.integers(0, 200), st.integers(0, 200), st.integers(1, 16), st.integers(1, 20))
def test_a_quota_refuses_exactly_when_the_machines_do_not_fit_in_what_is_left(limit: int, used: int, each: int, count: int) -> None:
    found = dict(levels(examine([QuotaLeft(FakeCloud(counted=Quota(limit, used, each)), "build", "here", "m5.large", count)])))

    assert (found["quota build"] == "error") is (count * each > limit - used)


def test_an_image_that_is_not_where_machines_are_started_from_it_shares_the_fate_of_the_lost_region() -> None:
    there, missing = examine([ImageThere(FakeCloud(), "build", "here", image) for image in ("image-1", "image-2")])

    assert (there.level, missing.level, missing.code) == ("ok", "error", "F052")


@pytest.mark.parametrize(
    ("ahead_s", "level"),
    [(0.0, "ok"), (-CLOCK_LIMIT_S, "ok"), (CLOCK_LIMIT_S + 2, "warning"), (-SIGNATURE_LIMIT_S - 1, "error"), (3600.0, "error")],
)
def test_a_clock_that_differs_is_a_warning_until_signatures_would_be_refused(ahead_s: float, level: str) -> None:
    assert levels(examine([CloudClock(FakeCloud(ahead=ahead_s))])) == [("clock aws", level)]


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (StandbyState(True, True, 0.2), "ok"),
        (StandbyState(True, True, 31.0), "error"),
        (StandbyState(True, True, None), "error"),
        (StandbyState(True, False, 0.0, why="no way there"), "error"),
        (StandbyState(False, False, 0.0), "error"),
    ],
)
def test_a_standby_that_is_behind_the_rpo_or_does_not_follow_is_an_error(state: StandbyState, level: str) -> None:
    assert levels(examine([ReplicaLag("standby", 30.0, lambda: state)])) == [("replica lag standby", level)]


def test_a_standby_that_was_not_asked_is_a_warning() -> None:
    assert levels(examine([ReplicaLag("standby", 30.0, lambda: None)])) == [("replica lag standby", "warning")]


@pytest.mark.parametrize(
    ("asked", "level"), [({"a", "b"}, "ok"), ({"a"}, "ok"), ({"a", "x"}, "warning"), ({"x"}, "error"), (set(), "error")]
)
def test_a_delegation_that_leads_elsewhere_is_an_error(asked: set[str], level: str) -> None:
    assert levels(examine([Delegated("example.com", lambda: {"a", "b"}, lambda: asked)])) == [("delegation example.com", level)]
