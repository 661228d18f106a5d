"""The step `ansible.play`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Retryable
from drill.model.ports import PlayResult, TaskEvent
from drill.steps.ansible_play import AnsiblePlay, AnsiblePlayParams
from drill.steps.base import registry
from tests.fakes import FakeAnsible, FakeAttempt, FakeDatabaseGround, fake_world

PARAMS = AnsiblePlayParams(playbook="rejoin_postgres.yml", site="primary", variables={"pg_rejoin_by": "basebackup"})


def test_it_is_found_without_any_other_file_knowing_it() -> None:
    assert isinstance(registry()["ansible.play"], AnsiblePlay)


def test_its_effect_names_the_playbook_and_the_site() -> None:
    (effect,) = AnsiblePlay().preview(PARAMS, fake_world())

    assert effect.target == "primary/rejoin_postgres.yml"


def test_it_runs_the_playbook_on_the_sites_inventory_and_hands_on_what_it_set() -> None:
    ansible = FakeAnsible(
        PlayResult("successful", {"pg_rejoin": {"method": "rewind"}}, 1, (TaskEvent("Rewind", "primary", "changed", 0.3),))
    )
    attempt = FakeAttempt(left_s=12.0)

    outputs = AnsiblePlay().run(PARAMS, fake_world(ansible=ansible, ground=FakeDatabaseGround()), attempt)

    assert outputs == {"pg_rejoin": {"method": "rewind"}}
    assert [what for what, _ in attempt.said] == ["Rewind"]
    assert ansible.asked == [
        {
            "playbook": "rejoin_postgres.yml",
            "inventory": FakeDatabaseGround().inventory("primary"),
            "variables": {"pg_rejoin_by": "basebackup"},
            "check": False,
            "timeout_s": 12.0,
        }
    ]


def test_a_play_that_was_stopped_may_be_run_again() -> None:
    world = fake_world(ansible=FakeAnsible(PlayResult("stopped", {}, 0, ())), ground=FakeDatabaseGround())

    with pytest.raises(Retryable) as caught:
        AnsiblePlay().run(PARAMS, world, FakeAttempt())

    assert caught.value.code == "A190"


THERE = {"playbook": "switchover_postgres.yml", "site": "standby"}
AND_BACK = AnsiblePlayParams(**THERE, undo_playbook="switchover_postgres.yml", undo_site="primary", undo_variables={"by": "drill"})


def test_without_a_playbook_that_takes_it_back_nothing_does() -> None:
    attempt = FakeAttempt()

    AnsiblePlay().run(PARAMS, fake_world(ansible=FakeAnsible(PlayResult("successful", {}, 1, ())), ground=FakeDatabaseGround()), attempt)

    assert attempt.undo is None
    assert AnsiblePlay().preview(PARAMS, fake_world())[0].undo == "none"


def test_what_takes_it_back_is_registered_before_it_runs_and_gets_its_own_site() -> None:
    ansible = FakeAnsible(PlayResult("stopped", {}, 0, ()))
    world, attempt = fake_world(ansible=ansible, ground=FakeDatabaseGround()), FakeAttempt()
    with pytest.raises(Retryable):
        AnsiblePlay().run(AND_BACK, world, attempt)
    back = FakeAnsible(PlayResult("successful", {}, 1, ()))

    AnsiblePlay().undo(AND_BACK, fake_world(ansible=back, ground=FakeDatabaseGround()), FakeAttempt(), attempt.undo or {})

    (asked,) = back.asked
    assert (asked["playbook"], asked["variables"]) == ("switchover_postgres.yml", {"by": "drill"})
    assert asked["inventory"] == FakeDatabaseGround().inventory("primary")
    assert AnsiblePlay().preview(AND_BACK, fake_world())[0].undo == "automatic"


@pytest.mark.parametrize("half", [{"undo_site": "primary"}, {"undo_variables": {"by": "drill"}}])
def test_half_a_way_back_is_refused(half: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="expected undo_playbook"):
        AnsiblePlayParams(**THERE, **half)


def test_another_site_that_an_abort_would_change_is_previewed_so_that_the_limits_hold_for_it() -> None:
    def targets(params: AnsiblePlayParams) -> list[str]:
        return [effect.target for effect in AnsiblePlay().preview(params, fake_world())]

    here = AnsiblePlayParams(**THERE, undo_playbook="switchover_postgres.yml")

    assert targets(AND_BACK) == ["standby/switchover_postgres.yml", "primary/switchover_postgres.yml"]
    assert targets(here) == ["standby/switchover_postgres.yml"]
