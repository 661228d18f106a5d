"""The modules of all sites: one interface, formatted, nothing that their providers do not know, and what the policy asks for."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from drill.adapters.terraform_binary import terraform_argv
from drill.model.open_ports import is_world
from tests.adapters.terraform_place import PROJECT
from tests.clouds.alicloud_arguments import KNOWN

SITES = PROJECT / "terraform/sites"
SHARED = {"drill", "step", "region", "size", "port", "health_path", "tags"}
OUTPUTS = {"addresses", "endpoints", "health_url", "instance_ids", "instances"}
_BLOCK = re.compile(r'^(resource|data) "(\w+)" "(\w+)" \{\n(.*?)^\}', re.DOTALL | re.MULTILINE)
_ARGUMENT = re.compile(r'^  (?:dynamic "(\w+)"|(\w+)) *[={]', re.MULTILINE)
_REFERENCE = re.compile(r"\b((?:data\.)?alicloud_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)")
_TERRAFORM_S_OWN = {"count", "for_each", "depends_on", "lifecycle", "provider"}


def text(site: str) -> str:
    return "\n".join(path.read_text() for path in sorted((SITES / site).glob("*.tf")))


def names(kind: str, site: str) -> set[str]:
    return set(re.findall(rf'^{kind} "(\w+)"', text(site), re.MULTILINE))


def blocks(site: str) -> list[tuple[str, str, set[str], str]]:
    """Of each block: its kind (data sources begin with `data.`), its name, its arguments and its text."""
    found = _BLOCK.findall(text(site))
    return [
        (f"data.{kind}" if what == "data" else kind, name, {dynamic or plain for dynamic, plain in _ARGUMENT.findall(body)}, body)
        for what, kind, name, body in found
    ]


@pytest.mark.parametrize("site", ["sandbox", "aws", "aliyun"])
def test_every_site_takes_and_puts_out_the_same(site: str) -> None:
    assert names("variable", site) >= SHARED
    assert names("output", site) == OUTPUTS


def test_both_clouds_take_exactly_the_same_so_that_a_scenario_may_change_clouds() -> None:
    assert names("variable", "aws") == names("variable", "aliyun")


def test_the_modules_are_formatted() -> None:
    done = subprocess.run([*terraform_argv(), "fmt", "-check", "-recursive", str(SITES.parent)], capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, b"")


def test_the_alibaba_module_says_nothing_that_its_provider_does_not_know_and_all_that_it_needs() -> None:
    known = json.loads(KNOWN.read_text())

    for kind, name, arguments, _ in blocks("aliyun"):
        given = arguments - _TERRAFORM_S_OWN
        assert given <= {*known[kind]["arguments"]}, f"{kind}.{name}"
        assert {*known[kind]["required"]} <= given, f"{kind}.{name}"
    for kind, shown in _REFERENCE.findall(text("aliyun")):
        assert shown in known[kind]["shown"], f"{kind}: {shown}"


def test_the_lint_finds_a_word_that_the_provider_does_not_know() -> None:
    known = json.loads(KNOWN.read_text())

    assert "cidr" not in known["alicloud_vpc"]["arguments"]
    assert {"cidr_block", "vpc_name", "tags"} <= {*known["alicloud_vpc"]["arguments"]}


@pytest.mark.parametrize("site", ["aws", "aliyun"])
def test_no_door_of_a_module_is_open_to_the_world_unless_its_caller_says_so(site: str) -> None:
    doors = [body for kind, _, _, body in blocks(site) if "security_group" in kind]
    ingress = "".join(re.sub(r"  egress \{.*?\n  \}\n", "", body, flags=re.DOTALL) for body in doors)

    assert doors
    assert "var.clients" in ingress
    assert [block for block in re.findall(r'"([0-9a-f.:]+/\d+)"', ingress) if is_world(block)] == []


@pytest.mark.parametrize(("site", "kind"), [("aws", "aws_lb"), ("aliyun", "alicloud_slb_load_balancer")])
def test_the_load_balancer_of_a_module_opts_in_so_that_an_outage_cuts_it_with_its_site(site: str, kind: str) -> None:
    own = [body for each, _, _, body in blocks(site) if each == kind]
    by_provider = re.search(r"default_tags \{\s+tags = local\.tags\s+\}", text(site))

    assert own
    assert by_provider or all(re.search(r"^  tags += local\.tags$", body, re.MULTILINE) for body in own)
    assert re.search(r"^  tags += merge\(var\.tags,", text(site), re.MULTILINE)


@pytest.mark.parametrize("site", ["aws", "aliyun"])
def test_a_role_may_read_named_secrets_and_nothing_else(site: str) -> None:
    policy = (SITES / site / "role.tf").read_text()

    assert re.findall(r'Action += "([^"]+)"', policy) == [
        "sts:AssumeRole",
        {"aws": "secretsmanager:", "aliyun": "kms:"}[site] + "GetSecretValue",
    ]
    assert re.findall(r"Resource += (\S+)", policy) == ["var.secrets"]
    assert "FullAccess" not in policy


@pytest.mark.parametrize("site", ["aws", "aliyun"])
def test_no_credential_and_no_secret_value_is_in_a_module(site: str) -> None:
    assert not re.search(r"(?i)(access_key|secret_key|password|token) *=(?! *\"required\")", text(site).replace("http_tokens", ""))
