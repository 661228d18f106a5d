"""What Terraform modules and playbooks of managed databases need is in the policies, and what nobody can see is noted."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from drill.adapters.policy_aliyun import aliyun_policy
from drill.adapters.policy_aws import aws_policy
from drill.adapters.terraform_types import defaults_of, types_of
from drill.model.errors import PreflightFailed
from drill.settings import Settings
from drill.wiring.doctor_policies import policy
from tests.clouds.policy_asking import actions_of
from tests.clouds.test_policies import ALIYUN, AWS, ROOT, needs, settings


def test_types_are_read_through_modules_beside_and_sources_elsewhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "main.tf").write_text(
        'resource "aws_vpc" "a" {}\n  data "aws_ami" "b" {}\nmodule "in" {\n  count = 1\n  source = "./inner"\n}\n'
        'module "out" {\n  source = "hashicorp/consul/aws"\n}\n# resource "aws_lb" "no" {}\n',
        encoding="utf-8",
    )
    (tmp_path / "inner" / "x.tf").write_text('resource "aws_sqs_queue" "q" {}\nmodule "up" {\n  source = "../"\n}\n', encoding="utf-8")

    assert types_of(tmp_path) == (frozenset({"aws_vpc", "aws_ami", "aws_sqs_queue"}), frozenset({"hashicorp/consul/aws"}))
    with pytest.raises(PreflightFailed, match="holds no Terraform module") as refusal:
        types_of(tmp_path / "nowhere")
    assert refusal.value.code == "F053"


def test_defaults_of_variables_are_read_where_they_are_texts_or_whole_numbers() -> None:
    found = defaults_of(ROOT / "terraform" / "sites" / "aws")

    assert (found["instance_type"], found["size"]) == ("t3.small", 2)
    assert "image" not in found
    assert "clients" not in found
    assert defaults_of(ROOT / "nowhere") == {}


def test_what_a_module_builds_that_no_rights_are_known_for_is_noted(tmp_path: Path) -> None:
    module = tmp_path / "terraform" / "own"
    module.mkdir(parents=True)
    (module / "main.tf").write_text('resource "aws_sqs_queue" "q" {}\nmodule "m" {\n  source = "corp/x/aws"\n}\n', encoding="utf-8")
    at = "phases.rebuild.steps.capacity.terraform.apply.module=terraform/own"
    here = Settings(tmp_path, tmp_path, tmp_path, f"sqlite:///{tmp_path / 'drill.sqlite'}", None)

    notes = policy(here, ROOT / "scenarios" / f"{AWS}.yaml", [at], "aws").notes

    assert [note for note in notes if "aws_sqs_queue" in note]
    assert [note for note in notes if "corp/x/aws" in note]


def test_every_type_in_the_shipped_modules_has_its_rights(tmp_path: Path) -> None:
    for name, of in ((AWS, "aws"), (ALIYUN, "aliyun")):
        sets = [f"phases.rebuild.steps.capacity.terraform.apply.module=terraform/sites/{of}"] if of == "aws" else []
        notes = policy(settings(tmp_path), ROOT / "scenarios" / f"{name}.yaml", sets, of).notes  # type: ignore[arg-type]
        assert not [note for note in notes if "no rights are known" in note]


def calls_in(file: Path) -> set[str]:
    """The literal first arguments of `read` and `act` in a module of a playbook."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"read", "act", "_tag"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


LEVER = "{check: c, primary: primary, standby: standby}"


def sent(*names: str) -> set[str]:
    """Every call of a client in these adapters, as `self._client().call(` and `clients.call("service", "call"`."""
    text = "".join((ROOT / "drill" / "adapters" / name).read_text(encoding="utf-8") for name in names)
    found = {*re.findall(r"_client\(\)\.(\w+)\(", text), *re.findall(r'"(describe_\w+|list_\w+|get_\w+|start_\w+|stop_\w+)"', text)}
    return {name.replace("_", "") for name in found}


@pytest.mark.parametrize(
    ("adapters", "sets"),
    [
        (
            ("dns_route53.py", "dns_route53_health.py"),
            [f"zones.example.com.levers={{x.example.com: {LEVER}}}"],
        ),
        (("tagged_aws.py",), []),
        (("outage_aws_fis.py",), ["phases.outage.steps.blackhole={outage.fis: {site: primary}}"]),
    ],
)
def test_every_call_in_the_source_of_an_adapter_is_allowed(tmp_path: Path, adapters: tuple[str, ...], sets: list[str]) -> None:
    granted = policy(settings(tmp_path), ROOT / "scenarios" / f"{AWS}.yaml", sets, "aws")
    allowed = {action.partition(":")[2].lower() for each in granted.documents for action in actions_of(each)}

    assert sent(*adapters)
    assert sent(*adapters) <= allowed


def test_every_call_of_the_managed_databases_playbooks_is_allowed_and_no_other() -> None:
    plays = {
        "aws": ("promote_rds", "fence_rds", "release_rds", "failover_aurora", "switchover_aurora"),
        "aliyun": ("promote_aliyun_rds", "fence_aliyun_rds", "release_aliyun_rds", "failover_polardb", "switchover_polardb"),
    }
    for of, make, name in (("aws", aws_policy, AWS), ("aliyun", aliyun_policy, ALIYUN)):
        sets = [
            f"phases.data.steps.p{number}={{ansible.play: {{playbook: {play}.yml, site: primary}}}}"
            for number, play in enumerate(plays[of])
        ]
        with_plays, without = actions_of(make(needs(name, *sets))), actions_of(make(needs(name)))
        asked = {call.replace("_", "").lower() for call in calls_in(ROOT / "playbooks" / "module_utils" / f"managed_{of}.py")}

        assert {action.partition(":")[2].lower() for action in with_plays} >= asked
        assert {action.partition(":")[2].lower() for action in with_plays - without} <= asked
