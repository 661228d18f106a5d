"""What Terraform is given: no secret in its environment where a private file can carry it, and every file as its reader reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from drill.adapters.terraform_papers import INHERITED, PROFILE, Handed, hand_over, passfile, without_password

KEYS = {"AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_SECRET_ACCESS_KEY": "canary/secret+key", "AWS_SESSION_TOKEN": "canary=token"}
ALIBABA = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAICANARY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "canary-secret"}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def told(given: Handed) -> str:
    return json.dumps(dict(given.environment))


def profile(given: Handed) -> dict[str, str]:
    (found,) = (row for row in json.loads(given.papers["ALICLOUD_SHARED_CREDENTIALS_FILE"])["profiles"] if row["name"] == PROFILE)
    return dict(found)


def test_keys_of_aws_are_read_from_the_file_as_the_sdk_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hand_over(KEYS, tmp_path)
    paper = tmp_path / "paper"
    paper.write_text(found.papers["AWS_SHARED_CREDENTIALS_FILE"])
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(paper))
    monkeypatch.setenv("AWS_PROFILE", found.environment["AWS_PROFILE"])

    read = Session().get_credentials().get_frozen_credentials()

    assert list(read)[:3] == list(KEYS.values())
    assert found.environment == {"AWS_PROFILE": PROFILE}
    assert set(KEYS.values()) <= set(found.secrets)


def test_keys_of_the_environment_still_go_before_a_role_and_beside_the_profiles_of_a_person(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = theirs\n")
    (tmp_path / "config").write_text("[profile ops]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = ops\n")
    ways = {
        "AWS_PROFILE": "ops",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "theirs"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/y",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    }

    found = hand_over({**KEYS, **ways}, tmp_path)

    paper = found.papers["AWS_SHARED_CREDENTIALS_FILE"]
    assert paper.startswith("[ops]\naws_access_key_id = AKIAOPS\n")
    assert f"\n[{PROFILE}]\nregion = eu-west-1\naws_access_key_id = AKIACANARY\n" in paper
    assert "role_arn" not in paper
    assert found.environment == {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": PROFILE}


def test_without_keys_the_ways_of_a_person_stay_as_they_are(tmp_path: Path) -> None:
    ways = {
        "AWS_PROFILE": "ops",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
        "ALICLOUD_PROFILE": "ops",
        "ALICLOUD_REGION": "cn-hangzhou",
    }

    found = hand_over(ways, tmp_path)

    assert found == Handed(ways)


@pytest.mark.parametrize(("token", "mode"), [("", "AK"), ("canary-token", "StsToken")])
def test_keys_of_alibaba_stand_in_the_file_that_its_provider_reads(tmp_path: Path, token: str, mode: str) -> None:
    found = hand_over({**ALIBABA, **({"ALICLOUD_SECURITY_TOKEN": token} if token else {})}, tmp_path)

    held = {"access_key_id": "LTAICANARY", "access_key_secret": "canary-secret", "mode": mode, **({"sts_token": token} if token else {})}
    assert profile(found) == {"name": PROFILE, **held}
    assert found.environment == {"ALICLOUD_PROFILE": PROFILE}


def test_a_profile_that_a_module_names_gets_the_keys_of_the_environment_as_the_provider_has_it(tmp_path: Path) -> None:
    (tmp_path / ".aliyun").mkdir()
    rows = [{"name": "ops", "mode": "AK", "access_key_id": "LTAIOPS", "access_key_secret": "theirs", "region_id": "cn-shanghai"}]
    (tmp_path / ".aliyun/config.json").write_text(json.dumps({"current": "ops", "profiles": rows}))

    found = hand_over({**ALIBABA, "ALIBABA_CLOUD_PROFILE": "ops"}, tmp_path)

    (_, ops) = json.loads(found.papers["ALICLOUD_SHARED_CREDENTIALS_FILE"])["profiles"]
    assert (ops["name"], ops["access_key_id"], ops["region_id"]) == ("ops", "LTAICANARY", "cn-shanghai")
    assert profile(found)["region_id"] == "cn-shanghai"
    assert "theirs" not in str(found.papers)


def test_variables_are_written_as_their_types_ask_and_only_those_that_the_module_declares(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "word" {\n  type = string\n}\nvariable "bare" {}\nvariable "rows" { type = list(string) }\nvariable "set" {}\n'
    )
    (tmp_path / "more.tf.json").write_text(json.dumps({"variable": {"shape": {"type": "object({a = number})"}}}))
    (tmp_path / "terraform.tfvars").write_text('set = "of the module"\n')
    values = {"word": 'say "${x}"\n', "bare": "[1]", "rows": '["a"]', "shape": "{a = 1}", "set": "no", "unknown": "no"}

    found = hand_over({f"TF_VAR_{name}": value for name, value in values.items()}, tmp_path)

    lines = ['word = "say \\"$${x}\\"\\u000a"', 'bare = "[1]"', 'rows = ["a"]', "shape = {a = 1}"]
    assert found.variables.splitlines() == lines
    assert found.environment == {}


@pytest.mark.parametrize(
    ("conn_str", "kept", "password"),
    [
        ("postgres://me:a%3Ab@db:5432/state?sslmode=require", "postgres://me@db:5432/state?sslmode=require", "a:b"),
        ("postgres://me@db/state?password=a%3Ab&sslmode=disable", "postgres://me@db/state?sslmode=disable", "a:b"),
        ("postgres://db/state", "postgres://db/state", ""),
        ("host=db password=secret user=me", "host=db user=me", "secret"),
        (r"host=db password='it\'s a secret'", "host=db", "it's a secret"),
        ("host=db passfile=/x user=me", "host=db passfile=/x user=me", ""),
    ],
)
def test_a_password_is_taken_out_of_a_connection(conn_str: str, kept: str, password: str) -> None:
    assert without_password(conn_str) == (kept, password)


def test_what_only_a_backend_needs_is_handed_to_that_backend_alone(tmp_path: Path) -> None:
    given = {"PG_CONN_STR": "postgres://me:canary@db/state", "TF_HTTP_USERNAME": "me", "TF_HTTP_PASSWORD": "canary"}

    local = hand_over(given, tmp_path)
    (tmp_path / "drill_override.tf").write_text('terraform {\n  backend "pg" {\n  }\n}\n')
    pg = hand_over(given, tmp_path)
    (tmp_path / "drill_override.tf").write_text('terraform {\n  backend "http" {\n  }\n}\n')
    http = hand_over(given, tmp_path)

    assert (local.environment, dict(local.papers)) == ({}, {})
    assert pg.environment == {"PG_CONN_STR": "postgres://me@db/state"}
    assert pg.papers == {"PGPASSFILE": passfile("canary")}
    assert http.environment == {"TF_HTTP_USERNAME": "me", "TF_HTTP_PASSWORD": "canary"}
    assert all("canary" in given.secrets for given in (pg, http))


def test_only_what_terraform_needs_is_inherited() -> None:
    needed = {*KEYS, *ALIBABA, "ALICLOUD_REGION", "TF_VAR_password", "PG_CONN_STR", "AWS_ENDPOINT_URL_EC2", "ALICLOUD_ECS_ENDPOINT"}
    others = {"DRILL_SECRET_PUSH_PATH", "ALIBABA_CLOUD_ANYTHING", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "PGPASSWORD", "TF_TOKEN_example_com"}

    assert {name for name in needed | others if INHERITED.fullmatch(name)} == needed


@given(st.sampled_from(sorted({*KEYS, *ALIBABA})), st.text("abcXYZ019/+=", min_size=8, max_size=40))
def test_no_key_stands_in_the_environment_whichever_of_them_are_there(missing: str, canary: str) -> None:
    keys = {name: f"{canary}-{number}" for number, name in enumerate({**KEYS, **ALIBABA})}
    del keys[missing]

    assert canary not in told(hand_over(keys, Path("/nowhere")))
