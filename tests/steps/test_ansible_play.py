"""The step `ansible.play`."""

from __future__ import annotations

import pytest

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
