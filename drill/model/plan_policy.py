"""Rules that every Terraform plan is held to between plan and apply: what a drill may build, where, and what it may remove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drill.model.errors import Fatal
from drill.model.open_ports import doors
from drill.model.ports_tools import TerraformChange, TerraformPlan

OPT_IN: Final[Mapping[str, str]] = {"drill": "allowed"}
DRILL_TAG: Final = "drill-id"
STEP_TAG: Final = "drill-step"
RULES: Final = ("tags", "own", "place", "doors")
"""Their names: opt-in tags on all that takes tags; nothing adopted, and nothing removed that is not the drill's own; the site's own
provider and region only; no door to the world where data is kept."""

_PLUGIN_OF: Final[Mapping[str, str]] = {"aws": "aws", "aliyun": "alicloud"}
_CLOUDS: Final = frozenset({"aws", "alicloud", "google", "google-beta", "azurerm", "azuread", "tencentcloud", "huaweicloud", "oci"})
_TAGS: Final = ("tags_all", "tags")


@dataclass(frozen=True)
class Broken:
    """A rule that a plan breaks, and where: an address of the plan, or the name of a provider."""

    address: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.address}: {self.what} [{self.rule}]"


@dataclass(frozen=True)
class Bounds:
    """What a plan is held to. `provider` and `region` are the site's; without a `drill` (a preview) any drill's name will do."""

    provider: str
    region: str
    drill: str = ""
    tags: Mapping[str, str] = field(default_factory=lambda: OPT_IN)


def bounds_of(attributes: Mapping[str, Any], drill: str = "") -> Bounds:
    """The bounds of a site, from what the ground says of it."""
    tags = attributes.get("tags") or OPT_IN
    return Bounds(str(attributes.get("provider", "sandbox")), str(attributes.get("region", "")), drill, tags)


def broken_rules(plan: TerraformPlan, bounds: Bounds) -> list[Broken]:
    """Every rule the plan breaks, and what the team's own Rego denies."""
    found = [Broken("the provider", "place", what) for what in _elsewhere(plan, bounds)]
    for change in plan.changes:
        found += [Broken(change.address, rule, what) for rule, what in _of_change(change, bounds)]
    return [*found, *(Broken("terraform/policy", "rego", text) for text in plan.denied)]


def refuse_broken(plan: TerraformPlan, bounds: Bounds) -> None:
    """Raises: Fatal: the plan breaks a rule; names every address and rule (A246)."""
    found = broken_rules(plan, bounds)
    if found:
        what = "; ".join(map(str, found))
        raise Fatal(f"the plan breaks the policy, nothing was applied: {what}.", code="A246", fix="Mend the module or its variables.")


def _of_change(change: TerraformChange, bounds: Bounds) -> Iterator[tuple[str, str]]:
    if change.imported or change.type.startswith("aws_default_"):
        yield "own", "it would take over something that the drill did not create"
    if "forget" in change.actions:
        yield "own", "it would leave it behind, unknown to any state"
    if {"delete", "update"} & {*change.actions} and (whose := _foreign(change, bounds)):
        yield "own", f"it would {'+'.join(change.actions)} what {whose}"
    if {"create", "update"} & {*change.actions}:
        yield from (("tags", what) for what in _untagged(change, bounds))
        if bounds.region and bounds.provider in _PLUGIN_OF and change.after.get("region") not in {None, "", bounds.region}:
            yield "place", f"it would be in {change.after['region']}, the site is {bounds.region}"
        yield from (("doors", what) for what in doors(change.type, change.after, change.unknown))
        yield from (("doors", f"its {name} is marked sensitive, so that nobody can look at it") for name in change.hidden & _LOOKED_AT)


_LOOKED_AT: Final = frozenset({"ingress", "cidr_blocks", "ipv6_cidr_blocks", "cidr_ip", "security_ips", "security_ip_list"})


def _foreign(change: TerraformChange, bounds: Bounds) -> str:
    """Whose a thing is that is to go or to change; empty when it is this drill's, or takes no tags."""
    tags = _tags(change.before)
    if tags is None or not bounds.drill or tags.get(DRILL_TAG) == bounds.drill:
        return ""
    return f"carries {DRILL_TAG} = {tags[DRILL_TAG]!r}" if tags.get(DRILL_TAG) else f"carries no {DRILL_TAG}"


def _untagged(change: TerraformChange, bounds: Bounds) -> Iterator[str]:
    if change.hidden & {*_TAGS}:
        yield "its tags are marked sensitive, so that nobody can look at them"
        return
    if any(change.unknown.get(name) for name in _TAGS) and not any(isinstance(change.after.get(name), Mapping) for name in _TAGS):
        yield "its tags are known only after apply"
        return
    tags = _tags(change.after)
    if tags is None:
        return
    for name, value in bounds.tags.items():
        if tags.get(name) != value:
            yield f"it would not carry the opt-in tag {name} = {value!r}"
    if not tags.get(DRILL_TAG) or (bounds.drill and tags[DRILL_TAG] != bounds.drill):
        yield f"it would not carry {DRILL_TAG}{f' = {bounds.drill!r}' if bounds.drill else ''}"


def _tags(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tags of a resource; nothing when its type takes none. Terraform's own data has none, whatever its values are called."""
    if "tag" in values and isinstance(values["tag"], list):
        return {row.get("key", ""): row.get("value") for row in values["tag"] if isinstance(row, Mapping)}
    named = [values[name] for name in _TAGS if name in values]
    return {key: value for tags in reversed(named) for key, value in (tags or {}).items()} if named else None


def _elsewhere(plan: TerraformPlan, bounds: Bounds) -> Iterator[str]:
    """Providers that work somewhere else than at the site."""
    plugin = _PLUGIN_OF.get(bounds.provider, "")
    if bounds.provider != "hosts":
        others = {change.provider.rpartition("/")[2] for change in plan.changes} & (_CLOUDS - {plugin})
        yield from (f"{other} is not the site's: it is of {bounds.provider}" for other in sorted(others))
    for name, region in sorted(plan.regions.items()):
        if not plugin or name.rpartition(":")[2].partition(".")[0] != plugin:
            continue
        if not region:
            yield f"{name} does not say its region as a value or a variable of the module"
        elif region != bounds.region:
            yield f"{name} works in {region}, the site is {bounds.region}"
