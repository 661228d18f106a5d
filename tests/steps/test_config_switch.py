"""The step `config.switch`: what it replaces, how it goes on after doubt, and that its way back is exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drill.model.errors import Fatal, InDoubt
from drill.steps.config_switch import ConfigSwitch, ConfigSwitchParams
from tests.fakes import FakeAttempt, fake_world
from tests.fakes_own import FakeConfigs, fake_own

_OLD, _NEW = "db-a:5432", "db-b:5432"


class Ground:
    def __init__(self, text: str, attempt: FakeAttempt | None = None) -> None:
        self.configs = FakeConfigs(text)
        self.world = fake_world(own=fake_own(configs=self.configs))
        self.attempt = attempt or FakeAttempt(step="apps.endpoint")
        self.step = ConfigSwitch()
        self.params = params()

    def run(self) -> dict[str, Any]:
        return dict(self.step.run(self.params, self.world, self.attempt))

    def undo(self) -> None:
        self.step.undo(self.params, self.world, self.attempt, self.attempt.undo or {})


def params(**changes: Any) -> ConfigSwitchParams:
    return ConfigSwitchParams.model_validate({"from": _OLD, "to": _NEW, "file": {"path": "/srv/app.conf"}, **changes})


def test_exactly_one_place_is_named() -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        ConfigSwitchParams.model_validate({"from": "a", "to": "b"})


def test_texts_that_contain_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="part of each other"):
        params(to=f"{_OLD}0")


def test_its_effect_names_the_text_as_limits_do() -> None:
    ground = Ground(f"url={_OLD}")
    nacos = params(file=None, nacos={"url": "http://n/nacos", "data_id": "shop.yaml"})
    apollo = params(file=None, apollo={"url": "http://a", "token": "secret:T", "env": "PRO", "app": "shop", "key": "db"})

    found = [ground.step.preview(row, ground.world)[0].target for row in (ground.params, nacos, apollo)]

    assert found == [
        "config/file/srv/app.conf",
        "config/nacos/public/DEFAULT_GROUP/shop.yaml",
        "config/apollo/PRO/shop/default/application/db",
    ]


def test_every_occurrence_is_replaced_and_the_record_holds_no_text() -> None:
    ground = Ground(f"write={_OLD}\nread={_OLD}\npassword=hunter2\n")

    outputs = ground.run()

    assert ground.configs.text == f"write={_NEW}\nread={_NEW}\npassword=hunter2\n"
    assert outputs["changed"] == 2
    assert "hunter2" not in repr((ground.attempt.undo, ground.attempt.said, outputs))


def test_switched_already_there_is_nothing_to_do() -> None:
    ground = Ground(f"write={_NEW}")

    assert ground.step.preview(ground.params, ground.world) == []
    assert ground.run()["changed"] == 0
    assert ground.attempt.undo is None


def test_a_text_without_the_old_value_is_refused_before_anything_is_touched() -> None:
    ground = Ground("write=elsewhere")

    assert "does not hold" in ground.step.ready(ground.params, ground.world)[0]
    with pytest.raises(Fatal) as failed:
        ground.run()
    assert (failed.value.code, ground.attempt.undo, ground.configs.swaps) == ("A283", None, [])


def test_a_text_that_the_drill_makes_itself_need_not_be_there_before() -> None:
    ground = Ground("")
    ground.configs.absent = True

    with pytest.raises(Fatal):
        ground.step.ready(ground.params, ground.world)
    made = params(made_by="before.settings")

    assert ground.step.ready(made, ground.world) == []
    assert len(ground.step.preview(made, ground.world)) == 1


def test_after_doubt_the_next_try_finds_its_own_text() -> None:
    ground = Ground(f"write={_OLD}")
    ground.configs.failure = InDoubt("no answer.", code="A380")
    with pytest.raises(InDoubt):
        ground.run()

    again = Ground(ground.configs.text, FakeAttempt(step="apps.endpoint", number=2, undo=ground.attempt.undo))

    assert again.run()["changed"] == 1
    assert again.configs.text == f"write={_NEW}"


def test_after_doubt_a_text_that_is_neither_is_somebody_elses() -> None:
    ground = Ground(f"write={_OLD}")
    ground.run()
    again = Ground(f"write={_OLD} #1", FakeAttempt(number=2, undo=ground.attempt.undo))

    with pytest.raises(Fatal) as failed:
        again.run()

    assert failed.value.code == "A283"


def test_the_way_back_leaves_alone_what_somebody_else_wrote() -> None:
    ground = Ground(f"write={_OLD}")
    ground.run()
    ground.configs.text += "#"

    with pytest.raises(Fatal, match="neither what the drill wrote nor what it found") as failed:
        ground.undo()

    assert failed.value.code == "A286"
    assert ground.configs.text == f"write={_NEW}#"


def test_the_way_back_twice_is_as_once() -> None:
    ground = Ground(f"write={_OLD}")
    ground.run()

    ground.undo()
    ground.undo()

    assert ground.configs.text == f"write={_OLD}"


@given(parts=st.lists(st.sampled_from([_OLD, _NEW, "x", "\r\n", "密码", "db-"]), max_size=12))
def test_the_way_back_is_exact_also_where_the_new_value_stood_before(parts: list[str]) -> None:
    text = "".join(parts)
    ground = Ground(text)
    if _OLD not in text:
        return

    ground.run()
    ground.undo()

    assert ground.configs.text == text
