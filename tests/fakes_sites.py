"""The ports of sites in memory: what builds, cuts off, fences and plays on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal
from drill.model.ports import (
    PlayResult,
    TaskEvent,
    TerraformChange,
    TerraformEvent,
    TerraformPlan,
    Workspace,
)


class FakeGround:
    """Sites and what is known about them, without databases (part of port Ground)."""

    def __init__(self, sites: Mapping[str, Mapping[str, Any]]) -> None:
        self._sites = sites

    def attributes(self, site: str) -> Mapping[str, Any]:
        return self._sites[site]


class FakeAnsible:
    """Ends every play as it was told to (port Ansible), and remembers what it was asked."""

    def __init__(self, result: PlayResult) -> None:
        self.result = result
        self.asked: list[dict[str, Any]] = []

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
        self.asked.append({"playbook": playbook, "inventory": inventory, "variables": variables, "check": check, "timeout_s": timeout_s})
        for task in self.result.tasks:
            on_task(task)
        return self.result


class FakeFence:
    """A fence of every site (port Fence); `writable` names a promoted site, after which nothing is released."""

    def __init__(self, *, writable: str = "", log: list[str] | None = None) -> None:
        self.fenced: set[str] = set()
        self.writable = writable
        self.unproved = False
        """Whether the database goes on answering whatever is done."""
        self.log = log if log is not None else []

    def preview(self, site: str) -> list[Effect]:
        marks = frozenset({"fence"})
        return [] if site in self.fenced else [Effect(verb=Verb.STOP, target=f"{site}/database", undo="automatic", marks=marks)]

    def fence(self, site: str) -> Mapping[str, Any]:
        if self.unproved:
            raise Fatal(f"{site} took a write after it was fenced.", code="A210", fix="Do not promote; end its database first.")
        already = site in self.fenced
        self.log.append(f"fence {site}")
        self.fenced.add(site)
        return {"site": site, "already": already, "write": "refused"}

    def release(self, site: str) -> None:
        if self.writable:
            raise Fatal(f"{self.writable} is writable.", code="A211")
        self.log.append(f"release {site}")
        self.fenced.discard(site)


class FakeDatabaseGround(FakeGround):
    """Sites with an inventory each and the newest position seen on the primary (part of port Ground)."""

    def __init__(self, *, last_lsn: str = "0/3000148") -> None:
        super().__init__({})
        self._last_lsn = last_lsn

    def inventory(self, site: str) -> Mapping[str, Any]:
        return {"all": {"children": {"pg_target": {"hosts": {site: {}}}}}}

    def last_primary_lsn(self) -> str:
        return self._last_lsn


class FakeOutage:
    """Sites that are cut off or not, in memory (port Outage). `stuck` sites stay cut off; `exact` ones need their snapshot back."""

    def __init__(self, sites: Mapping[str, Sequence[str]], *, stuck: Sequence[str] = (), exact: Sequence[str] = ()) -> None:
        self._sites = sites
        self._stuck = stuck
        self.exact = exact
        self.handed: list[Mapping[str, Any]] = []
        self.cut: list[str] = []

    def preview(self, site: str) -> list[Effect]:
        return [] if site in self.cut else [Effect(verb=Verb.STOP, target=f"{site}/{part}") for part in self._sites[site]]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return {"parts": list(self._sites[site])} if site in self.exact else {}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        self.handed.append(snapshot)
        if site not in self.cut:
            self.cut.append(site)
        return {"method": "freeze", **({"not_cut": ["the object store"]} if site in self.exact else {})}

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        self.handed.append(snapshot)
        if site in self.cut and site not in self._stuck:
            self.cut.remove(site)

    def isolated(self, site: str) -> bool:
        return site in self.cut


class FakeTerraform:
    """Builds the same resources for every module, in memory (port Terraform).

    `failure` ends the next apply after its first resource; `keeps` names a resource that no destroy removes.
    """

    def __init__(self, *addresses: str, outputs: Mapping[str, Any] | None = None, keeps: str = "") -> None:
        self.outputs = dict(outputs or {})
        self.keeps = keeps
        self.failure: Exception | None = None
        self.after: dict[str, Any] = {}
        self.drift: tuple[tuple[str, str], ...] = ()
        self.at_provider: list[list[str]] = []
        """What the provider says at each look; it cannot be asked when there is none."""
        self.log: list[str] = []
        self.previewed: list[tuple[str, Mapping[str, Any]]] = []
        self._addresses = sorted(addresses)
        self._built: dict[tuple[str, str], set[str]] = {}
        self._saved: dict[tuple[str, str], tuple[str, list[str]]] = {}

    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        built = self.resources(workspace)
        action = "delete" if destroy else "create"
        rows = built if destroy else [address for address in self._addresses if address not in built]
        self.log.append(f"plan {'destroy ' if destroy else ''}{workspace.step}")
        self._saved[workspace.drill, workspace.step] = (action, rows)
        return self._plan(action, rows, {} if destroy else self.outputs)

    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        saved = self._saved.pop((workspace.drill, workspace.step), None)
        if saved is None:
            raise Fatal(f"{workspace.step} has no saved plan.", code="A245")
        action, rows = saved
        self.log.append(f"apply {workspace.step}")
        built = self._built.setdefault((workspace.drill, workspace.step), set())
        for address in rows:
            on_event(TerraformEvent("apply_start", address, action, None))
            (built.discard if action == "delete" and address != self.keeps else built.add)(address)
            on_event(TerraformEvent("apply_complete", address, action, 0.25))
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure
        return self.outputs if action == "create" else {}

    def resources(self, workspace: Workspace) -> list[str]:
        return sorted(self._built.get((workspace.drill, workspace.step), ()))

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        return self.at_provider.pop(0) if self.at_provider else None

    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        self.previewed.append((module, variables))
        return self._plan("create", self._addresses, self.outputs)

    def _plan(self, action: str, rows: Sequence[str], outputs: Mapping[str, Any]) -> TerraformPlan:
        changes = tuple(TerraformChange(address, address.partition(".")[0], (action,), self.after) for address in rows)
        return TerraformPlan(changes, hashlib.sha256(repr(changes).encode()).hexdigest(), outputs, drift=self.drift)
