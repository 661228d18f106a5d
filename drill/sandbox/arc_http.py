"""Five regional endpoints of a cluster of AWS routing controls on loopback: moto has none. Every request must be signed."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from drill.sandbox.loopback_http import LoopbackHandler, LoopbackServer

REGIONS: Final = ("us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1", "ap-southeast-2")
_TARGET: Final = "ToggleCustomerAPI."
_STATES: Final = frozenset({"On", "Off"})

Mood = Literal["well", "gone", "unavailable", "lost", "throttled"]
"""How an endpoint is: answering, hanging up unread, temporarily unavailable, hanging up after it did the work, or too busy."""


class ArcRefused(Exception):
    """An error of the service: its name, and the HTTP status."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


class ArcCluster:
    """The controls and their safety rule, over five endpoints that share them.

    `at_least_one_on`: the safety rule most panels have, that never may all be off.
    """

    def __init__(self, controls: Mapping[str, str], *, at_least_one_on: bool = True) -> None:
        self._lock = threading.Lock()
        self._states = dict(controls)
        self._at_least_one_on = at_least_one_on
        self.moods: dict[str, Mood] = {}
        """The mood of an endpoint by its region, or of all of them by an action; well when neither is named."""
        self.asked: list[tuple[str, str]] = []
        """Region and action of every request, in order."""
        self._servers = {region: _Endpoint(self, region) for region in REGIONS}

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """Region and address of every endpoint."""
        return [(region, f"http://{server.place}") for region, server in self._servers.items()]

    @property
    def states(self) -> dict[str, str]:
        """On or Off, by control."""
        with self._lock:
            return dict(self._states)

    def start(self) -> None:
        """Serve in threads until `end`."""
        for server in self._servers.values():
            server.start()

    def end(self) -> None:
        """Stop serving."""
        for server in self._servers.values():
            server.end()

    def call(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one action out. Raises: ArcRefused: the service would refuse it."""
        with self._lock:
            if action == "GetRoutingControlState":
                arn = self._known(body["RoutingControlArn"])
                return {"RoutingControlArn": arn, "RoutingControlState": self._states[arn], "RoutingControlName": arn.rpartition("/")[2]}
            if action == "UpdateRoutingControlState":
                self._set([body], body.get("SafetyRulesToOverride") or ())
                return {}
            if action == "UpdateRoutingControlStates":
                self._set(body["UpdateRoutingControlStateEntries"], body.get("SafetyRulesToOverride") or ())
                return {}
        raise ArcRefused("ValidationException", f"there is no action {action}")

    def _known(self, arn: str) -> str:
        if arn not in self._states:
            raise ArcRefused("ResourceNotFoundException", f"Routing control {arn} was not found.", 404)
        return arn

    def _set(self, entries: Iterable[Mapping[str, str]], overridden: Iterable[str]) -> None:
        after = dict(self._states)
        for entry in entries:
            if entry["RoutingControlState"] not in _STATES:
                raise ArcRefused("ValidationException", "RoutingControlState is On or Off.")
            after[self._known(entry["RoutingControlArn"])] = entry["RoutingControlState"]
        if self._at_least_one_on and "On" not in after.values() and not list(overridden):
            raise ArcRefused("ConflictException", "The safety rule 'at least one on' does not allow this update.", 409)
        self._states = after  # all of them, or none


class _Endpoint(LoopbackServer):
    def __init__(self, cluster: ArcCluster, region: str) -> None:
        super().__init__(0, _Handler)
        self.cluster = cluster
        self.region = region


class _Handler(LoopbackHandler):
    server: _Endpoint

    def serve(self, body: bytes) -> None:
        action = self.headers.get("x-amz-target", "").removeprefix(_TARGET)
        moods = self.server.cluster.moods
        mood = moods.get(action) or moods.get(self.server.region, "well")
        self.server.cluster.asked.append((self.server.region, action))
        if mood == "gone":
            self.close_connection = True
            return
        try:
            answer, status = self._carry_out(action, body, mood), 200
        except ArcRefused as refused:
            answer, status = {"__type": refused.name, "message": str(refused)}, refused.status
        if mood == "lost":
            self.close_connection = True
            return
        self.answer(status, json.dumps(answer).encode(), "application/x-amz-json-1.0", {"x-amzn-RequestId": str(uuid.uuid4())})

    def _carry_out(self, action: str, body: bytes, mood: Mood) -> dict[str, Any]:
        scope = f"/{self.server.region}/route53-recovery-cluster/aws4_request"
        if (
            not self.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential=")
            or scope not in self.headers["authorization"]
        ):
            raise ArcRefused("AccessDeniedException", "The request is not signed for this endpoint.", 403)
        if mood == "unavailable":
            raise ArcRefused("EndpointTemporarilyUnavailableException", "Try another endpoint.", 503)
        if mood == "throttled":
            raise ArcRefused("ThrottlingException", "Too many requests.", 429)
        return self.server.cluster.call(action, json.loads(body))
