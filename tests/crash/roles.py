"""The roles of the scripted world: each fulfils its port, converges when it is run again, and reports as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from drill.adapters.levers import NamedLevers
from drill.adapters.own_rehearsed import rehearsed_own
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import (
    Attempt,
    Clock,
    DatabaseAccess,
    Levers,
    NameFacts,
    Outage,
    OwnGround,
    PlayResult,
    RecordSet,
    Sample,
    TaskEvent,
    TerraformChange,
    TerraformEvent,
    TerraformPlan,
    Workspace,
    World,
)
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers
from drill.steps.base import Step
from tests.crash.deeds import PLAYBOOKS, apps, form, keep, put
from tests.crash.world import ADDRESSES, ScriptedWorld, serving_site, working_for

_TAGS = {"drill": "allowed"}
_SERVER = "127.0.0.1:53"


class ScriptedOutage:
    """Cuts a site off (port Outage)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def preview(self, site: str) -> list[Effect]:
        return [] if self.isolated(site) else [Effect(verb=Verb.STOP, target=f"{site}/region", tags=_TAGS, undo="automatic")]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return {}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        self._world.act(f"isolate {site}", lambda state: put(state["cut"], site, value=True))
        return {"region": site, "method": "freeze"}

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self._world.act(f"restore {site}", lambda state: put(state["cut"], site, value=False))

    def isolated(self, site: str) -> bool:
        return bool(self._world.state()["cut"][site])


class ScriptedFence:
    """Fences a database (port Fence)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def preview(self, site: str) -> list[Effect]:
        fenced = self._world.state()["databases"][site]["fenced"]
        return [] if fenced else [Effect(verb=Verb.STOP, target=f"{site}/database", tags=_TAGS, undo="automatic")]

    def fence(self, site: str) -> Mapping[str, Any]:
        self._world.act(f"fence {site}", lambda state: put(state["databases"][site], "fenced", value=True))
        return {"processes_gone": True, "write_refused": True}

    def release(self, site: str) -> None:
        others = [name for name, row in self._world.state()["databases"].items() if name != site and row["role"] == "primary"]
        if others:
            raise Fatal(f"{others[0]} is writable.", code="A211")
        self._world.act(f"release {site}", lambda state: put(state["databases"][site], "fenced", value=False))


class ScriptedDns:
    """One zone (port Dns)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        row = self._world.state()["dns"][name]
        return RecordSet(name, rtype, row["ttl_s"], tuple(row["values"]), raw=row)

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        wanted, replaced = form(after), form(before)

        def change(state: dict[str, Any]) -> bool:
            present = state["dns"][before.name]
            if present not in (wanted, replaced):
                raise Fatal(f"somebody else changed {before.name}.", code="A220")
            return put(state["dns"], before.name, value=wanted)

        self._world.act(f"{before.name} -> {', '.join(after.values)}", change)

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        return [("127.0.0.1", 53)]

    def in_sync(self, name: str) -> bool:
        return True

    def facts(self, name: str) -> NameFacts:
        return NameFacts("scripted", "data-plane")


class ScriptedPropagation:
    """One name server that says what the zone holds (port Propagation)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def watch(
        self,
        servers: Sequence[tuple[str, int]],
        after: RecordSet,
        before: RecordSet,
        *,
        agreement: Agreement,
        stopping: Callable[[], bool],
        on_change: Callable[[ServerAnswers], None],
    ) -> PropagationResult:
        values = tuple(self._world.state()["dns"][after.name]["values"])
        if set(values) != set(after.values):
            return PropagationResult((ServerAnswers(_SERVER, state="old", values=values, authoritative=True),))
        first = ServerAnswers(_SERVER, state="new", values=values, authoritative=True, in_a_row=1, first_new_s=0.001)
        on_change(first)
        return PropagationResult((ServerAnswers(**{**first.__dict__, "in_a_row": agreement.need, "settled_s": 0.002}),))


class ScriptedTerraform:
    """Two app servers per workspace, made one after the other (port Terraform)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world
        self._plans: dict[str, tuple[bool, tuple[TerraformChange, ...]]] = {}

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        there = self.resources(workspace)
        names = there if destroy else [name for name in apps(workspace.variables) if name not in there]
        changes = tuple(TerraformChange(name, "terraform_data", ("delete" if destroy else "create",), {}) for name in names)
        self._plans[workspace.step] = (destroy, changes)
        return TerraformPlan(changes, "0" * 64)

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        destroy, changes = self._plans.pop(workspace.step)
        verb = "delete" if destroy else "create"
        for change in changes:
            on_event(TerraformEvent("apply_start", change.address, verb, None))
            self._world.act(f"{verb} {change.address}", partial(keep, step=workspace.step, name=change.address, there=not destroy))
            on_event(TerraformEvent("apply_complete", change.address, verb, 0.1))
        return {} if destroy else {"addresses": list(workspace.variables["addresses"])}

    def resources(self, workspace: Workspace) -> list[str]:
        return list(self._world.state()["resources"].get(workspace.step, ()))

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        return None  # no provider knows tags here

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        return TerraformPlan(tuple(TerraformChange(name, "terraform_data", ("create",), {}) for name in apps(variables)), "0" * 64)


