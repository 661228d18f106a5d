"""What is bound to one host is said before a drill relies on it."""

from __future__ import annotations

from pathlib import Path

from drill.model.plan import Site
from drill.settings import Settings
from drill.wiring.moving import what_cannot_move
from tests.engine.drilling import phase_of, plan_of, step_of

SANDBOX = plan_of(phase_of("a", step_of("a.x")))
LIVE = SANDBOX.model_copy(update={"sites": (Site(id="primary", provider="aws", region="eu-west-1"),)})


def names(settings: Settings, plan: object = LIVE) -> list[str]:
    assert isinstance(plan, type(LIVE))
    return [row.name for row in what_cannot_move(plan, settings)]


def settings(tmp_path: Path, url: str, secrets: Path | None = None) -> Settings:
    return Settings(tmp_path, tmp_path, tmp_path, url, secrets)


def test_on_one_host_journal_state_and_dead_man_stay_and_the_remedy_is_named(tmp_path: Path) -> None:
    alone = settings(tmp_path, f"sqlite:///{tmp_path / 'drill.sqlite'}")

    assert names(alone) == ["dead-man", "journal", "state"]
    assert all("DRILL_DATABASE_URL" in row.fix for row in what_cannot_move(LIVE, alone))
    assert "only a person ends it" in str(what_cannot_move(LIVE, alone)[0])


def test_on_a_shared_database_only_the_dead_man_stays_and_another_host_stands_in(tmp_path: Path) -> None:
    (only,) = what_cannot_move(LIVE, settings(tmp_path, "postgresql://drill@db.example.com/drill"))

    assert only.name == "dead-man"
    assert "not of its host" in only.what
    assert "another host takes the drill over after 24 s" in only.fix


def test_a_file_of_secrets_and_a_sandbox_are_this_hosts_own(tmp_path: Path) -> None:
    found = settings(tmp_path, "postgresql://drill@db.example.com/drill", tmp_path / "secrets")

    assert names(found, SANDBOX) == ["dead-man", "secrets", "sandbox"]
