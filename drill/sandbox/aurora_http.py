"""An Aurora global database behind the wire of Amazon RDS on loopback: moto cannot fail one over. Every request must be signed."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import uuid
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from drill.sandbox.loopback_http import LoopbackHandler, LoopbackServer

_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/rds/aws4_request, SignedHeaders=([^,]+), Signature=(\w{64})"
)
_VERSION: Final = "2014-10-31"

Fault = Literal["lost", "gone", "throttled", "unavailable"]
"""What befalls one call: carried out and never answered, not even carried out, or refused."""


class AuroraRefused(Exception):
    """An error of the service: its code, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class AuroraNetwork:
    """A global cluster of one cluster per region; `clusters`: name to region, the first one writes. A change takes three looks."""

    def __init__(self, name: str, clusters: Mapping[str, str], tags: Mapping[str, str]) -> None:
        self.name = name
        self.tags = dict(tags)
        self.arns = {cluster: f"arn:aws:rds:{region}:123456789012:cluster:{cluster}" for cluster, region in clusters.items()}
        self.writer = next(iter(clusters))
        self.moves: list[str] = []
        """The calls that were carried out and changed something."""
        self._regions = dict(clusters)
        self._steps = 0
        self._lock = threading.Lock()

    def call(self, action: str, form: Mapping[str, str], region: str) -> str:
        """The inside of the answer. Raises: AuroraRefused."""
        with self._lock:
            if action == "DescribeDBClusters":
                return self._cluster(form["DBClusterIdentifier"], region)
            if action in {"DescribeGlobalClusters", "FailoverGlobalCluster", "SwitchoverGlobalCluster"}:
                if form["GlobalClusterIdentifier"] != self.name:
                    raise AuroraRefused("GlobalClusterNotFoundFault", "The GlobalClusterIdentifier does not exist.", 404)
                if action == "DescribeGlobalClusters":
                    self._steps = max(0, self._steps - 1)
                    return f"<GlobalClusters><GlobalClusterMember>{self._global()}</GlobalClusterMember></GlobalClusters>"
                self._move(action, form)
                return f"<GlobalCluster>{self._global()}</GlobalCluster>"
        raise AuroraRefused("InvalidAction", f"Could not find operation {action} for version {_VERSION}")

    def _cluster(self, name: str, region: str) -> str:
        if self._regions.get(name) != region:
            raise AuroraRefused("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
        tags = "".join(f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in self.tags.items())
        own = f"<DBClusterIdentifier>{name}</DBClusterIdentifier><DBClusterArn>{self.arns[name]}</DBClusterArn><Status>available</Status>"
        return f"<DBClusters><DBCluster>{own}<TagList>{tags}</TagList></DBCluster></DBClusters>"

    def _global(self) -> str:
        members = "".join(
            f"<GlobalClusterMember><DBClusterArn>{arn}</DBClusterArn><IsWriter>{writes}</IsWriter></GlobalClusterMember>"
            for arn, writes in ((arn, str(name == self.writer).lower()) for name, arn in self.arns.items())
        )
        busy = "<FailoverState><Status>failing-over</Status></FailoverState>" if self._steps else ""
        own = f"<GlobalClusterIdentifier>{self.name}</GlobalClusterIdentifier><Status>available</Status>"
        return f"{own}<GlobalClusterMembers>{members}</GlobalClusterMembers>{busy}"

    def _move(self, action: str, form: Mapping[str, str]) -> None:
        target = next((name for name, arn in self.arns.items() if arn == form["TargetDbClusterIdentifier"]), None)
        if target is None:
            raise AuroraRefused("DBClusterNotFoundFault", "The target cluster is no member.", 404)
        if self._steps or target == self.writer:
            raise AuroraRefused("InvalidGlobalClusterStateFault", "The global cluster is not in a state for this.")
        if action == "FailoverGlobalCluster" and form.get("AllowDataLoss") != "true":
            raise AuroraRefused("InvalidParameterCombination", "A failover needs AllowDataLoss; without it use a switchover.")
        self.writer, self._steps = target, 3
        self.moves.append(action)


class AuroraServer(LoopbackServer):
    """The wire before the network. `secrets`: access key id to secret."""

    def __init__(self, network: AuroraNetwork, secrets: Mapping[str, str]) -> None:
        super().__init__(0, _Handler)
        self.network = network
        self.secrets = dict(secrets)
        self.faults: dict[str, Fault] = {}
        """What befalls the next call of an action."""

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://{self.place}"


class _Handler(LoopbackHandler):
    server: AuroraServer

    def serve(self, body: bytes) -> None:
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        action = form.get("Action", "")
        try:
            region = self._signed_for(body)
            fault = self.server.faults.pop(action, None)
            answer = "" if fault == "gone" else self._answer(action, form, region, fault)
        except AuroraRefused as refused:
            said = f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error><RequestId>1</RequestId>"
            self.answer(refused.status, f"<ErrorResponse>{said}</ErrorResponse>".encode(), "text/xml")
            return
        if fault in {"lost", "gone"}:
            self.close_connection = True
            return
        number = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        said = f"<{action}Response><{action}Result>{answer}</{action}Result>{number}</{action}Response>"
        self.answer(200, said.encode(), "text/xml")

    def _answer(self, action: str, form: Mapping[str, str], region: str, fault: Fault | None) -> str:
        if fault == "throttled":
            raise AuroraRefused("Throttling", "Rate exceeded")
        if fault == "unavailable":
            raise AuroraRefused("ServiceUnavailable", "Unable to respond", 503)
        try:
            return self.server.network.call(action, form, region)
        except KeyError as missing:
            raise AuroraRefused("MissingParameter", f"The request must contain {missing}.") from missing

    def _signed_for(self, body: bytes) -> str:
        """The region the request is signed for. Raises: AuroraRefused: it is not signed, or not by a key we know."""
        match = _SIGNED.fullmatch(self.headers.get("Authorization", ""))
        if match is None or match[1] not in self.server.secrets:
            raise AuroraRefused("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        _, day, region, signed, signature = match.groups()
        headers = "".join(f"{name}:{' '.join(self.headers.get(name, '').split())}\n" for name in signed.split(";"))
        canonical = "\n".join(["POST", self.path, "", headers, signed, hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/rds/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers.get("X-Amz-Date", ""), scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.server.secrets[match[1]]).encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(key.hex(), signature):
            raise AuroraRefused("SignatureDoesNotMatch", "The request signature we calculated does not match.", 403)
        return region
