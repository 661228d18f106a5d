"""The doctor says what would keep vantage points from being heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drill.engine.doctor import Advice, examine
from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring import doctor_vantage
from drill.wiring.doctor_vantage import VantageLook
from tests.engine.observing import plan_of
from tests.engine.vantage_samples import PROBES, vantage_plan
from tests.fakes import FakeSecrets

KEYS = {"VANTAGE_FRANKFURT": "frankfurt-key-that-nobody-guesses", "VANTAGE_TOKYO": "tokyo-key-that-nobody-guesses"}


class Unset:
    """Holds nothing."""

    def get(self, reference: str) -> str:
        raise PreflightFailed(f"{reference} is not set.", code="F010")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DRILL_HOME", str(tmp_path))
    monkeypatch.delenv("DRILL_DATABASE_URL", raising=False)
    return Settings.load()


def looked(settings: Settings, plan: Plan, keys: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    rows: list[Advice] = examine([VantageLook(settings, plan, Unset() if keys is None else FakeSecrets(keys))])
    return [(row.name, row.level, row.code) for row in rows]


def test_a_plan_without_points_is_not_talked_about(settings: Settings) -> None:
    assert looked(settings, plan_of(PROBES)) == []


def test_without_a_web_server_points_that_send_are_not_heard_yet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = looked(settings, vantage_plan(), KEYS)
    monkeypatch.setattr(doctor_vantage, "listening", lambda _settings: "127.0.0.1:8080")

    assert before == [("vantage points", "error", "F073")], "a drill would be refused with this code"
    assert looked(settings, vantage_plan(), KEYS) == [("vantage points", "ok", "")]


def test_without_a_web_server_points_whose_users_do_not_count_are_a_warning_only(settings: Settings) -> None:
    points = tuple(point.model_copy(update={"user_view": False}) for point in vantage_plan().vantage_points)

    assert looked(settings, vantage_plan().model_copy(update={"vantage_points": points}), KEYS) == [("vantage points", "warning", "")]


def test_where_machines_share_the_database_the_server_may_be_elsewhere(settings: Settings) -> None:
    assert looked(replace(settings, database_url="postgresql://db/drill"), vantage_plan(), KEYS) == []


def test_a_key_that_could_be_guessed_is_an_error_and_one_that_is_not_set_is_said_by_the_look_at_secrets(settings: Settings) -> None:
    weak = looked(settings, vantage_plan(), {**KEYS, "VANTAGE_TOKYO": "tokyo"})

    assert weak == [("vantage point tokyo", "error", "F074"), ("vantage points", "error", "F073")]
    assert looked(settings, vantage_plan()) == [("vantage points", "error", "F073")]


def test_a_point_whose_users_count_and_whose_samples_come_by_file_has_to_be_fetched(settings: Settings) -> None:
    points = tuple(point.model_copy(update={"key": ""}) for point in vantage_plan().vantage_points)
    plan = vantage_plan().model_copy(update={"vantage_points": points})

    assert looked(settings, plan, KEYS) == [("vantage point frankfurt", "warning", "")]
