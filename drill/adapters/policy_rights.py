"""Rights a plan needs, cloud by cloud, and the document that grants them and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drill.model.plan import Plan, PlannedStep, Site

AWS_VERSION: Final = "2012-10-17"
RAM_VERSION: Final = "1"
LONGEST: Final = 6144
"""How many letters AWS takes for one managed policy, and Alibaba Cloud for one custom policy."""
Condition = Mapping[str, Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True)
class Right:
    """Some calls on some resources. `about` is what they are needed for: letters and digits; `when` the conditions that narrow them."""

    about: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    when: Condition = field(default_factory=dict)


@dataclass(frozen=True)
class Needs:
    """A plan, and what it does not say itself.

    `resources`: the Terraform resource types of each module, by the step's id. `queues`: where messages wait, by their secret reference.
    """

    plan: Plan
    resources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)

    def sites(self, provider: str) -> list[Site]:
        """The plan's sites of one provider."""
        return [site for site in self.plan.sites if site.provider == provider]

    def kinds(self, site: str) -> set[str]:
        """The kinds of steps that work at a site; a fence of a managed database is a playbook's."""
        managed = {"fence"} if managed_at(self.plan.site(site)) else set[str]()
        return {step.kind for step in self.plan.steps() if step.params.get("site") == site} - managed

    def playbooks(self) -> set[str]:
        """The playbooks that steps play, and those that fence managed databases."""
        fenced = {step.params.get("site") for step in self.plan.steps() if step.kind == "fence"}
        engines = {engine for site in self.plan.sites if site.id in fenced and (engine := managed_at(site))}
        played = {str(step.params[key]) for step in self.plan.steps() for key in ("playbook", "undo_playbook") if step.params.get(key)}
        return played | {f"{verb}_{engine}.yml" for engine in engines for verb in ("fence", "release")}

    def names(self, zone: str) -> list[str]:
        """The names whose records steps change, and that this zone is the closest to hold; a lever changes none."""
        found = {str(step.params["name"]).rstrip(".").lower() for step in self.plan.steps() if _of_names(step)}
        return sorted(name for name in found if (holder := self.plan.zone_of(name)) is not None and holder.id == zone)

    def only_watched(self, name: str) -> bool:
        """Whether every step about the lever of a name leaves it to its health checks."""
        about = [step for step in self.plan.steps() if step.kind.startswith("gslb.") and str(step.params.get("name")).rstrip(".") == name]
        return bool(about) and all(step.kind == "gslb.await" and step.params.get("act") is False for step in about)

    def built(self, provider: str) -> Iterator[tuple[PlannedStep, Site, frozenset[str]]]:
        """Each step that builds at a site of a provider, with that site and the types of what it builds."""
        sites = {site.id: site for site in self.sites(provider)}
        for step in self.plan.steps():
            site = sites.get(str(step.params.get("site", "standby")))
            if step.kind == "terraform.apply" and site is not None:
                yield step, site, self.resources.get(step.id, frozenset())


def managed_at(site: Site) -> str:
    """What a site's managed database is; empty when it has none."""
    return str(site.options.get("database", {}).get("managed") or "")


def _of_names(step: PlannedStep) -> bool:
    return step.kind.startswith("dns.") and "name" in step.params


def document(rights: Iterable[Right], version: str) -> dict[str, Any]:
    """A policy document; rights on the same resources under the same conditions are one statement."""
    merged: dict[tuple[str, str, str], set[str]] = {}
    shapes: dict[tuple[str, str, str], Right] = {}
    for right in rights:
        key = (right.about, repr(right.resources), repr(right.when))
        merged.setdefault(key, set()).update(right.actions)
        shapes[key] = right
    statements, numbers = [], dict.fromkeys((right.about for right in shapes.values()), 0)
    for key, actions in merged.items():
        right = shapes[key]
        numbers[right.about] += 1
        name = right.about if numbers[right.about] == 1 else f"{right.about}{numbers[right.about]}"
        statements.append(_statement(name, sorted(actions), right, version))
    return {"Version": version, "Statement": statements}


def _statement(name: str, actions: list[str], right: Right, version: str) -> dict[str, Any]:
    """RAM knows no names of statements."""
    resources = right.resources[0] if right.resources == ("*",) else sorted(right.resources)
    when = {operator: dict(keys) for operator, keys in right.when.items()}
    row: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources, **({"Condition": when} if when else {})}
    return {"Sid": name, **row} if version == AWS_VERSION else row


def parts(whole: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The document as several that a service takes, each with some of its statements, in order; together they allow the same.

    A statement that is too long by itself becomes several with some of its actions each.
    """
    version, made = str(whole["Version"]), list[list[dict[str, Any]]]()
    for statement in _short(whole["Statement"], version):
        if made and len(written(_of([*made[-1], statement], version))) <= LONGEST:
            made[-1].append(statement)
        else:
            made.append([statement])
    return [_of(statements, version) for statements in made]


def written(part: Mapping[str, Any]) -> str:
    """A document as its service counts it: AWS leaves blanks out, RAM is taken to count them."""
    return json.dumps(part, separators=(",", ":")) if part["Version"] == AWS_VERSION else json.dumps(part, indent=2)


def _short(statements: Iterable[dict[str, Any]], version: str) -> Iterator[dict[str, Any]]:
    for statement in statements:
        actions, half = statement["Action"], len(statement["Action"]) // 2
        if half and len(written(_of([statement], version))) > LONGEST:
            named = [
                {**statement, "Action": some, **({"Sid": f"{statement['Sid']}{end}"} if "Sid" in statement else {})}
                for some, end in ((actions[:half], "a"), (actions[half:], "b"))
            ]
            yield from _short(named, version)
        else:
            yield statement


def _of(statements: list[dict[str, Any]], version: str) -> dict[str, Any]:
    return {"Version": version, "Statement": statements}


def title(text: str) -> str:
    """A name of a site or zone as letters and digits."""
    return "".join(part.capitalize() for part in "".join(letter if letter.isalnum() else " " for letter in text).split())
