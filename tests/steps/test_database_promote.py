"""The step `database.promote`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Fatal, Retryable, StepError
from drill.model.ports import PlayResult, TaskEvent
from drill.steps.base import registry
from drill.steps.database_promote import DatabasePromote, DatabasePromoteParams
from tests.fakes import FakeAnsible, FakeAttempt, FakeDatabaseGround, fake_world

PARAMS = DatabasePromoteParams(site="standby", max_lag_bytes=1000)
TASKS = (TaskEvent("Preflight", "standby", "ok", 0.03), TaskEvent("Promote", "standby", "changed", 0.13))


def promoted(*, already: bool = False) -> PlayResult:
    after = {"lsn": "0/30074B0", "timeline": 2, "in_recovery": False}
    report = {"after": after, "before": {}, "lag_bytes": 5, "lag_known": True, "already_promoted": already}
    return PlayResult("successful", {"pg_promote": report}, 1, TASKS)


def world_with(ansible: FakeAnsible, **ground: Any) -> Any:
    return fake_world(ansible=ansible, ground=FakeDatabaseGround(**ground))


def test_once_it_has_started_nothing_rolls_back_by_itself() -> None:
    assert registry()["database.promote"].no_return


def test_it_tells_the_playbook_the_limit_and_the_last_position_of_the_primary() -> None:
    ansible = FakeAnsible(promoted())

    DatabasePromote().run(PARAMS, world_with(ansible, last_lsn="0/AB"), FakeAttempt())

    assert ansible.asked == [
        {
            "playbook": "promote_postgres.yml",
            "inventory": FakeDatabaseGround().inventory("standby"),
            "variables": {
                "pg_primary_last_lsn": "0/AB",
                "db_primary_last_position": "0/AB",
                "pg_max_lag_bytes": 1000,
                "pg_accept_data_loss": False,
                "pg_promote_timeout_s": 60,
                "db_max_lag_bytes": 1000,
                "db_max_lag_transactions": 1000,
                "db_max_lag_s": 5.0,
                "db_accept_data_loss": False,
                "db_promote_timeout_s": 60,
            },
            "check": False,
            "timeout_s": 60.0,
        }
    ]


def test_every_task_becomes_a_fact_with_its_time() -> None:
    attempt = FakeAttempt()

    DatabasePromote().run(PARAMS, world_with(FakeAnsible(promoted())), attempt)

    assert [(fields["task"], fields["state"], fields["took_s"]) for _, fields in attempt.said] == [
        ("Preflight", "ok", 0.03),
        ("Promote", "changed", 0.13),
    ]


def test_it_hands_on_position_timeline_and_lag() -> None:
    outputs = DatabasePromote().run(PARAMS, world_with(FakeAnsible(promoted())), FakeAttempt())

    assert outputs == {
        "site": "standby",
        "engine": "postgresql",
        "lsn": "0/30074B0",
        "timeline": 2,
        "lag_bytes": 5,
        "lag_transactions": None,
        "lag_s": None,
        "lag_known": True,
        "already_promoted": False,
        "data_loss_accepted": "",
    }


def test_every_engine_reports_in_one_shape() -> None:
    report = {"engine": "mariadb", "after": {"position": "0-2-9"}, "lag_transactions": 3, "lag_known": True, "already_promoted": False}

    outputs = DatabasePromote().run(PARAMS, world_with(FakeAnsible(PlayResult("successful", {"db_promote": report}, 1, ()))), FakeAttempt())

    assert (outputs["engine"], outputs["lsn"], outputs["lag_transactions"], outputs["timeline"]) == ("mariadb", "0-2-9", 3, None)


def test_a_playbook_of_another_engine_is_given_its_own_variables() -> None:
    ansible = FakeAnsible(promoted())
    params = DatabasePromoteParams(site="standby", variables={"db_primary_last_position": "0-1-7"})

    DatabasePromote().run(params, world_with(ansible), FakeAttempt())

    assert ansible.asked[0]["variables"]["db_primary_last_position"] == "0-1-7"


def test_what_cannot_be_undone_in_place_is_stated_with_its_time() -> None:
    params = DatabasePromoteParams.model_validate({"site": "standby", "playbook": "promote_rds.yml", "undo": "rebuild", "rebuild": "40m"})

    (effect,) = DatabasePromote().preview(params, world_with(FakeAnsible(PlayResult("successful", {}, 0, ()))))

    assert effect.undo == "rebuild"
    assert "cannot be undone in place: a new replica is built, which takes about 40m" in effect.detail


@pytest.mark.parametrize(
    "written",
    [{"playbook": "promote_rds.yml"}, {"undo": "rebuild"}, {"rebuild": "40m"}],
    ids=["a promotion for ever", "no time", "no rebuild"],
)
def test_a_promotion_that_needs_a_rebuild_is_not_written_as_one_that_fails_back(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="undo: rebuild"):
        DatabasePromoteParams.model_validate({"site": "standby", **written})


def test_a_playbook_that_says_rebuild_contradicts_a_plan_that_says_failback() -> None:
    said = PlayResult("successful", {"db_promote": {"already_promoted": False, "undo": "rebuild"}}, 0, ())

    with pytest.raises(Fatal) as caught:
        DatabasePromote().preview(PARAMS, world_with(FakeAnsible(said)))

    assert (caught.value.code, "rebuild: <time>" in caught.value.fix) == ("A237", True)


def test_a_database_that_takes_writes_already_leaves_nothing_to_do() -> None:
    ansible = FakeAnsible(promoted(already=True))

    assert DatabasePromote().preview(PARAMS, world_with(ansible)) == []
    assert [asked["check"] for asked in ansible.asked] == [True]


@pytest.mark.parametrize("result", [promoted(), PlayResult("successful", {}, 0, ())], ids=["asked", "dry run"])
def test_a_promotion_still_to_do_is_an_effect_that_only_failback_takes_back(result: PlayResult) -> None:
    (effect,) = DatabasePromote().preview(PARAMS, world_with(FakeAnsible(result)))

    assert (effect.target, effect.marks, effect.undo) == ("standby/database", frozenset({"promote"}), "failback")


def test_a_standby_that_is_not_fit_is_found_by_the_preview() -> None:
    ansible = FakeAnsible(PlayResult("failed", {}, 0, (), "PG_UNREACHABLE connection refused"))

    with pytest.raises(Retryable, match="connection refused"):
        DatabasePromote().preview(PARAMS, world_with(ansible))


def test_a_refused_promotion_is_fatal_and_says_what_to_do() -> None:
    ansible = FakeAnsible(PlayResult("failed", {}, 0, TASKS[:1], "PG_LAG_TOO_HIGH lag_bytes=9 limit=1"))

    with pytest.raises(Fatal, match="PG_LAG_TOO_HIGH") as caught:
        DatabasePromote().run(PARAMS, world_with(ansible), FakeAttempt())

    assert (caught.value.code, "max_lag_bytes" in caught.value.fix) == ("A231", True)


def test_a_playbook_that_does_not_report_is_not_taken_for_a_promotion() -> None:
    with pytest.raises(Fatal) as caught:
        DatabasePromote().run(PARAMS, world_with(FakeAnsible(PlayResult("successful", {}, 1, ()))), FakeAttempt())

    assert caught.value.code == "A233"


def test_an_accepted_loss_needs_a_reason_and_is_recorded() -> None:
    with pytest.raises(ValidationError, match="reason"):
        DatabasePromoteParams(site="standby", accept_data_loss=True)
    accepted = DatabasePromoteParams(site="standby", accept_data_loss=True, reason="the duty lead, by phone")
    attempt, ansible = FakeAttempt(), FakeAnsible(promoted())

    outputs = DatabasePromote().run(accepted, world_with(ansible), attempt)

    assert attempt.said[0] == ("a loss of data is accepted", {"reason": "the duty lead, by phone"})
    assert outputs["data_loss_accepted"] == "the duty lead, by phone"
    assert ansible.asked[0]["variables"]["pg_accept_data_loss"] is True


def test_the_way_back_is_written_down_first_and_is_failback() -> None:
    attempt = FakeAttempt()
    refused = FakeAnsible(PlayResult("failed", {}, 0, (), "PG_LAG_UNKNOWN"))
    with pytest.raises(Fatal):
        DatabasePromote().run(PARAMS, world_with(refused), attempt)
    assert attempt.undo == {"undo": "failback", "site": "standby"}

    with pytest.raises(Fatal, match="failback") as caught:
        DatabasePromote().undo(PARAMS, world_with(refused), attempt, attempt.undo)

    assert caught.value.code == "A234"


def test_a_promotion_that_never_came_about_needs_no_way_back() -> None:
    attempt = FakeAttempt()
    still_standby = FakeAnsible(PlayResult("successful", {"pg_promote": {"already_promoted": False}}, 0, ()))

    DatabasePromote().undo(PARAMS, world_with(still_standby), attempt, {"undo": "failback", "site": "standby"})

    assert attempt.said == [("the database of standby was never promoted", {})]


@pytest.mark.parametrize(
    ("result", "sure"),
    [
        (PlayResult("failed", {}, 0, TASKS[:1], "PG_UNREACHABLE connection refused"), True),
        (PlayResult("failed", {}, 0, TASKS[:1], "PG_LAG_TOO_HIGH lag_bytes=9 limit=1"), True),
        (PlayResult("unreachable", {}, 0, (TaskEvent("Read the standby", "standby", "unreachable", 3.0),), "no route"), True),
        (PlayResult("unreachable", {}, 0, (TaskEvent("Promote", "standby", "unreachable", 3.0),), "no route"), False),
        (PlayResult("failed", {}, 0, (TaskEvent("Promote", "standby", "failed", 3.0),), "Promote: closed"), False),
        (PlayResult("failed", {}, 1, TASKS, "PG_TWO_PRIMARIES afterwards"), False),
        (PlayResult("failed", {}, 0, (), "ended before its first task"), False),
        (PlayResult("stopped", {}, 0, TASKS[:1], "stopped"), False),
        (PlayResult("timeout", {}, 0, TASKS[:1], "PG_X in time"), False),
        (PlayResult("successful", {}, 0, TASKS[:1]), False),
        (PlayResult("failed", {}, 0, TASKS[:1], "DB_LAG_TOO_HIGH lag_s=9 limit=1"), True),
        (PlayResult("failed", {}, 0, TASKS[:1], "Promote: DB_IN_DOUBT no answer"), False),
    ],
)
def test_only_a_playbook_that_ended_before_its_act_is_known_to_have_changed_nothing(result: PlayResult, *, sure: bool) -> None:
    with pytest.raises(StepError) as caught:
        DatabasePromote().run(PARAMS, world_with(FakeAnsible(result)), FakeAttempt())

    assert caught.value.untouched is sure


def test_a_playbook_that_is_not_there_has_changed_nothing() -> None:
    class Nothing(FakeAnsible):
        def play(self, playbook: str, **_rest: Any) -> PlayResult:
            raise Fatal(f"there is no playbook {playbook}", code="A230")

    with pytest.raises(Fatal) as caught:
        DatabasePromote().run(PARAMS, world_with(Nothing(promoted())), FakeAttempt())

    assert caught.value.untouched
