"""The blueprint describes the sandbox as it would come up, and does nothing."""

from __future__ import annotations

import pytest

from drill.model.errors import Fatal
from drill.model.ports import Dns, RecordSet
from drill.model.rehearsal import WriteRefused
from drill.sandbox.blueprint import Blueprint, BlueprintDns
from drill.sandbox.ground import SandboxFence, SandboxGround, SandboxOutage
from drill.sandbox.layout import NAME, REGIONS
from drill.sandbox.world import Sandbox

SITES = {"primary": "a", "standby": "b"}


@pytest.mark.real
def test_the_blueprint_says_of_each_region_what_a_running_sandbox_says(calm: Sandbox) -> None:
    blueprint = Blueprint()

    drawn, built = blueprint.details, calm.details

    assert drawn.keys() - {"dns", "api", "carrier"} <= built.keys()
    for name in REGIONS:
        assert drawn["regions"][name].keys() == built["regions"][name].keys()
        assert drawn["regions"][name]["addresses"] == built["regions"][name]["addresses"]
    assert calm.secrets.keys() <= blueprint.secrets.keys()


@pytest.mark.real
def test_previews_on_the_blueprint_are_those_on_a_running_sandbox(calm: Sandbox) -> None:
    blueprint = Blueprint()

    for site in SITES:
        assert SandboxOutage(blueprint, SITES).preview(site) == SandboxOutage(calm, SITES).preview(site)
        assert SandboxFence(blueprint, SITES).preview(site) == SandboxFence(calm, SITES).preview(site)
        drawn, built = (SandboxGround(one, SITES).inventory(site) for one in (blueprint, calm))
        assert _shape(drawn) == _shape(built)


def test_what_earlier_steps_would_have_done_is_assumed() -> None:
    blueprint = Blueprint()

    blueprint.assume_cut("a")
    blueprint.assume_fenced("a")

    assert SandboxOutage(blueprint, SITES).isolated("primary")
    assert SandboxOutage(blueprint, SITES).preview("primary") == []
    assert SandboxFence(blueprint, SITES).preview("primary") == []
    assert SandboxFence(blueprint, SITES).preview("standby") != []


def test_a_blueprint_obeys_no_verb() -> None:
    with pytest.raises(WriteRefused, match="have the sandbox freeze a"):
        Blueprint().ask("freeze", region="a")


def test_a_region_the_sandbox_does_not_have_is_refused_by_name() -> None:
    ground = SandboxGround(Blueprint(), {"standby": "zz"})

    with pytest.raises(Fatal, match="no region 'zz', where 'standby' should be"):
        ground.attributes("standby")


def test_the_name_server_of_the_blueprint_holds_region_a_until_a_switch_is_assumed() -> None:
    dns = BlueprintDns()
    port: Dns = dns

    before = port.read(NAME)
    dns.assume(NAME, ["127.0.2.1"], ttl_s=2)

    assert before == RecordSet(NAME, "A", 1, REGIONS["a"])
    assert port.read(f"{NAME}.") == RecordSet(NAME, "A", 2, ("127.0.2.1",))


def test_a_name_the_sandbox_does_not_serve_is_refused_and_none_is_changed() -> None:
    dns = BlueprintDns()

    with pytest.raises(Fatal, match="no A record for other") as unknown:
        dns.read("other.drill.test")
    with pytest.raises(WriteRefused):
        dns.swap(dns.read(NAME), RecordSet(NAME, "A", 1, ("127.0.2.1",)))

    assert unknown.value.code == "A221"


def _shape(inventory: object) -> object:
    """The keys of an inventory, without its values."""
    return {key: _shape(value) for key, value in inventory.items()} if isinstance(inventory, dict) else None
