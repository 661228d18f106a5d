"""ApsaraDB RDS disaster-recovery instances and PolarDB global database networks, through the SDK's generic signed call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.drill_credentials import endpoint, take
from ansible.module_utils.managed import InDoubt, Refused, State, check_opted_in

_VERSIONS = {"rds": "2014-08-15", "polardb": "2017-08-01"}
_CENTRAL = {
    "cn-qingdao",
    "cn-beijing",
    "cn-hangzhou",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "us-west-1",
    "us-east-1",
}
"""Regions whose databases answer at the product's central address; others have one of their own."""

_DENIED = ("Forbidden", "NoPermission", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurityToken", "InvalidTimeStamp")
_NEVER_SENT = ("NewConnectionError", "NameResolutionError", "ConnectTimeout", "Connection refused", "Failed to establish")
_NOBODY = "127.0.0.1"
_FENCE_TAG = "drill-ips-"
_RESTARTED_TAG = "drill-restarted"
_LONGEST_TAG = 128


class Api:
    """Calls one product in one region; what the SDK raises stops here."""

    def __init__(self, product: str, region: str) -> None:
        """Raises: Refused: the SDK, the credentials or the region are missing."""
        take()
        if not region:
            raise Refused("DB_SETTINGS", "db_region is empty")
        self.region = region
        self._version = _VERSIONS[product]
        own = f"https://{product}.aliyuncs.com" if region in _CENTRAL else f"https://{product}.{region}.aliyuncs.com"
        address = urlsplit(endpoint(f"ALIBABA_ENDPOINT_{product.upper()}") or own)
        self._protocol = address.scheme
        self._client = _open(address.netloc, address.scheme, region)

    def read(self, action: str, **query: Any) -> Mapping[str, Any]:
        """Ask. Raises: Refused."""
        return self._call(action, query, acting=False)

    def act(self, action: str, **query: Any) -> Mapping[str, Any]:
        """Change something, once. Raises: Refused: certainly not done. InDoubt."""
        return self._call(action, query, acting=True)

    def tags(self, kind: str, name: str) -> dict[str, str]:
        """The tags of a resource. Raises: Refused."""
        query = {"RegionId": self.region, "ResourceType": kind, "ResourceId.1": name}
        rows = self.read("ListTagResources", **query).get("TagResources", {}).get("TagResource", [])
        return {str(row["TagKey"]): str(row["TagValue"]) for row in rows if row.get("ResourceId", name) == name}

    def _call(self, action: str, query: Mapping[str, Any], *, acting: bool) -> Mapping[str, Any]:
        from alibabacloud_tea_openapi.models import OpenApiRequest, Params
        from darabonba.runtime import RuntimeOptions

        how = {"protocol": self._protocol.upper(), "pathname": "/", "method": "POST", "auth_type": "AK", "style": "RPC"}
        call = Params(action=action, version=self._version, req_body_type="formData", body_type="json", **how)
        request = OpenApiRequest(query={key: str(value) for key, value in query.items() if value != ""})
        try:
            answer = self._client.call_api(call, request, RuntimeOptions(autoretry=False))
        except Exception as error:  # the SDK raises several unrelated families
            raise _meaning(action, error, acting=acting) from error
        body = answer.get("body")
        if not isinstance(body, dict) or "RequestId" not in body:  # every answer of the service has one: this is somebody else's
            said = f"{action}: what came back is no answer of Alibaba Cloud"
            raise InDoubt(said) if acting else Refused("DB_UNREACHABLE", said)
        return body


def _open(host: str, protocol: str, region: str) -> Any:
    try:
        from alibabacloud_tea_openapi.client import Client
        from alibabacloud_tea_openapi.models import Config
    except ImportError as error:
        raise Refused("DB_SETTINGS", f"the SDK is not installed: pip install 'dr-drill[aliyun]' ({error})") from error
    where = {"endpoint": host, "protocol": protocol, "region_id": region, "connect_timeout": 5000, "read_timeout": 20000}
    key, secret = os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    if key and secret:
        token = os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN") or None
        return Client(Config(access_key_id=key, access_key_secret=secret, security_token=token, **where))
    from alibabacloud_credentials.client import Client as Credentials

    try:
        return Client(Config(credential=Credentials(), **where))
    except Exception as error:  # the chain's providers raise their own
        raise Refused("DB_NOT_ALLOWED", f"there are no credentials for Alibaba Cloud: {error}") from error


def _meaning(action: str, error: Exception, *, acting: bool) -> Exception:
    code, status = str(getattr(error, "code", "") or ""), getattr(error, "status_code", None) or getattr(error, "statusCode", None)
    said = f"{action}: {code or type(error).__name__}: {' '.join(str(getattr(error, 'message', '') or error).split())[:200]}"
    whole = f"{error} {getattr(error, 'inner_exception', '') or ''} {error.__cause__ or ''}"
    if not isinstance(status, int) or not code:
        if any(word in whole for word in _NEVER_SENT) or not acting:
            return Refused("DB_UNREACHABLE", said)
        return InDoubt(said)
    if status >= 500 and acting:
        return InDoubt(said)
    kinds = {"DB_NOT_ALLOWED": code.startswith(_DENIED), "DB_UNREACHABLE": code.startswith("Throttling") or status >= 500}
    kinds["DB_NOT_FOUND"] = "NotFound" in code
    return Refused(next((kind for kind, fits in kinds.items() if fits), "DB_STANDBY_NOT_READY"), said)


class RdsInstance:
    """One ApsaraDB RDS instance by its id."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def describe(self) -> Mapping[str, Any]:
        """As RDS describes it. Raises: Refused."""
        rows = self.api.read("DescribeDBInstanceAttribute", DBInstanceId=self.name).get("Items", {}).get("DBInstanceAttribute", [])
        if not rows:
            raise Refused("DB_NOT_FOUND", f"there is no {self.name} in {self.api.region}")
        return dict(rows[0])

    def tags(self) -> dict[str, str]:
        """Its tags. Raises: Refused."""
        return self.api.tags("INSTANCE", self.name)

    def lists(self) -> dict[str, str]:
        """Who may connect: the addresses of each of its allow-lists that belong to the user. Raises: Refused."""
        answer = self.api.read("DescribeDBInstanceIPArrayList", DBInstanceId=self.name)
        rows = answer.get("Items", {}).get("DBInstanceIPArray", [])
        return {row["DBInstanceIPArrayName"]: row["SecurityIPList"] for row in rows if row.get("DBInstanceIPArrayAttribute") != "hidden"}

    def is_fenced(self) -> bool:
        """Whether it is stopped, or nobody may connect. Raises: Refused."""
        if self.is_stopped():
            return True
        lists = self.lists()
        return bool(lists) and all(addresses == _NOBODY for addresses in lists.values())

    def is_stopped(self) -> bool:
        """Whether nothing of it runs. Raises: Refused."""
        return self.describe().get("DBInstanceStatus") in {"Stopped", "Released"}


class RdsDisasterRecovery:
    """A disaster-recovery instance (Database of managed.py). Promoted, its link is gone for ever."""

    engine = "aliyun_rds"
    undo = "rebuild"

    def __init__(self, region: str, name: str, *, source_region: str, source: str, lag_s: float | None) -> None:
        self._instance = RdsInstance(Api("rds", region), name)
        self._source = RdsInstance(Api("rds", source_region or region), source) if source else None
        self._lag_s = lag_s

    def look(self) -> State:
        found = self._instance.describe()
        status = str(found.get("DBInstanceStatus", ""))
        source = str(found.get("IncrementSourceDBInstanceId") or found.get("MasterInstanceId") or "")
        alone = found.get("DBInstanceType") == "Primary" and not source
        role = "primary" if alone else "replica" if status == "Running" else "changing"
        return State(role, status == "Running", status, self._instance.tags(), None if alone else self._lag_s, source, self._instance.name)

    def source_takes_writes(self) -> bool | None:
        if self._source is None:
            return None
        try:
            return not self._source.is_fenced()
        except Refused as refused:
            if refused.code not in {"DB_NOT_FOUND", "DB_UNREACHABLE"}:
                raise
            return False if refused.code == "DB_NOT_FOUND" else None

    def promote(self, *, forced: bool) -> None:
        self._instance.api.act("DeleteReplicationLink", DBInstanceId=self._instance.name, PromoteToMaster="true")


class PolarDbMember:
    """A secondary cluster of a global database network (Database of managed.py). PolarDB demotes the old primary itself."""

    engine = "polardb"
    undo = "failback"

    def __init__(self, region: str, name: str, *, network: str, planned: bool) -> None:
        self._api = Api("polardb", region)
        self._name = name
        self._network = network
        self._planned = planned

    def look(self) -> State:
        network = self._api.read("DescribeGlobalDatabaseNetwork", GDNId=self._network)
        members = {row["DBClusterId"]: row for row in network.get("DBClusters", [])}
        if self._name not in members:
            raise Refused("DB_NOT_FOUND", f"{self._name} is no member of {self._network}")
        own, status = members[self._name], str(network.get("GDNStatus", ""))
        primary = next((name for name, row in members.items() if row.get("Role") == "primary"), "")
        busy = status != "active"
        role = "changing" if busy else "primary" if own.get("Role") == "primary" else "replica"
        lag = str(own.get("ReplicaLag") or "")
        ready = not busy and own.get("DBClusterStatus") == "Running"
        known = float(lag) if lag.replace(".", "", 1).isdigit() and role == "replica" else None
        tags = self._api.tags("cluster", self._name)
        return State(role, ready, f"{own.get('DBClusterStatus')} in a network that is {status}", tags, known, primary, self._name)

    def source_takes_writes(self) -> bool | None:
        return False  # the switch demotes the primary first; nothing else may decide that

    def promote(self, *, forced: bool) -> None:
        self._api.act(
            "SwitchOverGlobalDatabaseNetwork",
            RegionId=self._api.region,
            GDNId=self._network,
            DBClusterId=self._name,
            Forced="false" if self._planned else "true",
        )


class RdsFence:
    """Lets nobody connect to an instance, and gives its allow-lists back as they were."""

    def __init__(self, region: str, name: str) -> None:
        self._instance = RdsInstance(Api("rds", region), name)

    def fence(self, tags: Mapping[str, str], *, check: bool, wait: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
        """Fence it; open connections end with its restart. Its lists are kept on tags of its own first. Raises: Refused. InDoubt."""
        own = self._instance.tags()
        check_opted_in(own, tags, self._instance.name)
        report = {"host": self._instance.name, "check_mode": check}
        if self._instance.is_fenced() and (_RESTARTED_TAG in own or self._instance.is_stopped()):
            return {"changed": False, "already_fenced": True, **report}
        lists = self._instance.lists()
        too_long = [name for name, addresses in lists.items() if len(addresses) > _LONGEST_TAG or not addresses]
        if too_long or not lists:
            raise Refused(
                "DB_SETTINGS", f"{self._instance.name}: cannot be kept on a tag, so it could not be given back: {too_long or 'no list'}"
            )
        if not check:
            self._untag(own, _RESTARTED_TAG)
            self._keep(lists)
            for name in [name for name, addresses in lists.items() if addresses != _NOBODY]:
                self._set(name, _NOBODY)
            wait(lambda: self._running() and self._instance.is_fenced())
            self._instance.api.act("RestartDBInstance", DBInstanceId=self._instance.name)
            wait(lambda: self._running() and self._instance.is_fenced())
            self._tag("TagResources", {"Tag.1.Key": _RESTARTED_TAG, "Tag.1.Value": "yes"})  # what a run after a crash knows it by
        return {"changed": not check, "already_fenced": False, **report}

    def release(self, tags: Mapping[str, str], *, check: bool, wait: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
        """Give its allow-lists back. Raises: Refused: nobody knows them. InDoubt."""
        own = self._instance.tags()
        check_opted_in(own, tags, self._instance.name)
        kept = {key.removeprefix(_FENCE_TAG): value for key, value in own.items() if key.startswith(_FENCE_TAG)}
        report = {"host": self._instance.name, "released": True, "check_mode": check}
        if not kept:
            if self._instance.is_fenced():
                raise Refused(
                    "DB_SETTINGS", f"{self._instance.name} does not say which lists it had (tags {_FENCE_TAG}*); set them by hand"
                )
            return {"changed": False, **report}
        if not check:
            self._untag(own, _RESTARTED_TAG)
            wait(self._running)
            for name, addresses in kept.items():
                self._set(name, addresses)
            wait(lambda: all(self._instance.lists().get(name) == addresses for name, addresses in kept.items()))
            self._untag(own, *(_FENCE_TAG + name for name in kept))
        return {"changed": not check, **report}

    def _keep(self, lists: Mapping[str, str]) -> None:
        """Written before the act, and never over an earlier one: a second run sees lists that are closed already."""
        own, tags = self._instance.tags(), {}
        open_ones = [(name, addresses) for name, addresses in lists.items() if addresses != _NOBODY and _FENCE_TAG + name not in own]
        for at, (name, addresses) in enumerate(open_ones, 1):
            tags |= {f"Tag.{at}.Key": _FENCE_TAG + name, f"Tag.{at}.Value": addresses}
        if tags:
            self._tag("TagResources", tags)

    def _running(self) -> bool:
        return self._instance.describe().get("DBInstanceStatus") == "Running"

    def _untag(self, own: Mapping[str, str], *keys: str) -> None:
        there = [key for key in keys if key in own]
        if there:
            self._tag("UntagResources", {f"TagKey.{at}": key for at, key in enumerate(there, 1)})

    def _tag(self, action: str, what: Mapping[str, str]) -> None:
        query = {"RegionId": self._instance.api.region, "ResourceType": "INSTANCE", "ResourceId.1": self._instance.name, **what}
        self._instance.api.act(action, **query)

    def _set(self, name: str, addresses: str) -> None:
        query = {"DBInstanceId": self._instance.name, "DBInstanceIPArrayName": name, "SecurityIps": addresses, "ModifyMode": "Cover"}
        self._instance.api.act("ModifySecurityIps", **query)
