"""Outages and fences by a team's own programs: as the rules know them, with a way back, and proved."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.errors import Fatal, Retryable
from drill.model.events import Fact, Kind
from drill.steps.base import registry
from drill.steps.fence_command import FenceCommand, FenceCommandParams
from drill.steps.outage_command import OutageCommand, OutageCommandParams
from drill.steps.outage_end import OutageEnd, OutageEndParams
from tests.engine.drilling import Stage, phase_of, plan_of, step_of
from tests.fakes import FakeAttempt, FakeClock, fake_world
from tests.fakes_own import FakeCommands, ended, fake_own

_CUT = {"site": "primary", "run": ["cut"], "undo": ["back"], "changes": ["primary/network"]}
_FENCE = {"site": "primary", "run": ["stop"], "check": ["stopped"], "changes": ["primary/database"]}


class Ground:
    def __init__(self, **script: Any) -> None:
        self.commands = FakeCommands(**script)
        self.world = fake_world(own=fake_own(commands=self.commands), clock=FakeClock())
        self.attempt = FakeAttempt(step="outage.cut")


def written(undo: Any, step: str = "outage.cut") -> Fact:
    """The undo as the journal holds it."""
    drill = Stage(plan_of(phase_of("outage", step_of(step))))
    return drill.recorder.say(Kind.UNDO_REGISTERED, f"{step}/undo", phase="outage", step=step, undo=undo)


def test_the_kinds_carry_the_marks_that_the_rules_look_at() -> None:
    assert registry()["outage.command"].marks == {"outage"}
    assert registry()["fence.command"].marks == {"fence"}
    ground = Ground(stopped=ended(1))

    assert OutageCommand().preview(OutageCommandParams.model_validate(_CUT), ground.world)[0].marks == {"outage"}
    assert FenceCommand().preview(FenceCommandParams.model_validate(_FENCE), ground.world)[0].marks == {"fence"}


def test_an_outage_without_a_way_back_and_a_fence_without_a_proof_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs its 'undo'"):
        OutageCommandParams.model_validate({**_CUT, "undo": None})
    with pytest.raises(ValidationError, match="needs a 'check'"):
        FenceCommandParams.model_validate({**_FENCE, "check": None})


def test_the_cut_is_witnessed_after_its_way_back_was_written() -> None:
    ground = Ground(cut=ended(0))

    outputs = OutageCommand().run(OutageCommandParams.model_validate(_CUT), ground.world, ground.attempt)

    assert outputs["site"] == "primary"
    assert ground.attempt.undo is not None
    assert ground.attempt.undo["programs"]["back"]["argv"] == ["back"]
    assert [(kind, fields["site"]) for kind, _, fields in ground.attempt.witnessed] == [(Kind.OUTAGE_INJECTED, "primary")]


def test_a_cut_that_failed_is_no_outage() -> None:
    ground = Ground(cut=ended(1))

    with pytest.raises(Retryable):
        OutageCommand().run(OutageCommandParams.model_validate(_CUT), ground.world, ground.attempt)

    assert ground.attempt.witnessed == []
    assert ground.attempt.undo is not None


def test_the_undo_gives_the_site_back_and_says_so() -> None:
    ground = Ground(back=ended(0))
    params = OutageCommandParams.model_validate(_CUT)

    OutageCommand().undo(params, ground.world, ground.attempt, {"undo": "restore", "site": "primary"})

    assert [command.argv for command in ground.commands.ran] == [("back",)]
    assert ground.attempt.witnessed[0][0] == Kind.OUTAGE_ENDED


def test_a_site_that_is_cut_off_is_seen_before_and_after() -> None:
    ground = Ground(dark=ended(0))
    params = OutageCommandParams.model_validate({**_CUT, "check": ["dark"]})

    assert OutageCommand().ready(params, ground.world) == ["primary is cut off already"]
    assert OutageCommand().leftovers(params, ground.world, "d", "s") == ["primary is still cut off"]


def test_the_way_home_runs_what_the_outage_wrote_down() -> None:
    ground = Ground(cut=ended(0), back=ended(0), dark=[ended(0), ended(1)])
    params = OutageCommandParams.model_validate({**_CUT, "check": ["dark"], "env": {"KEY": "secret:KEY"}})
    OutageCommand().run(params, ground.world, ground.attempt)
    home = FakeAttempt(step="home.end")
    home.facts = [written(ground.attempt.undo)]
    end = OutageEndParams(of="outage.cut", site="primary")

    with pytest.raises(Retryable, match="still cut off"):
        OutageEnd().run(end, ground.world, home)
    outputs = OutageEnd().run(end, ground.world, home)

    assert outputs == {"site": "primary", "of": "outage.cut"}
    assert ground.commands.ran[-1] == params.command(("back",))
    assert [kind for kind, _, _ in home.witnessed] == [Kind.OUTAGE_ENDED]


def test_a_fence_that_is_not_proved_is_none() -> None:
    ground = Ground(stop=ended(0), stopped=ended(1))

    with pytest.raises(Fatal, match="not proved") as failed:
        FenceCommand().run(FenceCommandParams.model_validate(_FENCE), ground.world, ground.attempt)

    assert failed.value.code == "A210"


def test_a_proved_fence_says_whose_it_is() -> None:
    ground = Ground(stop=ended(0), stopped=ended(0))

    outputs = FenceCommand().run(FenceCommandParams.model_validate(_FENCE), ground.world, ground.attempt)

    assert outputs["site"] == "primary"
    assert ("primary takes no write", {"site": "primary"}) in ground.attempt.said
