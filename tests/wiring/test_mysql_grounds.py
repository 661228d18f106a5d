"""A live ground with a MySQL database: its driver is there before anything is touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from drill.model.errors import PreflightFailed
from drill.model.plan import Plan
from drill.settings import Settings
from drill.wiring.grounds import open_routed_grounds
from drill.wiring.scenarios import open_scenario

ROOT = Path(__file__).resolve().parents[2]


def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, ROOT, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)


def planned(name: str) -> Plan:
    return open_scenario(ROOT / "scenarios" / f"{name}.yaml").plan


def test_without_the_driver_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)

    with pytest.raises(PreflightFailed, match="no driver for MySQL") as refused:
        open_routed_grounds(here(tmp_path), planned("database-only-mysql"), drill="d")

    assert (refused.value.code, "dr-drill[mysql]" in refused.value.fix) == ("F046", True)


def test_a_plan_without_mysql_needs_no_driver_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)

    with pytest.raises(PreflightFailed) as refused:
        open_routed_grounds(here(tmp_path), planned("database-only"), drill="d")

    assert refused.value.code == "F010", "what is missing is the secret of a password"
