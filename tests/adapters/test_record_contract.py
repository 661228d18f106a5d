"""What every keeper of output, every clock and every source of secrets promises, the real ones and the fakes alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
import sqlalchemy as sa

from drill.adapters.artifacts_files import FileArtifacts
from drill.adapters.artifacts_sql import SqlArtifacts
from drill.adapters.clock import SystemClock
from drill.model.errors import PreflightFailed
from drill.model.ports import Artifacts, Clock, Secrets
from drill.settings import EnvironmentSecrets
from tests.fakes import FakeArtifacts, FakeClock, FakeSecrets


@pytest.fixture(params=["memory", "files", "sqlite", "postgres"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path, open_sql: Callable[[str], sa.Engine]) -> Artifacts:
    if request.param == "memory":
        return FakeArtifacts()
    return FileArtifacts(tmp_path) if request.param == "files" else SqlArtifacts(open_sql(request.param))


@pytest.fixture(params=["fake", "system"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return FakeClock() if request.param == "fake" else SystemClock()


@pytest.fixture(params=["fake", "environment", "file"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    if request.param == "fake":
        return FakeSecrets({"PHONE": "+86 139=1"})
    if request.param == "environment":
        monkeypatch.setenv("DRILL_SECRET_PHONE", "+86 139=1")
        return EnvironmentSecrets(None)
    (tmp_path / "secrets").write_text("# ours\nPHONE = +86 139=1\n")
    return EnvironmentSecrets(tmp_path / "secrets")


@pytest.mark.parametrize("content", [b"", b"\x00\xff\r\n", b"plan"])
def test_what_was_put_comes_back_to_the_byte_under_its_digest(artifacts: Artifacts, content: bytes) -> None:
    sha256 = artifacts.put("d-1", "plan.json", content)

    assert sha256 == hashlib.sha256(content).hexdigest()
    assert artifacts.get("d-1", sha256) == content
    assert artifacts.names("d-1") == {sha256: "plan.json"}


def test_the_same_content_twice_is_kept_once_under_its_first_name(artifacts: Artifacts) -> None:
    first, second = artifacts.put("d-1", "b.log", b"same"), artifacts.put("d-1", "c.log", b"same")
    artifacts.put("d-1", "a.log", b"same")

    assert first == second
    assert artifacts.names("d-1") == {first: "b.log"}


def test_a_drill_sees_its_own_only_and_what_is_not_there_is_said_to_be_missing(artifacts: Artifacts) -> None:
    sha256 = artifacts.put("d-1", "plan.json", b"plan")

    assert artifacts.names("d-2") == {}
    with pytest.raises(KeyError):
        artifacts.get("d-2", sha256)


def test_wall_time_is_utc_and_the_other_one_never_goes_back(clock: Clock) -> None:
    begun_s, now = clock.mono_s(), clock.now()
    clock.sleep(0.01)
    clock.sleep(-5.0)

    assert now.tzinfo is UTC
    assert clock.mono_s() >= begun_s + 0.01
    assert clock.now() >= now
    assert clock.epoch == clock.epoch != ""


def test_a_secret_is_had_by_its_reference_as_it_was_written(secrets: Secrets) -> None:
    assert secrets.get("secret:PHONE") == "+86 139=1"


def test_a_secret_that_is_not_set_is_told_by_its_name(secrets: Secrets) -> None:
    with pytest.raises(PreflightFailed, match="ABSENT") as refused:
        secrets.get("secret:ABSENT")

    assert refused.value.code == "F010"
    assert refused.value.fix
