"""A managed database is fenced by its playbook, believed only when the provider says so, and released only while nobody else writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.fence_managed import ENGINES, ManagedFence
from drill.model.errors import Fatal
from drill.model.ports import PlayResult
from tests.fakes import FakeAnsible

ROOT = Path(__file__).resolve().parents[2]


class Provider(FakeAnsible):
    """A database that a playbook fences and releases; `deaf` ones stay open whatever is asked."""

    def __init__(self, *, deaf: bool = False) -> None:
        super().__init__(PlayResult("successful", {}, 0, ()))
        self.fenced = False
        self.deaf = deaf

    def play(self, playbook: str, **asked: Any) -> PlayResult:
        already = self.fenced
        if not asked["check"] and not self.deaf:
            self.fenced = playbook.startswith("fence_")
        self.asked.append({"playbook": playbook, **asked})
        return PlayResult("successful", {"db_fence": {"host": "orders", "already_fenced": already}}, 0, ())


class Ground:
    """An inventory of one database (part of port Ground)."""

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": {"orders": {}}}}}}


def fence_of(provider: FakeAnsible, *, writable: str | None = None, engine: str = "rds") -> ManagedFence:
    ground: Any = Ground()
    return ManagedFence({"primary": engine}, provider, ground, lambda _site: writable)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_announced_fenced_once_and_given_back_by_the_playbooks_of_its_engine(engine: str) -> None:
    provider = Provider()
    fence = fence_of(provider, engine=engine)
    (effect,) = fence.preview("primary")
    assert (effect.target, effect.marks) == ("primary/orders", frozenset({"fence"}))
    assert not provider.fenced

    assert fence.fence("primary") == {"site": "primary", "host": "orders", "already": False}
    assert fence.fence("primary")["already"]
    assert fence.preview("primary") == []

    fence.release("primary")
    assert not provider.fenced
    names = {asked["playbook"] for asked in provider.asked}
    assert names == {f"fence_{engine}.yml", f"release_{engine}.yml"}
    assert all((ROOT / "playbooks" / name).is_file() for name in names)


@pytest.mark.parametrize("provider", [Provider(deaf=True), FakeAnsible(PlayResult("successful", {}, 0, ()))])
def test_a_playbook_that_ends_well_proves_nothing_by_itself(provider: FakeAnsible) -> None:
    with pytest.raises(Fatal) as refused:
        fence_of(provider).fence("primary")

    assert refused.value.code == "A210"


def test_it_stays_shut_while_another_site_takes_writes() -> None:
    provider = Provider()
    fence_of(provider).fence("primary")

    with pytest.raises(Fatal) as refused:
        fence_of(provider, writable="standby").release("primary")

    assert refused.value.code == "A211"
    assert provider.fenced
