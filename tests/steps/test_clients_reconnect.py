"""The step `clients.reconnect`: every client is told, and only a proof ends it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.model.effects import Resume
from drill.model.errors import Retryable
from drill.steps.clients_reconnect import ClientsReconnect, ClientsReconnectParams
from tests.fakes import FakeAttempt, FakeClock, FakeProbes, fake_world
from tests.fakes_own import FakeCommands, FakeHttp, answered, ended, fake_own


class Ground:
    def __init__(self, *, probes: tuple[str, ...] = ("standby",), http: Any = None, **script: Any) -> None:
        self.commands = FakeCommands(**script)
        self.http = FakeHttp(http or {})
        self.clock = FakeClock()
        own = fake_own(commands=self.commands, http=self.http)
        self.world = fake_world(own=own, clock=self.clock, probes=FakeProbes(*probes, clock=self.clock))
        self.attempt = FakeAttempt(step="apps.reconnect")
        self.step = ClientsReconnect()

    def params(self, **changes: Any) -> ClientsReconnectParams:
        written = {"targets": ["app-1", "app-2"], "tell": {"command": ["tell", "$target"]}, "changes": ["standby/app"], **changes}
        return ClientsReconnectParams.model_validate(written)

    def run(self, **changes: Any) -> dict[str, Any]:
        return dict(self.step.run(self.params(**changes), self.world, self.attempt))


def test_a_step_without_a_proof_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not prove that they reconnected"):
        Ground().params()


def test_every_client_is_told_and_the_probe_proves_it() -> None:
    ground = Ground(tell=ended(0, "told"), probes=("primary", "standby"))

    outputs = ground.run(probe="checkout", site="standby", ok_in_a_row=3)

    assert sorted(command.argv[1] for command in ground.commands.ran) == ["app-1", "app-2"]
    assert (outputs["told"], outputs["looks"]) == (["app-1", "app-2"], 4)
    assert sorted(ground.attempt.artifacts) == ["apps.reconnect-app-1-1.txt", "apps.reconnect-app-2-1.txt"]


def test_a_client_that_cannot_be_told_is_named_and_the_others_are_told_all_the_same() -> None:
    ground = Ground(http={"http://app-1/": answered(200), "http://app-2/": answered(0, sent=False, error="Connection refused")})

    with pytest.raises(Retryable, match="app-2 could not be told"):
        ground.run(tell={"http": {"method": "POST", "url": "http://$target/"}}, probe="checkout")

    assert len(ground.http.sent) == 2


def test_told_but_not_reconnected_is_no_success_and_names_who_is_late() -> None:
    ground = Ground(tell=ended(0), http={"http://app-1/db": answered(200, "b"), "http://app-2/db": answered(200, "a")})

    with pytest.raises(Retryable, match="not reconnected: app-2") as failed:
        ground.run(check={"http": {"url": "http://$target/db", "expect": {"text": "b"}}}, within="3s")

    assert failed.value.code == "A185"


def test_probes_answered_by_the_old_site_are_no_proof() -> None:
    with pytest.raises(Retryable, match="answered by primary"):
        Ground(tell=ended(0), probes=("primary",)).run(probe="checkout", site="standby", within="3s")


def test_the_undo_tells_them_to_go_back() -> None:
    ground = Ground(tell=ended(0), back=ended(0))
    undo = {"command": ["back", "$target"]}

    ground.run(probe="checkout", undo=undo)
    ground.step.undo(ground.params(probe="checkout", undo=undo), ground.world, ground.attempt, {"undo": "tell"})

    assert ground.attempt.undo == {"undo": "tell"}
    assert sorted(command.argv for command in ground.commands.ran[2:]) == [("back", "app-1"), ("back", "app-2")]


def test_telling_twice_is_harmless_unless_it_is_said_not_to_be() -> None:
    assert ClientsReconnect().resume_with({}) is Resume.RERUN
    assert ClientsReconnect().resume_with({"converges": False}) is Resume.ASK