class ScriptedAnsible:
    """The playbooks of the scenario, three tasks each: look, act, prove (port Ansible)."""

    def __init__(self, world: ScriptedWorld) -> None:
        self._world = world

    def play(
        self,
        playbook: str,
        *,
        inventory: Mapping[str, Any],
        variables: Mapping[str, Any],
        check: bool,
        timeout_s: float,
        stopping: Callable[[], bool],
        on_task: Callable[[TaskEvent], None],
    ) -> PlayResult:
        site = next(iter(inventory["all"]["children"]["pg_target"]["hosts"]))
        change, outputs = PLAYBOOKS[playbook]
        before = self._world.state()["databases"][site]["role"]
        tasks = [TaskEvent(f"{playbook}: look", site, "ok", 0.01)]
        on_task(tasks[-1])
        if not check:
            changed = self._world.act(f"{playbook} on {site}", lambda state: change(state, site))
            tasks += [TaskEvent(f"{playbook}: act", site, "changed" if changed else "ok", 0.01)]
            on_task(tasks[-1])
            tasks += [TaskEvent(f"{playbook}: prove", site, "ok", 0.01)]
            on_task(tasks[-1])
        return PlayResult("successful", outputs(before), sum(task.state == "changed" for task in tasks), tuple(tasks))


class ScriptedProbes:
    """What a user finds through the name (port ProbeRunner)."""

    def __init__(self, world: ScriptedWorld, clock: Clock) -> None:
        self._world = world
        self._clock = clock

    def ask(self, probe: str) -> Sample:
        sent_s, site = self._clock.mono_s(), serving_site(self._world.state())
        if not site:
            return Sample(sent_s, None, ok=False, error="timeout", site="", address="")
        return Sample(sent_s, self._clock.mono_s(), ok=True, error="", site=site, address=ADDRESSES[site][0])


class ScriptedGround:
    """Two sites (port Ground)."""

    def attributes(self, site: str) -> Mapping[str, Any]:
        return {"addresses": list(ADDRESSES[site]), "shop_port": 18080, "control": ["control"]}

    def database(self, site: str) -> DatabaseAccess:
        raise Fatal(f"{site} has no database that could be reached.", code="A250")

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": {site: {}}}}}}

    def last_primary_lsn(self) -> str:
        return "0/3000148"


@dataclass(frozen=True)
class ScriptedRoles:
    """Every role over one world (port World)."""

    ground: ScriptedGround
    outage: ScriptedOutage
    fence: ScriptedFence
    dns: ScriptedDns
    propagation: ScriptedPropagation
    ansible: ScriptedAnsible
    terraform: ScriptedTerraform
    probes: ScriptedProbes
    clock: Clock
    levers: Levers
    outages: Mapping[str, Outage]
    own: OwnGround


def roles(world: ScriptedWorld, clock: Clock) -> ScriptedRoles:
    """The roles a step may use."""
    return ScriptedRoles(
        ground=ScriptedGround(),
        outage=ScriptedOutage(world),
        fence=ScriptedFence(world),
        dns=ScriptedDns(world),
        propagation=ScriptedPropagation(world),
        ansible=ScriptedAnsible(world),
        terraform=ScriptedTerraform(world),
        probes=ScriptedProbes(world, clock),
        clock=clock,
        levers=NamedLevers({}),
        outages={},
        own=rehearsed_own(),
    )


class Signed:
    """A step kind (as Step) whose effects are counted under the step that has them."""

    def __init__(self, inner: Step[Any]) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def run(self, params: Any, world: World, attempt: Attempt) -> Outputs:
        working_for.set(attempt.step)
        return self._inner.run(params, world, attempt)

    def undo(self, params: Any, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        working_for.set(f"undo:{attempt.step}")
        self._inner.undo(params, world, attempt, undo)
