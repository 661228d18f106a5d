"""Real Terraform on real modules: the sandbox's, ones that are wrong, and ones that hold secrets."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from drill.model.errors import Fatal, Retryable, StepError
from tests.adapters.terraform_place import ENGINES, PROJECT, SANDBOX, Place

BUILT = {
    "addresses": ["127.0.2.1", "127.0.2.2"],
    "endpoints": [],
    "health_url": "",
    "instance_ids": ["b1", "b2"],
    "instances": ["b1", "b2"],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.delenv("DRILL_TERRAFORM", raising=False)
    place = Place(tmp_path)
    yield place
    place.end()


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "wheel":
        monkeypatch.setenv("PATH", "")
    return place


# ---------------------------------------------------------------- the sandbox's module


def test_each_app_server_is_one_resource_and_one_process_and_all_of_them_go(any_engine: Place) -> None:
    place = any_engine

    outputs = place.build(place.sandbox())
    made = place.instances()
    place.destroy()

    assert outputs == BUILT
    assert {name: (row["region"], row["address"]) for name, row in made.items()} == {"b1": ("b", "127.0.2.1"), "b2": ("b", "127.0.2.2")}
    assert place.instances() == {}
    assert sorted(place.log()) == ["create b1", "create b2", "destroy b1", "destroy b2"]
    assert place.marked() == []


def test_a_server_more_leaves_the_others_alone(place: Place) -> None:
    workspace = place.sandbox()
    place.build(workspace)
    before = place.instances()

    wider = place.workspace(SANDBOX, **{**workspace.variables, "addresses": ["127.0.2.1", "127.0.2.2", "127.0.2.3"]})
    outputs = place.build(wider)

    assert outputs["addresses"] == ["127.0.2.1", "127.0.2.2", "127.0.2.3"]
    assert {name: row["pid"] for name, row in place.instances().items() if name != "b3"} == {
        name: row["pid"] for name, row in before.items()
    }


def test_a_site_may_be_smaller_than_its_addresses_and_tells_urls_when_it_knows_the_port(place: Place) -> None:
    module = place.sandbox()

    plan = place.cli.preview(module.module, {**module.variables, "size": 1, "port": 8080, "health_path": "/up"})
    with pytest.raises(Fatal, match="fewer addresses"):
        place.cli.preview(module.module, {**module.variables, "size": 3})

    assert [change.address for change in plan.changes] == ['terraform_data.app["b1"]']
    assert plan.outputs["endpoints"] == ["http://127.0.2.1:8080"]
    assert plan.outputs["health_url"] == "http://127.0.2.1:8080/up"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"addresses": ["127.0.2.1", "127.0.2.1"]}, "cannot share an address"),
        ({"addresses": ["127.0.2.1; rm"]}, "Addresses are IPv4"),
        ({"control": []}, "at least a program"),
        ({"region": "b; rm"}, "is a word"),
        ({"addresses": None}, "addresses"),
    ],
)
def test_what_the_sandbox_cannot_serve_is_refused_before_anything_runs(place: Place, variables: dict[str, object], words: str) -> None:
    with pytest.raises(Fatal, match=words) as caught:
        place.cli.preview(SANDBOX, {"addresses": ["127.0.2.1"], "control": ["true"], **variables})

    assert caught.value.code == "A241"


# ---------------------------------------------------------------- looking ahead


def test_a_preview_needs_no_sandbox_is_cheap_and_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = place.tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    variables = {"addresses": ["127.0.2.1", "127.0.2.2"], "control": ["(known after apply)"]}
    place.cli.preview(SANDBOX, variables)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    plan = place.cli.preview(SANDBOX, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert [change.address for change in plan.changes] == ['terraform_data.app["b1"]', 'terraform_data.app["b2"]']
    assert plan.outputs == BUILT
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    assert (list(scratch.iterdir()), place.home.exists()) == ([], False)


def test_asking_for_resources_makes_no_directory(place: Place) -> None:
    assert place.cli.resources(place.workspace("never-built")) == []
    assert not place.home.exists()


# ---------------------------------------------------------------- modules


def test_a_workspace_holds_all_that_its_module_uses_even_from_beside_it(place: Place) -> None:
    place.module('output "text" { value = file("${path.module}/text.txt") }', "modules/shared")
    (place.tmp_path / "modules" / "shared" / "text.txt").write_text("kept")
    module = place.module('module "a" { source = "../../modules/shared" }\noutput "text" { value = module.a.text }', "sites/one")
    (place.tmp_path / "sites" / "one" / "terraform.tfstate").write_text("somebody else's")
    workspace = place.workspace(module)

    outputs = place.build(workspace)
    shutil.rmtree(place.tmp_path / "modules")
    shutil.rmtree(place.tmp_path / "sites")

    assert outputs == {"text": "kept"}
    assert place.cli.plan(place.workspace(""), destroy=True).changes == ()


def test_a_file_that_left_the_module_leaves_the_workspace(place: Place) -> None:
    module = place.module('resource "terraform_data" "a" {}')
    extra = Path(module) / "extra.tf"
    extra.write_text('resource "terraform_data" "b" {}')
    place.build(place.workspace(module))
    extra.unlink()

    plan = place.cli.plan(place.workspace(module))

    assert [(change.address, change.actions) for change in plan.changes] == [("terraform_data.b", ("delete",))]


def test_a_module_that_keeps_its_state_elsewhere_keeps_it_in_the_workspace_here(place: Place) -> None:
    module = place.module('terraform {\n  backend "s3" { bucket = "b" }\n}\nresource "terraform_data" "a" {}')

    place.build(place.workspace(module))

    assert place.cli.resources(place.workspace(module)) == ["terraform_data.a"]
    assert (place.directory / "terraform.tfstate").exists()


def test_addresses_are_those_that_terraform_uses(place: Place) -> None:
    place.module('resource "terraform_data" "a" { count = 2 }\nresource "terraform_data" "b" {}', "module/inner")
    text = 'module "m" {\n  source   = "./inner"\n  for_each = toset(["x", "it\'s"])\n}\nresource "terraform_data" "c" {}'
    module = place.module(text)

    plan = place.cli.plan(place.workspace(module))
    place.cli.apply(place.workspace(module), stopping=lambda: False, on_event=lambda _event: None)

    assert sorted(change.address for change in plan.changes) == place.cli.resources(place.workspace(module))


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('resource "terraform_data" "a" {', "A241", "Unclosed configuration block"),
        ('variable "size" {}\nresource "terraform_data" "a" { input = var.size }', "A241", "No value for required variable"),
        ('terraform {\n  required_version = ">= 99"\n}', "A240", "Unsupported Terraform Core version"),
        ('module "m" { source = "./absent" }', "A241", "Unreadable module directory"),
    ],
)
def test_a_module_that_is_wrong_is_fatal_and_says_why(any_engine: Place, text: str, code: str, words: str) -> None:
    module = any_engine.module(text)

    with pytest.raises(Fatal, match=words) as caught:
        any_engine.cli.plan(any_engine.workspace(module))

    assert caught.value.code == code


def test_a_directory_without_a_module_is_named(place: Place) -> None:
    with pytest.raises(Fatal, match=f"A241.*{PROJECT}/terraform/sites/nowhere"):
        place.cli.preview("terraform/sites/nowhere", {})


def test_a_module_that_holds_the_home_is_not_copied_into_itself(place: Place) -> None:
    (place.tmp_path / "main.tf").write_text("")

    with pytest.raises(Fatal, match=r"A241.*lies inside"):
        place.cli.plan(place.workspace(str(place.tmp_path)))


def test_a_provider_that_its_mirror_does_not_hold_may_come_later(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    settings = tmp_path / "settings.tfrc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path / "mirror"}"\n  }}\n}}')
    place = Place(tmp_path, {"TF_CLI_CONFIG_FILE": str(settings)})
    module = place.module('resource "acme_server" "a" {}')

    with pytest.raises(Retryable, match="acme") as caught:
        place.cli.plan(place.workspace(module))

    assert caught.value.code == "A142"


def test_a_resource_that_fails_is_named_and_the_next_try_goes_on_from_there(any_engine: Place) -> None:
    place = any_engine

    with pytest.raises(Retryable, match=r'terraform_data.app\["b2"\].*no room for b2') as caught:
        place.build(place.sandbox("--refuse", "b2"))
    errored = [event.address for event in place.events if event.type == "apply_errored"]
    place.build(place.sandbox())

    assert caught.value.code == "A141"
    assert errored == ['terraform_data.app["b2"]']
    assert set(place.instances()) == {"b1", "b2"}


def test_no_error_of_a_library_gets_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = place.tmp_path / "broken"
    broken.write_text('#!/bin/sh\n[ "$1" = version ] && echo \'{"terraform_version": "1.9.0"}\'\nexit 0\n')
    broken.chmod(0o755)
    monkeypatch.setenv("DRILL_TERRAFORM", str(broken))

    with pytest.raises(StepError, match=r"A143.*drill\.tfplan"):
        place.cli.preview(SANDBOX, {"addresses": [], "control": ["true"]})


# ---------------------------------------------------------------- secrets

SECRET = 'pass"word-of-nobody'
TELLS = """
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "a" {
  input            = nonsensitive(var.password)
  triggers_replace = { password = var.password, size = SIZE }
  provisioner "local-exec" {
    command = "echo \\"$TF_VAR_password\\"; env > '${path.module}/seen'; test SIZE = 1"
  }
}
output "password" {
  value     = var.password
  sensitive = true
}
output "copied" { value = nonsensitive(var.password) }
"""


def test_no_secret_gets_into_an_event_an_output_a_plan_or_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key-of-the-engine")
    place = Place(tmp_path, {"TF_VAR_password": SECRET})
    module = place.module(TELLS.replace("SIZE", "1"))

    plan = place.cli.plan(place.workspace(module))
    outputs = place.cli.apply(place.workspace(module), stopping=lambda: False, on_event=place.events.append)
    seen = (place.directory / "seen").read_text()
    place.module(TELLS.replace("SIZE", "2"))
    with pytest.raises(Retryable) as caught:
        place.build(place.workspace(module))

    assert SECRET not in seen
    assert "TF_VAR_" not in seen
    assert "key-of-the-engine" not in seen
    assert outputs == {"copied": "***"}
    assert "password" not in plan.changes[0].after.get("triggers_replace", {})
    assert "exit status 1" in caught.value.what
    for text in (repr(plan), repr(outputs), repr(place.events), str(caught.value)):
        assert SECRET not in text
        assert json.dumps(SECRET)[1:-1] not in text


def test_what_may_hold_a_secret_is_for_our_eyes_only_and_a_plan_does_not_stay(place: Place) -> None:
    place.build(place.workspace(place.module('resource "terraform_data" "a" {}')))

    modes = {path.name: path.stat().st_mode & 0o777 for path in place.directory.iterdir()}

    assert place.directory.stat().st_mode & 0o777 == 0o700
    assert modes["drill.auto.tfvars.json"] == modes["last.tfstate"] == modes["applied.jsonl"] == 0o600
    assert not {"drill.tfplan", "show.jsonl"} & modes.keys()
