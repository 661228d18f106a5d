"""Route 53 failover by the primary's health check: it can be forced down, or up, without touching a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drill.adapters.aws_answers import client_errors
from drill.adapters.dns_route53_client import Route53Account, no_vendor_error, open_route53
from drill.adapters.dns_route53_errors import may_have_worked, service_code
from drill.adapters.lever_pull import Held, pull
from drill.model.errors import Fatal, InDoubt, StepError
from drill.model.ports import NameFacts, Steering


class Route53HealthCheck:
    """The health check of a failover name's primary record (port Lever).

    A disabled check counts as healthy; disabled and inverted it counts as down, and nobody probes. While it is neither, the provider
    decides. An update names the version it replaces.
    """

    def __init__(self, name: str, account: Route53Account, check: str, *, primary: str, standby: str) -> None:
        self._name = name
        self._account = account
        self._check = check
        self._primary = primary
        self._standby = standby
        self._made_client: Any = None
        self._version = 0

    @property
    def facts(self) -> NameFacts:
        return NameFacts("Route 53 health checks", "control-plane")

    def read(self) -> Steering:
        with no_vendor_error(f"read the health check of {self._name}"):
            found = self._client().get_health_check(HealthCheckId=self._check)["HealthCheck"]
        config = found["HealthCheckConfig"]
        self._version = int(found["HealthCheckVersion"])
        raw = {"Disabled": bool(config.get("Disabled")), "Inverted": bool(config.get("Inverted"))}
        seen = self._seen()
        up = (True if raw["Disabled"] else seen.get(self._primary, True)) != raw["Inverted"]
        detail = f"health check {self._check}: {', '.join(name.lower() for name, on in raw.items() if on) or 'as its probes say'}"
        return Steering(self._name, self._primary if up else self._standby, raw["Disabled"], seen, detail, raw)

    def wanted(self, to: str) -> dict[str, Any]:
        if to not in (self._primary, self._standby):
            raise Fatal(
                f"the health check of {self._name} leads to '{self._primary}' or '{self._standby}', not to '{to}'.",
                code="A226",
                fix="Correct the step or the lever.",
            )
        return {"Disabled": True, "Inverted": to == self._standby}

    def steer(self, before: Steering, to: str) -> Steering:
        wanted = self.wanted(to)
        return pull(self.read, lambda _present: self._update(wanted), expected=before.raw, wanted=wanted)

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda _present: self._update(found.raw), expected=written.raw, wanted=found.raw)

    def _update(self, wanted: Held) -> None:
        doing = f"change the health check of {self._name}"
        try:
            with no_vendor_error(doing):
                self._client().update_health_check(HealthCheckId=self._check, HealthCheckVersion=self._version, **wanted)
        except StepError as refused:
            cause = refused.__cause__
            if isinstance(cause, client_errors()) and may_have_worked(cause):
                raise InDoubt(f"Route 53 did not say whether it could {doing}.", code="A320", fix="Read it there first.") from cause
            if isinstance(cause, client_errors()) and service_code(cause) == "HealthCheckVersionMismatch":
                raise Fatal(
                    f"somebody else changed the health check of {self._name} just now.", code="A220", fix="See who does, and start again."
                ) from cause
            raise

    def _seen(self) -> Mapping[str, bool]:
        """What the provider's probes say of the primary; nothing where a check has no probes of its own."""
        try:
            with no_vendor_error(f"read the state of the health check of {self._name}"):
                rows = self._client().get_health_check_status(HealthCheckId=self._check)["HealthCheckObservations"]
        except Fatal as refused:
            if refused.code != "A222":
                raise
            return {}
        well = [row["StatusReport"]["Status"].startswith("Success") for row in rows]
        return {self._primary: sum(well) * 100 > len(well) * 18} if well else {}  # the service's own rule: more than 18 % of its probes

    def _client(self) -> Any:
        if self._made_client is None:
            self._made_client = open_route53(self._account)
        return self._made_client
