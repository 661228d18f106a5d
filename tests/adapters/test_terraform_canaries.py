"""Secrets of the environment, and a real Terraform at work: none shows in any process, none is left on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.adapters.terraform_orphans import end_orphans
from drill.wiring.stores import cloud_environment
from tests.adapters.terraform_place import PROJECT, Place
from tests.adapters.terraform_watch import Watch, holding

CANARIES = {
    "AWS_ACCESS_KEY_ID": "canary-aws-id",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-secret",
    "AWS_SESSION_TOKEN": "canary-aws-token",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "canary-alibaba-id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "canary-alibaba-secret",
    "ALICLOUD_SECURITY_TOKEN": "canary-alibaba-token",
    "TF_VAR_password": "canary-variable",
    "PG_CONN_STR": "postgres://me:canary-database@127.0.0.1/state",
    "TF_HTTP_PASSWORD": "canary-http",
    "DRILL_SECRET_PUSH_PATH": "canary-push-path-of-drill",
    "SOME_TOKEN": "canary-of-another",
}
WORDS = ["canary-"]
TYPED = """
variable "password" {
  type = string
}
resource "terraform_data" "app" {
  provisioner "local-exec" {
    command = "sleep WAIT"
  }
}
output "length" {
  value = length(var.password)
}
"""
PAPERS = ["aws_shared_credentials_file.paper", "alicloud_shared_credentials_file.paper"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    place = Place(tmp_path, cloud_environment())
    yield place
    place.end()


def test_no_canary_shows_in_terraform_or_below_it_and_the_private_files_are_gone(place: Place) -> None:
    workspace = place.workspace(place.module(TYPED.replace("WAIT", "0.5")))

    with Watch(place.home, WORDS) as watch:
        outputs = place.build(workspace)

    assert outputs == {"length": len("canary-variable")}
    assert watch.found == set()
    assert {"terraform", "sleep"} <= watch.programs
    assert {f"apply-{name}" for name in PAPERS} | {"drill-private.auto.tfvars"} <= watch.papers.keys()
    assert set(watch.papers.values()) == {0o600}
    assert holding(place.home, WORDS) == []


def test_an_ephemeral_variable_is_there_when_the_saved_plan_is_applied(place: Place) -> None:
    text = 'variable "password" {\n  type = string\n  ephemeral = true\n}\nresource "terraform_data" "a" {\n  lifecycle {\n'
    text += '    precondition {\n      condition = length(var.password) == 15\n      error_message = "no"\n    }\n  }\n}\n'

    place.build(place.workspace(place.module(text)))

    assert place.cli.resources(place.workspace("")) == ["terraform_data.a"]
    assert holding(place.home, WORDS) == []


ENGINE = """
import sys
from pathlib import Path
from drill.adapters.terraform import TerraformCli
from drill.model.ports import Workspace
from drill.wiring.stores import cloud_environment
home, project, mark, module = sys.argv[1:]
cli = TerraformCli(Path(home), Path(project), mark, cloud_environment())
workspace = Workspace("d1", "rebuild.capacity", module, {})
cli.plan(workspace)
cli.apply(workspace, stopping=lambda: False, on_event=lambda event: None)
"""


@pytest.mark.parametrize("way", ["resume", "sweep"])
def test_the_private_files_of_a_killed_engine_are_gone_after_a(way: str, place: Place) -> None:
    module = place.module(TYPED.replace("WAIT", "30"))
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(place.home), str(PROJECT), place.mark, module])
    until_s = time.monotonic() + 60
    while not list(place.home.rglob("apply-*.paper")) and time.monotonic() < until_s:
        time.sleep(0.01)
    time.sleep(0.5)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    left = holding(place.home, WORDS)

    if way == "resume":
        place.cli.resources(place.workspace(""))
    else:
        end_orphans(place.home, place.mark, grace_s=10.0)

    assert [path for path in left if path.endswith(".paper")] != []
    assert holding(place.home, WORDS) == []
    assert place.marked() == []
