"""Gathers what a drill cannot do without and where it stands: worker, journal, Terraform state, images and keys, answers, names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from drill.adapters.doctor_metadata import own_place
from drill.adapters.doctor_places import Place, places_in
from drill.engine.doctor_fate import Stand
from drill.model.errors import DrillError, UsageError
from drill.model.plan import Plan, PlannedStep, Site, Zone
from drill.model.ports import Secrets
from drill.settings import Settings
from drill.wiring.endpoints import alibaba_endpoint, alidns_endpoint
from drill.wiring.posts import QUEUES

STANDS: Final = "DRILL_STANDS"
_SAYABLE: Final = ("worker", "journal", "state")
_HERE: Final = "this machine"
_HOST: Final = re.compile(r"(?:^|\s)host\s*=\s*'?([^\s',]+)")
_ROUTE53: Final = Place("aws", "us-east-1")
_NAMES_FIX: Final = "Move the names by what does not need that region: health-checked records, `arc`, or `rfc2136` elsewhere."
_TELL: Final = f"Say where: {STANDS}=worker=aws/eu-west-1,journal=…,state=… (or worker=own for a data centre of your own)."


def stands_said(text: str) -> dict[str, Place]:
    """What DRILL_STANDS says: `worker=aws/eu-west-1,journal=own`. Raises: UsageError: it does not say it so (U049)."""
    found = {}
    for row in filter(None, (part.strip() for part in text.split(","))):
        name, _, place = row.partition("=")
        provider, _, region = place.partition("/")
        if name not in _SAYABLE or not provider or (provider in {"aws", "aliyun"} and not region):
            what = f"{STANDS} does not say where something stands: '{row}'."
            raise UsageError(what, code="U049", fix=f"Write NAME=PROVIDER/REGION for {', '.join(_SAYABLE)}, such as worker=aws/eu-west-1.")
        found[name] = Place(provider, region or provider)
    return found


@dataclass(frozen=True)
class Stands:
    """Everything a plan needs, each with its place. `lost`: the sites that go away; what they hold themselves is theirs to lose."""

    plan: Plan
    settings: Settings
    secrets: Secrets
    lost: tuple[Site, ...]
    machine: Callable[[], Place | None] = own_place

    def all(self) -> list[Stand]:
        """One for each; what is on this machine has its place.

        Raises: UsageError: DRILL_STANDS says it wrongly (U049). PreflightFailed: an endpoint may not be used (F045).
        """
        found = [*self.of_the_engine(), *self._states(), *self._named(), *self._answers(), *self._names()]
        return [stand for stand in found if stand.region or not stand.where.endswith(_HERE) or stand.what == "worker"]

    def of_the_engine(self) -> list[Stand]:
        """What the engine itself is: without it no drill goes on. Raises: UsageError: as `all`."""
        return [self._worker(), self._journal()]

    @cached_property
    def _said(self) -> Mapping[str, Place]:
        return stands_said(os.environ.get(STANDS, ""))

    @cached_property
    def _own(self) -> Place | None:
        return self._said.get("worker") or self.machine()

    def _worker(self) -> Stand:
        return self._stand("worker", _HERE, self._own, "Run the worker on a machine in another region.")

    def _journal(self) -> Stand:
        url = sa.make_url(self.settings.database_url)
        place = self._said.get("journal") or (self._at(url.host or "") if self.settings.shared else self._own)
        where = f"the database at {url.host}" if self.settings.shared else f"the SQLite file on {_HERE}"
        return self._stand("journal", where, place, "Set DRILL_DATABASE_URL to a Postgres in another region.")

    def _states(self) -> Iterator[Stand]:
        for step in self.plan.steps():
            if step.kind != "terraform.apply":
                continue
            where, place = self._state(step)
            yield self._stand(f"state {step.id}", where, self._said.get("state") or place, f"Give {step.id} a `backend` in another region.")

    def _state(self, step: PlannedStep) -> tuple[str, Place | None]:
        for kind, written in step.params.get("backend", {}).items():
            if kind == "s3":
                region = str(written.get("region", ""))
                return f"the bucket {written.get('bucket')}", Place("aws", region) if region else None
            host = _host(os.environ.get("PG_CONN_STR", "") if kind == "pg" else str(written.get("address", "")))
            return f"the {kind} backend {host}".rstrip(), self._at(host)
        if self.settings.shared:
            host = sa.make_url(self.settings.database_url).host or ""
            return f"the database at {host}", self._said.get("journal") or self._at(host)
        return f"a file on {_HERE}", self._own

    def _named(self) -> Iterator[Stand]:
        """Images, keys, modules and scripts that a step of the way out names by a resource or host name of a region."""
        own = {site.id for site in self.lost}
        ahead = [step for phase in self.plan.phases for step in phase.steps]
        for step in (step for step in ahead if step.params.get("site") not in own):
            for key, text in _texts(step.params):
                for place in places_in(text):
                    fix = f"Copy it to the region that takes over, and name the copy in {step.id}."
                    yield Stand(f"{step.id} {key}", place.provider, place.region, text, fix)

    def _answers(self) -> Iterator[Stand]:
        sms = self.plan.messages.sms
        if sms is not None and sms.provider == "aliyun" and sms.inbound != "push":
            host = alibaba_endpoint("mns", QUEUES).host
            fix = "Set messages.sms.inbound: push, with `drill serve --web` in another region."
            yield self._stand("SMS queue", f"the queue of answers at {host}", self._at(host), fix, tell="")
        if sms is not None and sms.abroad is not None:
            for name, reference in (("answers abroad", sms.abroad.replies), ("receipts abroad", sms.abroad.receipts)):
                if reference and (url := self._value(reference)):
                    fix = f"Use a queue and a number in another region (messages.sms.abroad, {reference})."
                    yield self._stand(name, f"the queue in {reference}", next(iter(places_in(url)), None), fix, tell="")

    def _names(self) -> Iterator[Stand]:
        for zone in self.plan.zones:
            stand = self._zone(zone)
            if stand is not None:
                yield stand

    def _zone(self, zone: Zone) -> Stand | None:
        what = f"names of {zone.id}"
        if zone.provider == "route53":
            return self._stand(what, "the control plane of Route 53", _ROUTE53, _NAMES_FIX)
        if zone.provider in {"alidns", "gtm"}:
            host = alidns_endpoint(zone.options).host
            fix = f"Call the API of another region: zones.{zone.id}.region, such as ap-southeast-1."
            return self._stand(what, f"the API of {zone.provider} at {host}", self._at(host), fix, tell="")
        if zone.provider == "rfc2136":
            primary = str(zone.options.get("primary") or next(iter(zone.servers), ""))
            return self._stand(what, f"the primary name server {primary}", self._at(primary.rsplit(":", 1)[0]), _NAMES_FIX, tell="")
        return None

    def _at(self, host: str) -> Place | None:
        """Where a host stands: in the site that names it, or in the region that its own name says."""
        for site in self.plan.sites:
            held = {*site.options.get("addresses", ()), site.options.get("database", {}).get("host")}
            if host and host in held:
                return Place(site.provider, site.region)
        return next(iter(places_in(host)), None)

    def _value(self, reference: str) -> str:
        try:
            return self.secrets.get(reference)
        except DrillError:
            return ""  # a secret that is not set is said by its own look

    def _stand(self, what: str, where: str, place: Place | None, fix: str, *, tell: str = _TELL) -> Stand:
        provider, region = place or ("", "")
        return Stand(what, provider, region, where, fix, tell)


def _host(address: str) -> str:
    """The host of an address, or of a libpq connection string in either of its forms; empty when it names none."""
    said = _HOST.search(address)
    return urlsplit(address).hostname or (said[1] if said else "")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a value, with the key it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(each, str(name))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each, key)
