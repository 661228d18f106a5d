"""A Terraform state that was lost, cut, swapped or edited: noticed before anything is built upon it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drill.model.errors import Fatal
from tests.adapters.terraform_place import Place


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("DRILL_TERRAFORM", raising=False)
    place = Place(tmp_path)
    place.build(place.workspace(place.module('variable "n" { default = 2 }\nresource "terraform_data" "a" { count = var.n }')))
    return place


def _edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda state: state.unlink(), "is gone, but it held 2"),
        (lambda state: state.write_text(""), "is gone, but it held 2"),
        (lambda state: state.write_text(state.read_text()[:100]), "cannot be read"),
        (lambda state: _edit(state, serial=0), "is serial 0"),
        (lambda state: _edit(state, lineage="another"), "of another"),
        (lambda state: _edit(state, resources=[]), "changed by hand"),
        (lambda state: _edit(state, version=5), "has format 5"),
        (lambda state: (state.with_name("errored.tfstate")).write_text("{}"), "was not saved"),
        (lambda state: (state.with_name("last.json")).write_text("{"), "which is broken"),
    ],
)
def test_a_state_that_is_not_the_one_that_was_left_is_never_built_upon(built: Place, harm: Callable[[Path], object], words: str) -> None:
    harm(built.directory / "terraform.tfstate")

    for look in (built.cli.resources, built.cli.plan):
        with pytest.raises(Fatal, match=words) as caught:
            look(built.workspace(str(built.tmp_path / "module")))
        assert caught.value.code == "A242"


def test_a_lost_state_is_mended_from_its_copy_as_the_error_says(built: Place) -> None:
    state = built.directory / "terraform.tfstate"
    state.unlink()

    shutil.copy(state.with_name("last.tfstate"), state)

    assert built.cli.resources(built.workspace("")) == ["terraform_data.a[0]", "terraform_data.a[1]"]
    assert built.cli.plan(built.workspace(str(built.tmp_path / "module"))).changes == ()


def test_a_person_may_accept_the_state_as_it_is(built: Place) -> None:
    (built.directory / "terraform.tfstate").unlink()
    (built.directory / "last.json").unlink()

    assert built.cli.resources(built.workspace("")) == []


def test_after_a_destroy_nothing_is_missed(built: Place) -> None:
    built.destroy()

    (built.directory / "terraform.tfstate").unlink()

    assert built.cli.resources(built.workspace("")) == []
