"""AWS routing controls: a lever of the data plane that five regional endpoints serve, any of which is enough."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from drill.adapters.aws_answers import client_errors, no_page_for_an_answer
from drill.adapters.lever_pull import Held, pull
from drill.adapters.loopback import is_loopback
from drill.model.errors import Fatal, InDoubt, Retryable
from drill.model.ports import NameFacts, Steering

_NEXT: Final = frozenset(
    {"EndpointTemporarilyUnavailableException", "ThrottlingException", "InternalServerException", "ServiceUnavailable", "Throttling"}
)
_UNSENT: Final = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"})
_CODES: Final = {"ResourceNotFoundException": "A221", "ConflictException": "A226", "ValidationException": "A222"}
_FIXES: Final = {
    "A221": "Check the controls' names, and that the endpoints are those of their cluster.",
    "A226": "A safety rule of the panel forbids it; the drill overrides none. Change the plan, or the rule.",
    "A222": "Correct the controls of the plan.",
    "A224": "Give the drill credentials that may read and update these controls.",
}
_TIMEOUT_S: Final = 2


class RoutingControls:
    """One routing control for each site (port Lever), flipped together in one call. Safety rules are never overridden.

    `endpoints`: region and address of each endpoint of the cluster, written into the plan: asking for them is control plane.
    """

    def __init__(
        self,
        name: str,
        endpoints: Sequence[tuple[str, str]],
        controls: Mapping[str, str],
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Raises: Fatal: an endpoint would carry signatures in the clear (A224)."""
        for _region, url in endpoints:
            if urlsplit(url).scheme == "http" and not is_loopback(urlsplit(url).hostname):
                raise Fatal(f"{url} is not on this machine.", code="A224", fix="Call it over https.")
        self._name = name
        self._endpoints = list(endpoints)
        self._controls = dict(controls)
        self._credentials = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        self._rng = rng or random.Random()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    @property
    def facts(self) -> NameFacts:
        return NameFacts("AWS routing controls", "data-plane")

    def read(self) -> Steering:
        raw = {
            arn: self._call("get_routing_control_state", RoutingControlArn=arn)["RoutingControlState"] for arn in self._controls.values()
        }
        on = [site for site, arn in self._controls.items() if raw[arn] == "On"]
        detail = f"on: {', '.join(on) or 'none'}"
        return Steering(self._name, on[0] if len(on) == 1 else "", forced=True, detail=detail, raw=raw)

    def wanted(self, to: str) -> dict[str, Any]:
        if to not in self._controls:
            raise Fatal(f"{self._name} has no routing control at '{to}'.", code="A226", fix=f"It has {', '.join(self._controls)}.")
        return {arn: "On" if site == to else "Off" for site, arn in self._controls.items()}

    def steer(self, before: Steering, to: str) -> Steering:
        wanted = self.wanted(to)
        return pull(self.read, lambda _present: self._set(wanted), expected=before.raw, wanted=wanted)

    def restore(self, found: Steering, written: Steering) -> None:
        pull(self.read, lambda _present: self._set(found.raw), expected=written.raw, wanted=found.raw)

    def _set(self, wanted: Held) -> None:
        entries = [{"RoutingControlArn": arn, "RoutingControlState": state} for arn, state in wanted.items()]
        self._call("update_routing_control_states", changing=True, UpdateRoutingControlStateEntries=entries)

    def _call(self, operation: str, *, changing: bool = False, **parameters: Any) -> Any:
        """Ask the endpoints in any order until one answers.

        Repeating an update at the next endpoint is safe: it sets states, it does not toggle them.
        """
        from botocore.exceptions import ClientError

        silent, doubtful = [], False
        for region, url in self._rng.sample(self._endpoints, len(self._endpoints)):
            try:
                return getattr(self._client(region, url), operation)(**parameters)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code not in _NEXT and int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) < 500:
                    ours = _CODES.get(code, "A224")
                    raise Fatal(f"the routing controls of {self._name} refuse: {code}.", code=ours, fix=_FIXES[ours]) from error
                silent.append(f"{region} {code}")
            except client_errors() as error:
                name = type(error).__name__
                if "Credential" in name:
                    raise Fatal(f"there are no AWS credentials: {name}.", code="A224", fix=_FIXES["A224"]) from error
                silent.append(f"{region} {name}")
                doubtful = doubtful or name not in _UNSENT
        if changing and doubtful:
            raise InDoubt(
                f"no endpoint said whether {self._name} was switched: {', '.join(silent)}.", code="A320", fix="Read the controls first."
            )
        raise Retryable(f"no endpoint of {self._name} answers: {', '.join(silent)}.", code="A120", fix="Try again in a few seconds.")

    def _client(self, region: str, url: str) -> Any:
        import boto3
        from botocore.config import Config

        if region not in self._clients:
            on_loopback = is_loopback(urlsplit(url).hostname)
            config = Config(
                connect_timeout=_TIMEOUT_S,
                read_timeout=_TIMEOUT_S,
                retries={"total_max_attempts": 1},  # the next try goes to the next endpoint
                proxies={} if on_loopback else None,  # a proxy set for the outside world must not catch calls to this machine
            )
            if self._session is None:
                self._session = boto3.session.Session(**self._credentials)  # one for all: each reads the service's description anew
            client = self._session.client("route53-recovery-cluster", region, endpoint_url=url, config=config)
            self._clients[region] = no_page_for_an_answer(client)
        return self._clients[region]
