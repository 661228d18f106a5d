"""Fault experiments of AWS FIS that a team wrote itself: started for an outage, stopped on the way back."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drill.adapters.outage_aws_client import AwsClients, Gone
from drill.adapters.outage_parts import QUARANTINE
from drill.model.effects import Effect, Verb
from drill.model.errors import Fatal, Retryable

_RUNS: Final = frozenset({"pending", "initiating", "running"})
_ENDS: Final = frozenset({"stopping"})


@dataclass(frozen=True)
class Experiment:
    """Which experiment takes a site away. The template must carry the opt-in `tags` itself."""

    region: str
    template: str
    tags: Mapping[str, str]


class FisOutage:
    """Port Outage. What the experiment's actions do, and whether they take it back when it is stopped, is written in its template."""

    def __init__(
        self,
        sites: Mapping[str, Experiment],
        open_clients: Callable[[str], AwsClients] = AwsClients,
        *,
        settle_s: float = 120.0,
        poll_s: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sites = {site: (row, open_clients(row.region)) for site, row in sites.items()}
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._sleep = sleep
        self._now_s = now_s

    def preview(self, site: str) -> list[Effect]:
        row, _ = self._of(site)
        if self._running(site):
            return []
        template = self._template(site)
        actions = ", ".join(sorted(str(action["actionId"]) for action in template.get("actions", {}).values()))
        tags = dict(template.get("tags", {}))
        marks = frozenset({"outage"})
        target = f"{site}/{row.template}"
        return [Effect(verb=Verb.STOP, target=target, detail=f"FIS experiment: {actions}", tags=tags, undo="automatic", marks=marks)]

    def snapshot(self, site: str) -> Mapping[str, Any]:
        """The template and a digest of it: another one than was announced is not started. `token` makes every try start the same one."""
        row, _ = self._of(site)
        return {"template": row.template, "digest": _digest(self._template(site)), "token": uuid.uuid4().hex}

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        row, clients = self._of(site)
        if snapshot.get("template") != row.template:
            raise Fatal(f"nothing is written down of the experiment of {site}.", code="A216", fix="Start it by a drill.")
        if not self._running(site):
            template = self._template(site)
            if _digest(template) != snapshot["digest"]:
                what = f"the experiment template {row.template} was changed since it was announced."
                raise Fatal(what, code="A214", fix="See who changed it, and start again.")
            if not template.get("stopConditions") or all(stop["source"] == "none" for stop in template["stopConditions"]):
                what = f"the experiment template {row.template} has no stop condition."
                raise Fatal(what, code="A222", fix="Give it a CloudWatch alarm that stops it.")
            started = {QUARANTINE: site, **row.tags}
            clients.call("fis", "start_experiment", experimentTemplateId=row.template, clientToken=snapshot["token"], tags=started)
        found = self._await(site, wanted=True)
        return {
            "method": "fis",
            "cut": [f"experiment {row.template}"],
            "experiment": found,
            "not_cut": ["what the experiment's actions leave alone"],
        }

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        _, clients = self._of(site)
        for experiment in self._running(site):
            try:
                clients.call("fis", "stop_experiment", id=experiment)
            except Gone:
                continue
        self._await(site, wanted=False)

    def isolated(self, site: str) -> bool:
        return bool(self._experiments(site, _RUNS | _ENDS))

    def _of(self, site: str) -> tuple[Experiment, AwsClients]:
        if site not in self._sites:
            raise Fatal(f"{site} names no experiment.", code="A217", fix="Give the site `fis: EXT…`, or use outage.isolate.")
        return self._sites[site]

    def _template(self, site: str) -> Mapping[str, Any]:
        """Raises: Fatal: it does not carry the opt-in tags (A213)."""
        row, clients = self._of(site)
        found: Mapping[str, Any] = clients.call("fis", "get_experiment_template", id=row.template)["experimentTemplate"]
        lost = [f"{key}={value}" for key, value in row.tags.items() if found.get("tags", {}).get(key) != value]
        if lost:
            what = f"the experiment template {row.template} does not carry {', '.join(lost)}."
            raise Fatal(what, code="A213", fix="Tag it, if a drill may start it.")
        return found

    def _running(self, site: str) -> list[str]:
        return self._experiments(site, _RUNS)

    def _experiments(self, site: str, states: frozenset[str]) -> list[str]:
        row, clients = self._of(site)
        found = clients.every("fis", "list_experiments", "experiments")
        ours = [one for one in found if one["experimentTemplateId"] == row.template and one.get("tags", {}).get(QUARANTINE) == site]
        return [str(one["id"]) for one in ours if one["state"]["status"] in states]

    def _await(self, site: str, *, wanted: bool) -> str:
        """The experiment that runs, or nothing once none does.

        Raises: Retryable: it takes too long (A123). Fatal: it did not start (A222).
        """
        _, clients = self._of(site)
        until_s = self._now_s() + self._settle_s
        while True:
            found = self._experiments(site, _RUNS | _ENDS)
            if not wanted and not found:
                return ""
            if wanted and not found:
                raise Fatal(f"the experiment of {site} ended as soon as it began.", code="A222", fix="Read why in FIS.")
            if wanted and clients.call("fis", "get_experiment", id=found[0])["experiment"]["state"]["status"] == "running":
                return found[0]
            if self._now_s() >= until_s:
                what = f"the experiment of {site} is on its way for {self._settle_s:.0f} s already."
                raise Retryable(what, code="A123", fix="See what FIS says of it; the same try may succeed later.")
            self._sleep(self._poll_s)


def _digest(template: Mapping[str, Any]) -> str:
    kept = {name: template.get(name) for name in ("targets", "actions", "stopConditions", "roleArn")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()
