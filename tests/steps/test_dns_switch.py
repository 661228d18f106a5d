"""The traffic switch: decided once, compared and swapped, watched, taken back exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.effects import Stale
from drill.model.errors import Fatal, Retryable
from drill.model.ports import RecordSet, World
from drill.steps.base import registry
from drill.steps.dns_switch import DnsSwitch, DnsSwitchParams
from tests.fakes import FakeAttempt, FakeClock, FakeDns, FakeGround, FakePropagation, fake_world

NAME = "shop.drill.test"
PRIMARY = ("127.0.1.1", "127.0.1.2")
STANDBY = ("127.0.2.1", "127.0.2.2")


class Ground:
    """A world with one name, and what a test wants to look at afterwards."""

    def __init__(self, *, present: Sequence[str] = PRIMARY, ttl_s: int = 1, lagging: Sequence[str] = ()) -> None:
        self.dns = FakeDns({NAME: (ttl_s, present)})
        self.propagation = FakePropagation(lagging=lagging)
        sites = FakeGround({"primary": {"addresses": PRIMARY}, "standby": {"addresses": STANDBY}, "empty": {}})
        self.world: World = fake_world(dns=self.dns, propagation=self.propagation, ground=sites, clock=FakeClock(tick_s=0.01))

    def values(self) -> tuple[str, ...]:
        return self.dns.read(NAME).values


def params(**changes: Any) -> DnsSwitchParams:
    return DnsSwitchParams.model_validate({"name": NAME, "to": "standby", "from": "primary", "ttl": "1s"} | changes)


def test_the_kind_is_found_by_the_registry() -> None:
    assert isinstance(registry()["dns.switch"], DnsSwitch)


def test_the_preview_changes_nothing_and_says_what_would_change() -> None:
    ground = Ground()

    (effect,) = DnsSwitch().preview(params(), ground.world)

    assert (str(effect.verb), effect.target, effect.undo) == ("update", NAME, "automatic")
    assert effect.marks == {"dns"}
    assert "127.0.1.1, 127.0.1.2 -> 127.0.2.1, 127.0.2.2" in effect.detail
    assert ground.values() == PRIMARY


def test_the_preview_is_empty_when_the_name_already_answers_so() -> None:
    ground = Ground(present=STANDBY)

    assert DnsSwitch().preview(params(), ground.world) == []


@pytest.mark.parametrize("unknown", [{"values": "(known after apply)"}, {"to": "empty"}])
def test_the_preview_stands_for_one_change_while_the_values_are_unknown(unknown: dict[str, Any]) -> None:
    (effect,) = DnsSwitch().preview(params(**unknown), Ground().world)

    assert effect.count == 1


def test_a_name_that_is_in_its_place_and_answered_everywhere_is_ready() -> None:
    assert DnsSwitch().ready(params(), Ground().world) == []


def test_a_switch_says_how_long_resolvers_keep_the_name_where_it_was() -> None:
    assert DnsSwitch().stale(params(), Ground(ttl_s=86400).world) == Stale(NAME, 86400.0)


def test_everything_that_stands_in_the_way_is_said_at_once() -> None:
    trouble = DnsSwitch().ready(params(), Ground(present=["127.0.9.9"], lagging=["127.0.0.1:53"]).world)

    assert [any(word in line for line in trouble) for word in ("belongs to 'primary'", "not every server")] == [True] * 2


def test_looking_whether_it_is_ready_changes_nothing() -> None:
    ground = Ground()

    DnsSwitch().ready(params(), ground.world)

    assert ground.values() == PRIMARY


def test_a_run_moves_the_name_and_measures_from_the_call() -> None:
    ground, attempt = Ground(), FakeAttempt()

    outputs = DnsSwitch().run(params(), ground.world, attempt)

    assert ground.values() == STANDBY
    assert (outputs["before"], outputs["after"], outputs["values"]) == (list(PRIMARY), list(STANDBY), list(STANDBY))
    assert 0 < outputs["api_s"] < outputs["first_new_s"] < outputs["settled_s"]
    assert [what for what, _ in attempt.said] == ["api acknowledged", "first new answer", "settled", "two times"]


def test_given_values_win_over_what_the_site_is_known_by() -> None:
    ground = Ground()

    DnsSwitch().run(params(values=["127.0.2.9"]), ground.world, FakeAttempt())

    assert ground.values() == ("127.0.2.9",)


def test_the_undo_is_registered_before_the_name_is_touched() -> None:
    ground = Ground()

    class Watchful(FakeAttempt):
        def register_undo(self, undo: Any) -> None:
            assert ground.values() == PRIMARY
            super().register_undo(undo)

    attempt = Watchful()
    DnsSwitch().run(params(), ground.world, attempt)

    assert attempt.undo is not None


def test_a_run_after_a_crash_keeps_the_first_snapshot_and_succeeds() -> None:
    ground, crashed = Ground(), FakeAttempt()
    DnsSwitch().run(params(), ground.world, crashed)
    again = FakeAttempt(number=2, undo=crashed.undo)

    outputs = DnsSwitch().run(params(), ground.world, again)
    DnsSwitch().undo(params(), ground.world, FakeAttempt(), again.undo or {})

    assert outputs["before"] == list(PRIMARY)
    assert ground.values() == PRIMARY


def test_a_run_where_nothing_is_left_to_do_registers_no_undo_but_still_proves_it() -> None:
    ground, attempt = Ground(present=STANDBY), FakeAttempt()

    DnsSwitch().run(params(), ground.world, attempt)

    assert attempt.undo is None
    assert len(ground.propagation.watched) == 1


def test_an_undo_restores_every_byte_and_may_be_repeated() -> None:
    ground, attempt = Ground(ttl_s=30), FakeAttempt()
    found = ground.dns.read(NAME)
    DnsSwitch().run(params(), ground.world, attempt)

    for _ in range(2):
        DnsSwitch().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert ground.dns.read(NAME) == found


def test_an_undo_of_a_name_somebody_else_moved_stops_and_shows_all_three() -> None:
    ground, attempt = Ground(), FakeAttempt()
    DnsSwitch().run(params(), ground.world, attempt)
    ground.dns.swap(ground.dns.read(NAME), RecordSet(NAME, "A", 1, ("127.0.9.9",)))

    with pytest.raises(Fatal) as caught:
        DnsSwitch().undo(params(), ground.world, FakeAttempt(), attempt.undo or {})

    assert caught.value.code == "A227"
    assert all(value in caught.value.what for value in ("127.0.9.9", *STANDBY, *PRIMARY))
    assert ground.values() == ("127.0.9.9",)


def test_a_server_that_keeps_the_old_answer_fails_the_try_and_is_named() -> None:
    ground = Ground(lagging=["127.0.0.1:53"])

    with pytest.raises(Retryable, match=r"127\.0\.0\.1:53 old 127\.0\.1\.1") as caught:
        DnsSwitch().run(params(), ground.world, FakeAttempt())

    assert caught.value.code == "A121"


def test_a_try_after_a_lagging_server_has_caught_up_succeeds() -> None:
    ground, attempt = Ground(lagging=["127.0.0.1:53"]), FakeAttempt()
    with pytest.raises(Retryable):
        DnsSwitch().run(params(), ground.world, attempt)
    ground.propagation.lagging.clear()

    outputs = DnsSwitch().run(params(), ground.world, FakeAttempt(number=2, undo=attempt.undo))

    assert outputs["before"] == list(PRIMARY)


def test_the_watch_never_outlives_the_time_of_the_try() -> None:
    ground = Ground()

    DnsSwitch().run(params(within="60s"), ground.world, FakeAttempt(left_s=5.0))

    assert ground.propagation.watched[0][2].within_s == 5.0


def test_a_name_that_is_not_where_the_plan_says_is_left_alone() -> None:
    ground = Ground(present=("127.0.9.9",))

    with pytest.raises(Fatal, match="none of which belongs to 'primary'"):
        DnsSwitch().run(params(), ground.world, FakeAttempt())

    assert ground.values() == ("127.0.9.9",)


@pytest.mark.parametrize(
    "values", [["127.0.2.1", "::1"], ["a.example.com", "b.example.com"], ["127.0.2.1", "a.example.com"], ["{{ steps.capacity }}"], ["."]]
)
def test_values_that_one_record_set_cannot_hold_are_refused(values: list[str]) -> None:
    ground, attempt = Ground(), FakeAttempt()

    with pytest.raises(Fatal) as caught:
        DnsSwitch().run(params(values=values), ground.world, attempt)

    assert caught.value.code == "A226"
    assert attempt.undo is None
    assert ground.values() == PRIMARY


def test_a_site_without_addresses_cannot_be_switched_to() -> None:
    with pytest.raises(Fatal, match="let the site 'empty' have addresses"):
        DnsSwitch().run(params(to="empty"), Ground().world, FakeAttempt())


@pytest.mark.parametrize(
    "wrong", [{"ttl": "1h"}, {"ttl": "500ms"}, {"ttl": "1500ms"}, {"values": []}, {"answers_in_a_row": 0}, {"via": "x"}]
)
def test_parameters_that_cannot_work_are_refused_before_anything_runs(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        params(**wrong)


def test_parameters_survive_the_plans_json() -> None:
    given = params(values="{{ steps.capacity.outputs.addresses }}", within="1m30s")

    assert DnsSwitchParams.model_validate_json(given.model_dump_json(by_alias=True)) == given
