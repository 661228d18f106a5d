"""The proof step: good answers in a row, from the right site, within the time."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Retryable
from drill.model.ports import World
from drill.steps.base import registry
from drill.steps.probe_until import ProbeUntil, ProbeUntilParams
from tests.fakes import FakeAttempt, FakeClock, FakeProbes, fake_world


class Ground:
    def __init__(self, *script: str) -> None:
        self.clock = FakeClock()
        self.probes = FakeProbes(*script, clock=self.clock)
        self.attempt = FakeAttempt(step="traffic.proof")
        self.world: World = fake_world(probes=self.probes, clock=self.clock)

    def run(self, **changes: Any) -> dict[str, Any]:
        params = ProbeUntilParams.model_validate({"probe": "checkout", "ok_in_a_row": 3} | changes)
        return dict(ProbeUntil().run(params, self.world, self.attempt))


def test_the_kind_is_found_by_the_registry_and_changes_nothing() -> None:
    assert isinstance(registry()["probe.until"], ProbeUntil)
    assert ProbeUntil().preview(ProbeUntilParams(probe="checkout"), fake_world()) == []


def test_a_failure_in_between_starts_the_row_again() -> None:
    ground = Ground("refused", "standby", "standby", "http_503", "standby", "standby", "standby")

    outputs = ground.run()

    assert outputs == {"asked": 7, "failed": 2, "took_s": 0.6, "site": "standby"}


def test_the_last_good_answer_ends_the_step_without_another_wait() -> None:
    ground = Ground("standby")

    assert ground.run(every="10s")["took_s"] == 20.0


def test_good_answers_from_the_wrong_site_do_not_count() -> None:
    ground = Ground("primary", "primary", "primary", "primary", "standby")

    outputs = ground.run(site="standby")

    assert (outputs["failed"], outputs["site"]) == (4, "standby")
    assert ground.attempt.said[0][0] == "checkout: answered by primary"


@pytest.mark.parametrize("addresses", [["203.0.113.5", "127.0.0.1"], "127.0.0.1"])
def test_an_address_that_was_built_counts_although_no_site_knows_it(addresses: Any) -> None:
    ground = Ground("primary")

    assert ground.run(addresses=addresses)["failed"] == 0
    assert ground.run(addresses=addresses, site="standby")["failed"] == 0


def test_an_answer_from_another_address_than_those_that_were_built_does_not_count() -> None:
    ground = Ground("primary")

    with pytest.raises(Retryable, match="last: answered by primary"):
        ground.run(addresses=["198.51.100.7"], within="2s")


def test_an_empty_list_of_addresses_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        ProbeUntilParams.model_validate({"probe": "checkout", "addresses": []})


def test_every_change_of_state_is_told_once() -> None:
    ground = Ground("dns", "dns", "deadline", "standby")

    ground.run()

    assert [what for what, _ in ground.attempt.said] == ["checkout: dns", "checkout: deadline", "checkout: ok"]


def test_the_time_limit_names_the_last_answer() -> None:
    ground = Ground("standby", "refused")

    with pytest.raises(Retryable, match="not well 3 times in a row within 5s; last: refused") as failed:
        ground.run(within="5s")

    assert failed.value.code == "A162"
    assert len(ground.probes.asked) == 50


def test_a_stop_is_heeded_before_the_next_question() -> None:
    ground = Ground("refused")
    ground.attempt.stop = True

    with pytest.raises(Retryable) as failed:
        ground.run()

    assert failed.value.code == "A164"
    assert ground.probes.asked == []
