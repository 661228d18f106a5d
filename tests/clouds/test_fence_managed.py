"""A managed database is fenced by the playbooks of its engine, and believed only when they say what the provider said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.fence_managed import ENGINES, ManagedFence
from drill.model.errors import Fatal, Retryable
from drill.model.ports import PlayResult
from tests.fakes import FakeAnsible

ROOT = Path(__file__).resolve().parents[2]


class Ground:
    """An inventory of one database (part of port Ground)."""

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": {"orders": {}}}}}}


def fence_of(ansible: FakeAnsible, engine: str = "rds") -> ManagedFence:
    ground: Any = Ground()
    return ManagedFence({"primary": engine}, ansible, ground, lambda _site: None)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_fenced_and_given_back_by_the_playbooks_of_its_engine(engine: str) -> None:
    ansible = FakeAnsible(PlayResult("successful", {"db_fence": {"host": "orders", "already_fenced": True}}, 0, ()))
    fence = fence_of(ansible, engine)

    fence.fence("primary")
    fence.release("primary")

    names = {asked["playbook"] for asked in ansible.asked}
    assert names == {f"fence_{engine}.yml", f"release_{engine}.yml"}
    assert all((ROOT / "playbooks" / name).is_file() for name in names)


def test_a_playbook_that_ends_well_and_says_nothing_proves_nothing() -> None:
    with pytest.raises(Fatal) as refused:
        fence_of(FakeAnsible(PlayResult("successful", {}, 0, ()))).fence("primary")

    assert refused.value.code == "A210"


def test_a_provider_that_cannot_be_reached_may_be_tried_again() -> None:
    with pytest.raises(Retryable) as failed:
        fence_of(FakeAnsible(PlayResult("unreachable", {}, 0, (), "no route"))).fence("primary")

    assert failed.value.code == "A131"
