"""The step `command`: what it declares, what it does when nobody knows, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.effects import Resume
from drill.model.errors import Fatal, Retryable
from drill.steps.base import registry
from drill.steps.command import CommandParams, RunCommand
from tests.fakes import FakeAttempt, fake_world
from tests.fakes_own import FakeCommands, ended, fake_own


class Ground:
    def __init__(self, attempt: FakeAttempt | None = None, **script: Any) -> None:
        self.commands = FakeCommands(**script)
        self.world = fake_world(own=fake_own(commands=self.commands))
        self.attempt = attempt or FakeAttempt(step="cache.flush")
        self.step = RunCommand()

    def params(self, **changes: Any) -> CommandParams:
        return CommandParams.model_validate({"run": ["flush", "standby"], "changes": ["standby/cache"], **changes})

    def run(self, **changes: Any) -> dict[str, Any]:
        return dict(self.step.run(self.params(**changes), self.world, self.attempt))


def test_the_kind_is_found_by_the_registry() -> None:
    assert isinstance(registry()["command"], RunCommand)


def test_a_program_that_does_not_say_what_it_changes_is_refused() -> None:
    with pytest.raises(ValidationError, match="changes"):
        CommandParams.model_validate({"run": ["flush"]})


def test_a_shell_text_needs_to_be_asked_for() -> None:
    with pytest.raises(ValidationError, match="shell: true"):
        CommandParams.model_validate({"run": "flush | cat", "changes": []})
    with pytest.raises(ValidationError, match="one text"):
        CommandParams.model_validate({"run": ["flush"], "changes": [], "shell": True})

    assert CommandParams.model_validate({"run": "flush | cat", "changes": [], "shell": True}).command("flush | cat").shell


def test_the_declared_changes_are_its_effects_with_count_tags_and_way_back() -> None:
    ground = Ground()
    params = ground.params(changes=["standby/cache", {"target": "standby/app", "verb": "stop", "count": 3, "tags": {"drill": "allowed"}}])

    plain, counted = ground.step.preview(params, ground.world)

    assert (plain.target, plain.verb, plain.undo) == ("standby/cache", "update", "none")
    assert (counted.verb, counted.count, counted.tags) == ("stop", 3, {"drill": "allowed"})
    assert ground.step.preview(ground.params(undo=["unflush"]), ground.world)[0].undo == "automatic"


def test_a_check_that_says_done_leaves_nothing_to_do() -> None:
    ground = Ground(check=ended(0))

    assert ground.step.preview(ground.params(check=["check"]), ground.world) == []
    assert ground.step.found(ground.params(check=["check"]), ground.world) == {"read_back": True}


@pytest.mark.parametrize("code", [1, 7])
def test_a_check_that_does_not_say_done_finds_nothing(code: int) -> None:
    ground = Ground(check=ended(code))

    assert len(ground.step.preview(ground.params(check=["check"]), ground.world)) == 1
    assert ground.step.found(ground.params(check=["check"]), ground.world) is None


def test_its_output_is_kept_as_an_artifact_and_named_in_the_record() -> None:
    ground = Ground(flush=ended(0, "12 keys\n", "slow\n"))

    outputs = ground.run()

    assert outputs == {"exit_code": 0, "took_s": 0.1}
    assert ground.attempt.artifacts == {"cache.flush-1.txt": b"12 keys\n\n--- errors\nslow\n"}
    assert ground.attempt.said[0][1]["output"]


def test_json_that_it_prints_becomes_an_output() -> None:
    assert Ground(flush=ended(0, '{"keys": 12}')).run(json_output=True)["result"] == {"keys": 12}

    with pytest.raises(Fatal, match="printed no JSON"):
        Ground(flush=ended(0, "twelve")).run(json_output=True)


def test_a_failed_program_may_be_tried_again_and_tells_its_last_words() -> None:
    with pytest.raises(Retryable, match=r"flush ended with 3: no route to cache") as failed:
        Ground(flush=ended(3, "hello", "first\nno route to cache\n")).run()

    assert failed.value.code == "A183"


def test_the_way_back_is_written_before_the_program_runs() -> None:
    ground = Ground(flush=ended(1))

    with pytest.raises(Retryable):
        ground.run(undo=["unflush"])

    assert ground.attempt.undo == {"undo": "command"}


def test_cut_short_without_a_check_nobody_knows_so_it_is_not_run_again() -> None:
    with pytest.raises(Fatal, match="nobody knows whether it has done its work") as failed:
        Ground(flush=ended(None, state="timeout")).run()

    assert failed.value.code == "A291"
    assert not failed.value.retryable


def test_cut_short_with_a_check_it_is_looked_at() -> None:
    assert Ground(flush=ended(None, state="timeout"), check=ended(0)).run(check=["check"]) == {"read_back": True}

    with pytest.raises(Retryable, match="before it was done"):
        Ground(flush=ended(None, state="stopped"), check=ended(1)).run(check=["check"])


def test_cut_short_it_may_run_again_where_that_is_said_to_be_harmless() -> None:
    with pytest.raises(Retryable):
        Ground(flush=ended(None, state="timeout")).run(converges=True)


def test_a_second_try_looks_first() -> None:
    ground = Ground(FakeAttempt(number=2), check=ended(0))

    assert ground.run(check=["check"]) == {"read_back": True}
    assert ground.commands.ran == []


def test_after_a_crash_a_person_decides_unless_running_again_is_harmless() -> None:
    assert RunCommand().resume_with({"run": ["x"], "changes": []}) is Resume.ASK
    assert RunCommand().resume_with({"converges": True}) is Resume.RERUN


def test_the_undo_runs_its_program_and_is_looked_at() -> None:
    ground = Ground(unflush=ended(0), check=ended(1))

    ground.step.undo(ground.params(undo=["unflush"], check=["check"]), ground.world, ground.attempt, {"undo": "command"})

    assert [command.argv for command in ground.commands.ran] == [("unflush",)]


def test_an_undo_after_which_the_check_still_says_done_has_failed() -> None:
    ground = Ground(unflush=ended(0), check=ended(0))

    with pytest.raises(Fatal, match="still says done") as failed:
        ground.step.undo(ground.params(undo=["unflush"], check=["check"]), ground.world, ground.attempt, {"undo": "command"})

    assert failed.value.code == "A294"


def test_what_is_missing_is_told_before_anything_is_touched() -> None:
    ground = Ground()
    ground.commands.absent = ["flush", "unflush"]

    assert ground.step.ready(ground.params(undo=["unflush"]), ground.world) == ["there is no program flush", "there is no program unflush"]
