"""The keys of an account, and a real provider at work with them: it got them, and they show in no process, its own included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from drill.adapters.terraform import TerraformCli
from drill.model.ports import Workspace
from drill.wiring.stores import cloud_environment
from tests.adapters.terraform_watch import Watch, holding
from tests.clouds.aws_provider import OVERRIDE, provider_mirror

CANARIES = {
    "AWS_ACCESS_KEY_ID": "canary-aws-id",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-secret",
    "AWS_SESSION_TOKEN": "canary-aws-token",
    "TF_VAR_password": "canary-variable",
}
MODULE = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "eu-west-1"
}
variable "password" {
  type      = string
  sensitive = true
}
resource "aws_vpc" "site" {
  count      = length(var.password) == 15 ? 1 : 0
  cidr_block = "10.9.0.0/16"
}
"""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DRILL_TERRAFORM_MIRROR", str(provider_mirror()))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def cidrs(cloud: str) -> set[str]:
    """What was built."""
    vpcs = boto3.client("ec2", endpoint_url=cloud, region_name="eu-west-1").describe_vpcs()["Vpcs"]
    return {vpc["CidrBlock"] for vpc in vpcs if not vpc["IsDefault"]}


@pytest.mark.sweep
def test_no_key_shows_in_a_provider_that_builds_with_it(cloud: str, tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "main.tf").write_text(MODULE)
    (module / "emulator_override.tf").write_text(OVERRIDE.format(endpoint=cloud))
    cli = TerraformCli(tmp_path / "home", tmp_path, "test-provider-secrets", cloud_environment())
    workspace = Workspace("d1", "rebuild.capacity", "module", {})

    with Watch(tmp_path / "home", ["canary-"]) as watch:
        cli.plan(workspace)
        cli.apply(workspace, stopping=lambda: False, on_event=lambda _event: None)
        built = cidrs(cloud)
        cli.plan(workspace, destroy=True)
        cli.apply(workspace, stopping=lambda: False, on_event=lambda _event: None)

    assert (built, cidrs(cloud)) == ({"10.9.0.0/16"}, set())
    assert watch.found == set()
    assert [name for name in watch.programs if name.startswith("terraform-provider-aws")]
    assert set(watch.papers.values()) == {0o600}
    assert holding(tmp_path / "home", ["canary-"]) == []
