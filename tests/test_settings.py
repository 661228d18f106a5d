"""Settings: where things are, a key that stays, and secrets that come from where a person put them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drill.model.errors import PreflightFailed, UsageError
from drill.settings import EnvironmentSecrets, Settings, child_environment, handed_down, receive_handed_down, without_secrets


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRILL_REPORTS", "DRILL_DATABASE_URL", "DRILL_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "home"))


def test_the_home_is_dot_drill_here_unless_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRILL_HOME")
    monkeypatch.chdir(tmp_path)

    settings = Settings.load()

    assert settings.home == tmp_path / ".drill"
    assert settings.reports == tmp_path / "reports"
    assert settings.database_url == f"sqlite:///{tmp_path / '.drill' / 'drill.sqlite'}"


def test_reading_the_settings_makes_no_file(tmp_path: Path) -> None:
    Settings.load()

    assert list(tmp_path.iterdir()) == []


def test_a_database_of_its_own_is_used_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_DATABASE_URL", "postgresql+psycopg://db/drill")

    assert Settings.load().database_url == "postgresql+psycopg://db/drill"


def test_the_projects_own_playbooks_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert (Settings.load().project / "playbooks").is_dir()


def test_a_folder_with_playbooks_and_terraform_is_a_project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "terraform").mkdir()
    monkeypatch.chdir(tmp_path)

    assert Settings.load().project == tmp_path


def test_the_key_of_reply_codes_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    first, second = Settings.load().reply_key(), Settings.load().reply_key()

    assert first == second
    assert len(first) == 32
    assert (tmp_path / "home" / "reply.key").stat().st_mode & 0o077 == 0


def test_a_home_that_cannot_be_used_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "file"))

    with pytest.raises(UsageError) as refused:
        Settings.load().reply_key()

    assert refused.value.code == "U030"
    assert str(tmp_path / "file") in refused.value.what


def test_the_directory_of_a_drill_is_for_its_owner_only(tmp_path: Path) -> None:
    path = Settings.load().drill_dir("friday")

    assert path.is_dir()
    assert path.is_relative_to(tmp_path / "home")
    assert path.stat().st_mode & 0o077 == 0


def test_two_homes_have_two_marks_and_one_home_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Settings.load().mark()
    assert Settings.load().mark() == first

    monkeypatch.setenv("DRILL_HOME", str(tmp_path / "other"))

    assert Settings.load().mark() != first


# ---------------------------------------------------------------- secrets


def test_a_secret_comes_from_the_environment_then_the_sandbox_then_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secrets"
    file.write_text("# phones\nLEAD_PHONE = 13900000001\nONCALL_PHONE=13900000002\n", encoding="utf-8")
    secrets = EnvironmentSecrets(file, {"ONCALL_PHONE": "13900000003"})
    monkeypatch.setenv("DRILL_SECRET_MANAGER_PHONE", "13900000004")

    assert secrets.get("secret:LEAD_PHONE") == "13900000001"
    assert secrets.get("secret:ONCALL_PHONE") == "13900000003"
    assert secrets.get("secret:MANAGER_PHONE") == "13900000004"


def test_a_value_may_hold_an_equals_sign(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("DSN=host=127.0.0.1 dbname=shop\n", encoding="utf-8")

    assert EnvironmentSecrets(file).get("secret:DSN") == "host=127.0.0.1 dbname=shop"


def test_a_secret_that_is_not_set_is_said_with_how_to_set_it() -> None:
    with pytest.raises(PreflightFailed) as refused:
        EnvironmentSecrets(None).get("secret:LEAD_PHONE")

    assert refused.value.code == "F010"
    assert "DRILL_SECRET_LEAD_PHONE" in refused.value.fix


def test_a_line_that_is_commented_out_is_not_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("# LEAD_PHONE=13900000001\n", encoding="utf-8")

    with pytest.raises(PreflightFailed):
        EnvironmentSecrets(file).get("secret:LEAD_PHONE")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_secrets_file_that_cannot_be_read_is_said_and_shows_nothing_of_it(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secrets"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(PreflightFailed) as refused:
        EnvironmentSecrets(file).get("secret:LEAD_PHONE")

    assert refused.value.code == "F011"


SHOWS = """
import os, sys
import subprocess
import sys
from pathlib import Path
from drill.settings import EnvironmentSecrets, Settings, receive_handed_down
receive_handed_down()
print(EnvironmentSecrets(None).get("secret:LEAD_PHONE"), Settings.load().database_url)
print("13900004711" in Path("/proc/self/environ").read_text() or "hush-hush" in Path("/proc/self/environ").read_text())
"""


def test_a_child_is_told_the_secrets_and_its_environment_does_not_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_SECRET_LEAD_PHONE", "13900004711")
    monkeypatch.setenv("DRILL_DATABASE_URL", "postgresql://drill:hush-hush@db/drill")

    said = subprocess.run(
        [sys.executable, "-c", SHOWS], env=child_environment(), input=handed_down(), capture_output=True, check=True, timeout=60
    ).stdout.decode()

    assert said.splitlines() == ["13900004711 postgresql://drill:hush-hush@db/drill", "False"]


def test_secrets_that_do_not_arrive_whole_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_SECRET_LEAD_PHONE", "13900004711")

    said = subprocess.run(
        [sys.executable, "-m", "drill.cli.main", "observe", "x"],
        env=child_environment(),
        input=handed_down()[:-1],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert said.returncode == 2
    assert b"[U036]" in said.stderr
    assert b"13900004711" not in said.stderr


def test_a_process_that_was_handed_nothing_keeps_its_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_SECRET_LEAD_PHONE", "13900004711")

    receive_handed_down()

    assert EnvironmentSecrets(None).get("secret:LEAD_PHONE") == "13900004711"


def test_a_text_for_a_person_holds_no_secret_of_the_environment_and_no_password_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_SECRET_LEAD_PHONE", "13900004711")
    monkeypatch.setenv("DRILL_SECRET_ODD", 'a "quoted" one')

    told = without_secrets('to 13900004711: "a \\"quoted\\" one" of postgresql://drill:hush-hush@db/x at a:b@c')

    assert told == 'to ***: "***" of postgresql://drill:***@db/x at a:b@c'
