"""What the Alibaba module would build, worked out by Terraform itself without its provider: its resources become plain data.

Every expression of the module is evaluated as it stands: variables and their checks, locals, `count`, `for_each`. What another resource's
id would be is known only after apply, as with the provider. Arguments that the provider takes and the module leaves out are empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from drill.model.ports import TerraformChange, TerraformPlan
from tests.adapters.terraform_place import PROJECT, Place
from tests.clouds.alicloud_arguments import KNOWN

MODULE: Final = PROJECT / "terraform/sites/aliyun"
VARIABLES: Final = {"region": "cn-shanghai", "image": "m-drill", "clients": ["198.51.100.0/24"], "secrets": ["acs:kms:*:*:secret/app"]}
_RESOURCE: Final = re.compile(r'^resource "(alicloud_\w+)" "(\w+)" \{\n(.*?)^\}\n', re.DOTALL | re.MULTILINE)
_DATA: Final = re.compile(r'^data "(\w+)" "(\w+)" \{\n.*?^\}\n', re.DOTALL | re.MULTILINE)
_INNER: Final = re.compile(r'^  (?:dynamic "(\w+)"|(\w+)) \{\n.*?^  \}\n', re.DOTALL | re.MULTILINE)
_META: Final = re.compile(r"^  (count|for_each|depends_on) += .*\n", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"\b(alicloud_\w+)\.(\w+)(\[[^\]]*\])?\.(\w+)")
_ADDRESS: Final = re.compile(r"terraform_data\.(alicloud_\w+?)__(\w+)(.*)")
_LOOKED_UP: Final = {"data.alicloud_zones.here.ids": '["cn-shanghai-b", "cn-shanghai-a", "cn-shanghai-c"]'}
_LEFT_OUT: Final = {"backend_servers"}
"""Blocks within resources, which are not evaluated: none that a rule looks at."""


def module_text() -> str:
    """The module, but its outputs and the choice of its provider."""
    return "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(MODULE.glob("*.tf")) if path.name not in {"outputs.tf", "versions.tf"}
    )


def addresses_of(text: str) -> set[str]:
    """Every resource that a module describes, whether any of it would be built or not."""
    return {f"{kind}.{name}" for kind, name, _ in _RESOURCE.findall(text)}


def planned(place: Path, text: str, **variables: Any) -> TerraformPlan:
    """The plan of a first apply, in words of the provider; `variables` are put over VARIABLES."""
    known: dict[str, dict[str, list[str]]] = json.loads(KNOWN.read_text(encoding="utf-8"))
    home = Place(place)
    given = {**VARIABLES, **variables}
    plan = home.cli.preview(home.module(_without_provider(text)), given)
    changes = tuple(_restored(change, known) for change in plan.changes)
    return replace(plan, changes=changes, regions={"alicloud": _region(given)})


def _region(given: dict[str, Any]) -> str:
    [said] = re.findall(r'^provider "alicloud" \{\n  region = var\.(\w+)\n\}', (MODULE / "versions.tf").read_text(), re.MULTILINE)
    return str(given[said])


def _without_provider(text: str) -> str:
    plain = _RESOURCE.sub(lambda found: _plain(*found.groups()), _DATA.sub("", text))
    for name, value in _LOOKED_UP.items():
        plain = plain.replace(name, value)
    return plain


def _plain(kind: str, name: str, body: str) -> str:
    inner = {dynamic or plain for dynamic, plain in _INNER.findall(body)}
    assert inner <= _LEFT_OUT, f"{kind}.{name}: {inner - _LEFT_OUT} would not be evaluated"
    body = _INNER.sub("", body)
    meta = "".join(found.group(0) for found in _META.finditer(body) if found.group(1) != "depends_on")
    values = _ELSEWHERE.sub(_referred, _META.sub("", body))
    return f'resource "terraform_data" "{kind}__{name}" {{\n{meta}  input = {{\n{values}  }}\n}}\n'


def _referred(found: re.Match[str]) -> str:
    kind, name, index, shown = found.groups()
    return f"terraform_data.{kind}__{name}{index or ''}.{'id' if shown == 'id' else f'output.{shown}'}"


def _restored(change: TerraformChange, known: dict[str, dict[str, list[str]]]) -> TerraformChange:
    found = _ADDRESS.fullmatch(change.address)
    assert found is not None, change.address
    kind, name, index = found.groups()
    empty: dict[str, Any] = dict.fromkeys(known[kind]["arguments"])
    unknown = change.unknown.get("input")
    return replace(
        change,
        address=f"{kind}.{name}{index}",
        type=kind,
        after={**empty, **change.after["input"]},
        unknown=unknown if isinstance(unknown, dict) else {},
        provider="registry.terraform.io/aliyun/alicloud",
    )


def taking_tags(plan: TerraformPlan) -> Iterator[str]:
    """Addresses of what the provider would give tags."""
    return (change.address for change in plan.changes if "tags" in change.after)
