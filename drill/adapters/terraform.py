"""Port Terraform over the command line: one private directory and one local state per drill and step."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from drill.adapters.ansible_leftovers import private_directory
from drill.adapters.terraform_backend import backend_text, terraform_settings
from drill.adapters.terraform_binary import provider_mirror, terraform_argv
from drill.adapters.terraform_events import Teller, failure_of, outputs_of
from drill.adapters.terraform_lost import close_log, made_without_trace, note_for_a_person, noted
from drill.adapters.terraform_module import Laid, find_laid, lay
from drill.adapters.terraform_orphans import RunRecord
from drill.adapters.terraform_papers import hand_over
from drill.adapters.terraform_plan import plan_of
from drill.adapters.terraform_process import Command, Ended
from drill.adapters.terraform_rego import denied
from drill.adapters.terraform_state import State, checked_state, note_state, parse_state, read_state, remember_state, unsaved
from drill.model.errors import Fatal, Retryable
from drill.model.plan_policy import DRILL_TAG, STEP_TAG
from drill.model.ports import TerraformEvent, TerraformPlan, Workspace

Scan = Callable[[str, Mapping[str, str]], Sequence[str]]
"""What carries all of these tags in a region, asked of the provider itself: names in the provider's own words."""
NO_SCANS: Final[Mapping[str, Scan]] = {}
_PLAN: Final = "drill.tfplan"
_PULLED: Final = "pulled"
_LOOK_LIMIT_S: Final = 60.0
_PREVIEW_LIMIT_S: Final = 120.0


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Retryable(f"a Terraform workspace cannot be used: {error}", code="A143", fix="See that its disk has room.") from error


