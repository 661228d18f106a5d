"""A scenario and the file that it shares may each say a part of its messages, and neither may contradict the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drill.adapters.scenario_yaml import load, read
from drill.model.errors import ScenarioInvalid
from tests.scenarios import MODELS, sound

SMS = {"provider": "aliyun", "sign": "secret:SIGN"}


def both(folder: Path, shared: dict[str, Any], own: dict[str, Any]) -> Path:
    """A sound scenario whose messages stand in two files."""
    (folder / "shared.yaml").write_text(yaml.safe_dump({"messages": shared}), encoding="utf-8")
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(sound(include="shared.yaml", messages=own), sort_keys=False), encoding="utf-8")
    return path


def refusal(path: Path) -> list[tuple[str, str, str]]:
    """File, code and first words of every finding."""
    return [(Path(row.path).name, row.code, " ".join(row.what.split()[:3])) for row in read(path, MODELS).findings]


def test_a_scenario_adds_to_the_messages_of_its_shared_file(tmp_path: Path) -> None:
    made = load(both(tmp_path, {"order": "parallel", "sms": SMS}, {"sms": {"inbound": "push"}}), MODELS)

    assert made.messages.sms is not None
    assert (made.messages.order, made.messages.sms.provider, made.messages.sms.inbound) == ("parallel", "aliyun", "push")


def test_what_both_files_say_is_refused_down_to_the_single_value(tmp_path: Path) -> None:
    path = both(tmp_path, {"order": "parallel", "sms": SMS}, {"order": "fall-over", "sms": {"sign": "secret:SIGN"}})

    assert refusal(path) == [("scenario.yaml", "S007", "'order' is also"), ("scenario.yaml", "S007", "'sign' is also")]


def test_a_part_of_another_form_cannot_be_joined(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        load(both(tmp_path, {"sms": SMS}, {"sms": "aliyun"}), MODELS)

    assert "S007" in [row.code for row in caught.value.findings]


def test_a_mistake_below_a_joined_key_is_reported_in_its_own_file(tmp_path: Path) -> None:
    path = both(tmp_path, {"sms": {**SMS, "sing": "secret:SIGN"}}, {"sms": {"inbound": "pushed"}})

    assert {(file, code) for file, code, _ in refusal(path)} == {("shared.yaml", "S010"), ("scenario.yaml", "S012")}
