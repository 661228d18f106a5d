"""The Route 53 API of the sandbox: moto over HTTP, made as strict as the service where a traffic switch depends on it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.route53 import models, responses
from moto.route53.exceptions import Route53ClientError
from werkzeug.serving import BaseWSGIServer, make_server

from drill.sandbox.route53_health import Health
from drill.sandbox.route53_rules import BatchRefused, Form, apply_batch, full

_ACCOUNT, _PARTITION = "123456789012", "aws"
_OPTIONAL = {
    "SetIdentifier": "set_identifier",
    "Weight": "weight",
    "Region": "region",
    "HealthCheckId": "health_check_id",
    "AliasTarget": "alias_target",
    "Failover": "failover",
    "GeoLocation": "geo_location",
    "MultiValueAnswer": "multi_value_answer",
}


class Route53Api:
    """moto's Route 53 in this process. One per process: moto keeps its zones in the module."""

    def __init__(self, *, speed: float = 1.0, pending_s: float = 0.0) -> None:
        self._pending_s = pending_s
        self.health = Health(lambda: self._backend.health_checks, speed=speed)
        """What the health checks say; whoever wants them probed runs it."""
        self._one_batch_at_a_time = threading.Lock()
        self._changes: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self.version = 0
        """Grows with every change, so that whoever answers from the zones knows when to read them again."""
        self._install()
        self._install_health()

    @property
    def _backend(self) -> Any:
        return models.route53_backends[_ACCOUNT][_PARTITION]

    def create_zone(self, name: str) -> str:
        """A public zone with its SOA and NS; returns its id."""
        zone = self._backend.create_hosted_zone(full(name), private_zone=False)
        for record in zone.rrsets:
            record.records = [_text(record.type, value) for value in record.records]
        self.version += 1
        return str(zone.resource_id)

    def change(self, zone_id: str, changes: Sequence[Form]) -> None:
        """Apply a batch, all of it or nothing. Raises: BatchRefused: the service would refuse it."""
        zone = self._backend.get_hosted_zone(zone_id)
        # moto serves every request in its own thread: two compare-and-swaps must not both see the old state
        with self._one_batch_at_a_time:
            after = apply_batch(map(form_of, zone.rrsets), changes, zone=zone.name, health_checks=self._backend.health_checks)
            zone.rrsets = [models.RecordSet(_stored(form)) for form in after]
            self.version += 1

    def zones(self) -> Mapping[str, list[Form]]:
        """Every record set of every zone, by the zone's full name."""
        return {full(zone.name): [form_of(record) for record in zone.rrsets] for zone in list(self._backend.zones.values())}

    def serve(self, host: str, port: int) -> BaseWSGIServer:
        """The bound HTTP server; run its `serve_forever` in a thread. Port 0 takes a free one."""
        return make_server(host, port, create_backend_app("route53"), threaded=True, request_handler=_QuietHandler)

    def _install(self) -> None:
        plain_change = responses.Route53.change_resource_record_sets

        def apply(_backend: Any, zoneid: str, change_list: list[dict[str, Any]]) -> None:
            try:
                self.change(zoneid, change_list)
            except BatchRefused as refused:
                raise Route53ClientError("InvalidChangeBatch", str(refused)) from refused

        def change(response: Any) -> Any:
            plain_change(response)  # counts the values against the limit, then applies
            identifier = f"C{next(self._numbers):013d}"
            self._changes[identifier] = time.monotonic() + self._pending_s
            return _change_info(identifier, "PENDING")

        def get_change(response: Any) -> Any:
            identifier = response._get_param("Id").split("/")[-1]  # noqa: SLF001  # how every handler of moto reads its parameters
            if identifier not in self._changes:
                raise Route53ClientError("NoSuchChange", f"A change with id {identifier} does not exist.")
            return _change_info(identifier, "INSYNC" if time.monotonic() >= self._changes[identifier] else "PENDING")

        models.Route53Backend.change_resource_record_sets = apply
        responses.Route53.change_resource_record_sets = change
        responses.Route53.get_change = get_change

    def _install_health(self) -> None:
        plain_update = responses.Route53.update_health_check

        def update_health_check(response: Any) -> Any:
            wanted = response._get_param("HealthCheckVersion")  # noqa: SLF001  # as above
            check = self._backend.get_health_check(response._get_param("HealthCheckId"))  # noqa: SLF001  # as above
            if wanted is not None and int(wanted) != check.health_check_version:
                raise Route53ClientError("HealthCheckVersionMismatch", "The health check has another version.")
            answer = plain_update(response)
            check.health_check_version += 1
            return answer

        def get_health_check_status(response: Any) -> Any:
            identifier = response._get_param("HealthCheckId")  # noqa: SLF001  # as above
            self._backend.get_health_check(identifier)
            status = "Success: HTTP Status Code 200, OK" if self.health.observed(identifier) else "Failure: The connection failed."
            report = {"Region": "us-east-1", "IPAddress": "127.0.0.1", "StatusReport": {"Status": status, "CheckedTime": utcnow()}}
            return ActionResult({"HealthCheckObservations": [report]})

        responses.Route53.update_health_check = update_health_check
        responses.Route53.get_health_check_status = get_health_check_status


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # the vendor's class has no types
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # the vendor's signature
        """One line for every probe of every drill would bury what matters."""


def _change_info(identifier: str, status: str) -> Any:
    return ActionResult({"ChangeInfo": {"Id": f"/change/{identifier}", "Status": status, "SubmittedAt": utcnow()}})


def _text(rtype: str, value: Any) -> str:
    """Undo what moto does to values: it keeps the first SOA in a mapping and the name servers without their final dot."""
    text = value["Value"] if isinstance(value, Mapping) else str(value)
    return full(text) if rtype == "NS" else text


def form_of(record: Any) -> Form:
    """A stored record set as the API writes it."""
    form = {"Name": full(record.name), "Type": record.type}
    if record.ttl is not None:
        form["TTL"] = int(record.ttl)
    if record.records:
        form["ResourceRecords"] = [{"Value": value} for value in record.records]
    return form | {name: getattr(record, field) for name, field in _OPTIONAL.items() if getattr(record, field) is not None}


def _stored(form: Form) -> dict[str, Any]:
    return {**form, "ResourceRecords": [record["Value"] for record in form.get("ResourceRecords") or ()]}