class TerraformCli:
    """Workspaces lie under `home/drills/<drill>/terraform/<step>`; modules are found below `project` unless absolute.

    `environment` is what providers and modules need: credentials, and secrets as `TF_VAR_name`. They reach Terraform by private files
    where that can be, and are kept out of every event and error. `grace_s` is how long an interrupted Terraform may take to save its
    state; creating a server in a cloud takes minutes, and is not cut short. `scans` ask each provider of sites itself what is there.
    """

    def __init__(
        self,
        home: Path,
        project: Path,
        mark: str,
        environment: Mapping[str, str],
        *,
        grace_s: float = 30.0,
        scans: Mapping[str, Scan] = NO_SCANS,
    ) -> None:
        self._home = home
        self._scans = scans
        self._project = project
        self._mark = mark
        self._environment = dict(environment)
        self._grace_s = grace_s

    @_on_disk()
    def plan(self, workspace: Workspace, *, destroy: bool = False, stopping: Callable[[], bool] = lambda: False) -> TerraformPlan:
        place = self._place(workspace)
        self._end_orphans(place)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        laid = self._find(workspace) if destroy else None
        laid = laid or self._lay_out(workspace, place)
        self._mend(laid, self._state(laid), destroy=destroy, stopping=stopping)
        return self._planned(laid, destroy=destroy, stopping=stopping)

    @_on_disk()
    def apply(self, workspace: Workspace, *, stopping: Callable[[], bool], on_event: Callable[[TerraformEvent], None]) -> Mapping[str, Any]:
        laid = self._find(workspace)
        if laid is None or not (laid.directory / _PLAN).exists():
            raise Fatal(f"{workspace.step} has no saved plan.", code="A245", fix="This is a bug of ours: a plan comes before its apply.")
        try:
            ended = self._command(laid).run("apply", _PLAN, stopping=stopping, on_event=Teller(on_event), json=True, **_waiting(laid))
        finally:
            (laid.directory / _PLAN).unlink(missing_ok=True)  # it holds the variables, and is stale by now
            self._remember(laid)
        if ended.code >= 0:
            close_log(laid.directory)
        return outputs_of(_succeeded(ended, "apply"))

    @_on_disk()
    def resources(self, workspace: Workspace) -> list[str]:
        self._end_orphans(self._place(workspace))
        laid = self._find(workspace)
        if laid is None:
            return []
        state = self._state(laid)
        managed = state.managed if state else ()
        return sorted({*managed, *made_without_trace(laid.directory, managed), *noted(laid.directory)})

    @_on_disk()
    def preview(self, module: str, variables: Mapping[str, Any]) -> TerraformPlan:
        until_s = time.monotonic() + _PREVIEW_LIMIT_S
        scratch = private_directory(self._mark)
        try:
            laid = self._lay(Workspace("preview", "preview", module, variables), scratch)
            return self._planned(laid, destroy=False, stopping=lambda: time.monotonic() > until_s)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def tagged(self, workspace: Workspace, *, provider: str, region: str) -> list[str] | None:
        scan = self._scans.get(provider)
        return sorted(scan(region, {DRILL_TAG: workspace.drill, STEP_TAG: workspace.step})) if scan else None

    def _place(self, workspace: Workspace) -> Path:
        return self._home / "drills" / workspace.drill / "terraform" / workspace.step

    def _end_orphans(self, place: Path) -> None:
        laid = find_laid(place)
        if laid is not None:
            RunRecord(laid.directory).end(self._mark, grace_s=self._grace_s)

    def _find(self, workspace: Workspace) -> Laid | None:
        return find_laid(self._place(workspace))

    def _lay_out(self, workspace: Workspace, place: Path) -> Laid:
        return self._lay(workspace, place, backend=backend_text(workspace))

    def _state(self, laid: Laid) -> State | None:
        return checked_state(laid.directory, self._pulled(laid)) if laid.remote else read_state(laid.directory)

    def _pulled(self, laid: Laid) -> State | None:
        """The state from where it is kept. A module that was never planned here is made ready first."""
        until_s = time.monotonic() + _LOOK_LIMIT_S
        stopping: Callable[[], bool] = lambda: time.monotonic() > until_s  # noqa: E731 - one condition, used twice
        if not (laid.directory / ".terraform" / "terraform.tfstate").exists():
            self._init(laid, stopping)
        ended = self._command(laid).run("state", "pull", stopping=stopping, log=_PULLED)
        if ended.code != 0:
            raise failure_of(ended, "state pull")
        pulled = laid.directory / f"{_PULLED}.jsonl"
        try:
            return parse_state(pulled)
        finally:
            pulled.unlink()  # it holds every value, sensitive or not

    def _remember(self, laid: Laid) -> None:
        if not laid.remote:
            remember_state(laid.directory)
        elif not unsaved(laid.directory):
            note_state(laid.directory, self._pulled(laid))

    def _lay(self, workspace: Workspace, place: Path, *, backend: str = "") -> Laid:
        settings = terraform_settings(self._plugins, provider_mirror())
        return lay(self._project / workspace.module, place, workspace, settings=settings, backend=backend)

    @property
    def _plugins(self) -> Path:
        return self._home / "terraform-plugins"

    def _command(self, laid: Laid) -> Command:
        given = hand_over(self._environment, laid.directory)
        return Command(terraform_argv(), laid.directory, mark=self._mark, given=given, grace_s=self._grace_s)

    def _mend(self, laid: Laid, state: State | None, *, destroy: bool, stopping: Callable[[], bool]) -> None:
        """See to what an earlier apply left half made, which neither a new apply nor a destroy would.

        Terraform skips the destroy provisioners of what is tainted, and knows nothing of what it was making when it was killed. Its own
        `terraform_data` is made again, because commands of ours may be repeated, and is then destroyed as a whole; a cloud's is not.
        """
        lost = made_without_trace(laid.directory, state.managed if state else ())
        ours = [address for address, kind in lost.items() if kind.startswith("terraform_")]
        note_for_a_person(laid.directory, lost.keys() - ours)
        if not destroy:
            return
        command = self._command(laid)
        if ours:
            again = command.run("apply", stopping=stopping, log="again", json=True, auto_approve=True, target=ours, **_waiting(laid))
            self._remember(laid)
            _succeeded(again, "apply")
        for address in state.tainted if state else ():
            _succeeded(command.run("untaint", address, stopping=stopping, lock_timeout=_waiting(laid)["lock_timeout"]), "untaint")
            self._remember(laid)

    def _planned(self, laid: Laid, *, destroy: bool, stopping: Callable[[], bool]) -> TerraformPlan:
        command = self._command(laid)
        if laid.needs_init:
            self._init(laid, stopping)
        ways: dict[str, Any] = {"destroy": True} if destroy else {}
        _succeeded(command.run("plan", stopping=stopping, json=True, out=_PLAN, **ways, **_waiting(laid)), "plan")
        shown = _succeeded(command.run("show", _PLAN, stopping=stopping, json=True), "show")
        (laid.directory / "show.jsonl").unlink()  # it holds every value, sensitive or not
        return plan_of(
            shown, hashlib.sha256((laid.directory / _PLAN).read_bytes()).hexdigest(), rego=lambda plan: denied(plan, self._project)
        )

    def _init(self, laid: Laid, stopping: Callable[[], bool]) -> None:
        with self._cache_to_ourselves():
            _succeeded(self._command(laid).run("init", stopping=stopping, no_color=True, **_waiting(laid)), "init")

    @contextlib.contextmanager
    def _cache_to_ourselves(self) -> Iterator[None]:
        """Terraform's cache of providers is not made for two at a time."""
        self._plugins.mkdir(parents=True, exist_ok=True)
        with (self._plugins / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _waiting(laid: Laid) -> dict[str, Any]:
    """Ask nobody; wait as long as this for another who holds the state."""
    return {"input": False, "lock_timeout": f"{laid.lock_timeout_s:g}s"}


def _succeeded(ended: Ended, command: str) -> Ended:
    if ended.code != 0:
        raise failure_of(ended, command)
    return ended
