"""The port Outage: what is cut was announced, it comes back exactly as it was, and nobody's change is run over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.model.ports import Outage
from tests.clouds.outage_calls import CAP, EngineDied
from tests.clouds.outage_grounds import CLOUDS, GROUNDS, OUTAGES, CloudGround, SwappedGround, any_outage, cloud, ground_of

SLOW = ("aws:network-acl", "aws:security-group", "aliyun:security-group")
GROUPED = [name for name in CLOUDS if not name.endswith(":stop")]


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest) -> Iterator[Outage]:
    with any_outage(request.param) as found:
        yield found


@pytest.fixture(params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[CloudGround]:
    with ground_of(request.param) as found:
        yield found


@pytest.fixture(params=CLOUDS)
def clouded(request: pytest.FixtureRequest) -> Iterator[CloudGround]:
    with cloud(request.param) as found:
        yield found


@pytest.fixture(params=GROUPED)
def grouped(request: pytest.FixtureRequest) -> Iterator[SwappedGround]:
    with cloud(request.param) as found:
        yield found


def written(outage: Outage) -> Any:
    """The snapshot as the journal gives it back."""
    return json.loads(json.dumps(outage.snapshot("primary")))


def there_and_back(ground: CloudGround, snapshot: Any) -> None:
    """A cut and the way back, by one engine each."""
    ground.outage().isolate("primary", snapshot)
    ground.outage().restore("primary", snapshot)


def test_a_site_is_cut_off_and_given_back_and_each_may_be_asked_twice(outage: Outage) -> None:
    snapshot = written(outage)
    assert not outage.isolated("primary")
    assert outage.preview("primary")

    for _ in range(2):
        assert outage.isolate("primary", snapshot)["method"]
    assert outage.isolated("primary")
    assert outage.preview("primary") == []

    for _ in range(2):
        outage.restore("primary", snapshot)
    assert not outage.isolated("primary")


def test_looking_changes_nothing(ground: CloudGround) -> None:
    before, outage = ground.state(), ground.outage()

    outage.preview("primary")
    outage.snapshot("primary")
    outage.isolated("primary")

    assert ground.state() == before
    assert ground.calls.made == []


def test_everything_comes_back_exactly_and_what_was_made_is_gone(ground: CloudGround) -> None:
    before = ground.state()
    snapshot = written(ground.outage())

    ground.outage().isolate("primary", snapshot)
    assert ground.state() != before
    ground.outage().restore("primary", snapshot)

    assert ground.state() == before


def test_what_is_cut_is_what_was_announced_and_carries_the_opt_in_tag(ground: CloudGround) -> None:
    outage = ground.outage()
    effects = outage.preview("primary")

    cut = outage.isolate("primary", written(outage))["cut"]

    announced = {effect.target.removeprefix("primary/") for effect in effects if effect.verb != "create"}
    assert {row.partition(" ")[2] for row in cut} == announced
    assert all(effect.tags["drill"] == "allowed" for effect in effects)
    assert all("outage" in effect.marks for effect in effects if effect.verb != "create")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.sweep] if name in SLOW else []) for name in GROUNDS])
def test_after_a_crash_before_or_after_any_call_the_site_can_be_given_back(name: str) -> None:
    with ground_of(name) as ground:
        dies_everywhere(ground)


def dies_everywhere(ground: CloudGround) -> None:
    before = ground.state()
    there_and_back(ground, written(ground.outage()))
    number = ground.calls.done

    for moment in ("die_before", "die_after"):
        for at in range(number):
            snapshot = written(ground.outage())
            ground.calls.made.clear()
            setattr(ground.calls, moment, at)
            with pytest.raises(EngineDied):
                there_and_back(ground, snapshot)
            setattr(ground.calls, moment, None)

            ground.outage().restore("primary", snapshot)

            assert ground.state() == before, f"{moment} of call {at}"


DOORS = {
    "aws:security-group": ("set_security_groups", "modify_db_cluster", "modify_db_instance"),
    "aliyun:security-group": ("StopLoadBalancerListener", "StopListener", "ModifySecurityIps", "ModifyDBClusterAccessWhitelist"),
}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("name", "door"), [(name, door) for name, doors in DOORS.items() for door in doors])
def test_after_a_crash_at_any_sort_of_door_the_site_can_be_given_back(name: str, door: str, moment: str) -> None:
    with cloud(name) as ground:
        before, snapshot = ground.state(), written(ground.outage())
        ground.calls.die_at = (moment, door)
        with pytest.raises(EngineDied):
            ground.outage().isolate("primary", snapshot)
        ground.calls.die_at = None

        ground.outage().restore("primary", snapshot)

        assert ground.state() == before


def test_after_a_crash_the_cut_goes_on_with_the_first_snapshot(ground: CloudGround) -> None:
    before = ground.state()
    snapshot = written(ground.outage())
    ground.calls.die_after = 0
    with pytest.raises(EngineDied):
        ground.outage().isolate("primary", snapshot)
    ground.calls.die_after = None

    ground.outage().isolate("primary", snapshot)
    assert ground.outage().preview("primary") == []
    ground.outage().restore("primary", snapshot)

    assert ground.state() == before


def test_a_resource_that_lost_its_tag_since_it_was_written_down_stops_the_cut_before_any_is_touched(ground: CloudGround) -> None:
    snapshot = written(ground.outage())
    left_alone = ground.untag()
    before = ground.state()

    with pytest.raises(Fatal) as refused:
        ground.outage().isolate("primary", snapshot)

    assert refused.value.code == "A213"
    assert ground.state() == before
    assert left_alone in refused.value.what


def test_a_change_by_somebody_else_before_the_cut_stops_it(grouped: SwappedGround) -> None:
    snapshot = written(grouped.outage())
    changed = grouped.meddle()
    before = grouped.state()

    with pytest.raises(Fatal) as refused:
        grouped.outage().isolate("primary", snapshot)

    assert refused.value.code == "A214"
    assert grouped.state() == before
    assert changed in refused.value.what


def test_a_change_by_somebody_else_during_the_outage_is_left_and_named_and_the_rest_comes_back(grouped: SwappedGround) -> None:
    snapshot = written(grouped.outage())
    grouped.outage().isolate("primary", snapshot)
    changed = grouped.meddle()
    during = grouped.state()

    with pytest.raises(Fatal) as refused:
        grouped.outage().restore("primary", snapshot)

    assert refused.value.code == "A214"
    assert changed in refused.value.what
    assert grouped.state() != during


@pytest.mark.parametrize("name", [*CLOUDS, "hosts"])
def test_more_than_the_cap_is_refused_before_anything_is_touched(name: str) -> None:
    with ground_of(name) as ground:
        ground.grow(CAP)
        before = ground.state()

        with pytest.raises(Fatal) as refused:
            ground.outage().isolate("primary", written(ground.outage()))

        assert refused.value.code == "A215"
        assert ground.state() == before


def test_without_a_snapshot_nothing_is_cut(ground: CloudGround) -> None:
    with pytest.raises(Fatal) as refused:
        ground.outage().isolate("primary")

    assert refused.value.code == "A216"
    assert ground.calls.made == []


def test_without_a_snapshot_nothing_is_swapped_back(clouded: CloudGround) -> None:
    with pytest.raises(Fatal) as refused:
        clouded.outage().restore("primary", {})

    assert refused.value.code == "A216"
    assert clouded.calls.made == []


def test_a_managed_database_is_cut_only_where_a_tag_says_that_no_fence_will_want_it(grouped: SwappedGround) -> None:
    outage = grouped.outage()

    cut = " ".join(outage.isolate("primary", written(outage))["cut"])

    assert "orders" in cut
    assert "fenced" not in cut
    assert "spared" not in cut


def test_that_something_goes_on_is_said(ground: CloudGround) -> None:
    outage = ground.outage()

    assert all(outage.isolate("primary", written(outage))["not_cut"])


def test_what_goes_on_in_a_cloud_is_said(clouded: CloudGround) -> None:
    outage = clouded.outage()

    not_cut = outage.isolate("primary", written(outage))["not_cut"]

    assert any("object store" in text for text in not_cut)
    assert any("opt-in" in text for text in not_cut)
