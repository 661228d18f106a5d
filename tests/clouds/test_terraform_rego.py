"""A team's own Rego, judged in this process by regorus and by an `opa` on PATH: it refuses, and what cannot be judged is refused too."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.terraform_rego import denied
from drill.model.errors import Fatal
from tests.adapters.terraform_place import PROJECT, Place

OPEN = {"from_port": 5000, "to_port": 6000, "cidr_blocks": ["0.0.0.0/0"]}
FAKE_OPA = """#!/bin/sh
printf '%s\\n' "$@" > "$0.words"
cat > "$0.input"
{answer}
"""


@pytest.fixture(autouse=True)
def policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_REGO", "terraform/policy")


def plan(kind: str, actions: list[str], *, before: Any = None, after: Any = None) -> dict[str, Any]:
    change = {"actions": actions, "before": before, "after": after}
    row = {"address": f'{kind}.it["a \\"b\\""]', "type": kind, "mode": "managed", "change": change}
    return {"format_version": "1.2", "variables": {"password": {"value": "mine"}}, "resource_changes": [row]}


def test_the_rules_that_are_shipped_say_the_same_in_rego() -> None:
    tags = {"drill": "allowed", "drill-id": "d1"}

    assert denied(plan("aws_vpc", ["create"], after={"tags": tags}), PROJECT) == ()
    assert denied(plan("aws_vpc", ["create"], after={"tags": None, "tags_all": tags}), PROJECT) == ()
    assert len(denied(plan("aws_vpc", ["create"], after={"tags": None}), PROJECT)) == 1
    assert len(denied(plan("aws_vpc", ["delete"], before={"tags": {"drill": "allowed"}}), PROJECT)) == 1
    assert denied(plan("aws_vpc", ["delete"], before={"tags": tags}), PROJECT) == ()
    assert denied(plan("aws_security_group", ["create"], after={"tags": tags, "ingress": [OPEN]}), PROJECT) == (
        'aws_security_group.it["a \\"b\\""]: port 5432 is open to 0.0.0.0/0',
    )


def test_without_the_setting_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRILL_REGO")

    assert denied({}, Path("/nowhere")) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no .rego file"),
        ("package drill.plan\nimport rego.v1\nallow := true\n", "drill.plan.deny"),
        ("package drill.plan\ndeny contains\n", "cannot be judged by"),
    ],
)
def test_what_cannot_be_judged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str) -> None:
    monkeypatch.setenv("DRILL_REGO", str(tmp_path))
    if text is not None:
        (tmp_path / "own.rego").write_text(text)

    with pytest.raises(Fatal, match=words) as caught:
        denied(plan("aws_vpc", ["create"], after={}), PROJECT)

    assert caught.value.code == "A248"


def test_a_real_plan_is_judged_without_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_REGO", str(tmp_path))
    (tmp_path / "own.rego").write_text(
        "package drill.plan\nimport rego.v1\n"
        'deny contains sprintf("%s: no", [rc.address]) if some rc in input.resource_changes\n'
        'deny contains "variables are shown" if input.variables\n'
    )
    place = Place(tmp_path)
    module = place.module('variable "size" { default = 1 }\nresource "terraform_data" "app" {}')

    assert place.cli.preview(module, {}).denied == ("terraform_data.app: no",)


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == "regorus" else find(name, *more))


def _opa(folder: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = folder / "opa"
    program.write_text(FAKE_OPA.format(answer=answer))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return program


@pytest.mark.usefixtures("no_wheel")
def test_an_opa_on_path_is_asked_where_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = """echo '{"result": [{"expressions": [{"value": ["b: no", "a: no"]}]}]}'"""
    program = _opa(tmp_path, answer, monkeypatch)

    said = denied(plan("aws_vpc", ["create"], after={}), PROJECT)

    assert said == ("a: no", "b: no")
    assert "data.drill.plan.deny" in Path(f"{program}.words").read_text().splitlines()
    assert "mine" not in Path(f"{program}.input").read_text()


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("answer", ["echo 'rego_parse_error: no' >&2; exit 2", "echo '{}'", "echo nonsense"])
def test_an_opa_that_fails_or_says_nothing_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    _opa(tmp_path, answer, monkeypatch)

    with pytest.raises(Fatal, match="A248"):
        denied(plan("aws_vpc", ["create"], after={}), PROJECT)


@pytest.mark.usefixtures("no_wheel")
def test_without_any_engine_the_plan_is_refused_and_the_remedy_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Fatal, match=r"dr-drill\[rego\]"):
        denied(plan("aws_vpc", ["create"], after={}), PROJECT)
