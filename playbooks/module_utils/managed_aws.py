"""Amazon RDS read replicas and Aurora global databases, through boto3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.drill_credentials import endpoint, take
from ansible.module_utils.managed import InDoubt, Refused, State, check_opted_in

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
}
_MISSING = {"DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault", "GlobalClusterNotFoundFault"}
_BUSY = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure", "InternalError"}
_METRIC_AGE_S = 600
_FENCE_TAG = "drill:groups"
_RESTARTED_TAG = "drill:restarted"
_STILL = {"available", "stopped"}


class Api:
    """Calls one service in one region; what the SDK raises stops here."""

    def __init__(self, service: str, region: str) -> None:
        """Raises: Refused: there is no boto3, no region or no address to call."""
        take()
        try:
            from boto3.session import Session
            from botocore.config import Config
        except ImportError as error:
            raise Refused("DB_SETTINGS", f"boto3 is not installed: pip install 'dr-drill[aws]' ({error})") from error
        if not region:
            raise Refused("DB_SETTINGS", "db_region is empty")
        address = endpoint(f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL") or None
        limits = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})
        self._client = Session().client(service, region_name=region, endpoint_url=address, config=limits)

    def read(self, call: str, **arguments: Any) -> Mapping[str, Any]:
        """Ask. Raises: Refused."""
        return self._call(call, arguments, acting=False)

    def act(self, call: str, **arguments: Any) -> Mapping[str, Any]:
        """Change something, once. Raises: Refused: certainly not done. InDoubt."""
        return self._call(call, arguments, acting=True)

    def _call(self, call: str, arguments: Mapping[str, Any], *, acting: bool) -> Mapping[str, Any]:
        from botocore import exceptions

        act, silent = getattr(self._client, call), InDoubt if acting else _unreachable
        try:
            answer = dict(act(**arguments))
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            raise _meaning(call, code, str(error.response.get("Error", {}).get("Message", "")), lost=acting and status >= 500) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.NoRegionError) as error:
            raise Refused("DB_NOT_ALLOWED", f"{call}: {error}") from error
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
            raise Refused("DB_UNREACHABLE", f"{call}: {error}") from error  # never sent
        except Exception as error:  # its two families, and what its parsers stumble over in an answer that is somebody else's
            raise silent(f"{call}: {type(error).__name__}: {error}") from error
        if not answer.get("ResponseMetadata", {}).get("RequestId"):
            raise silent(f"{call}: what came back is no answer of AWS")
        return answer


def _unreachable(text: str) -> Refused:
    return Refused("DB_UNREACHABLE", text)


def _meaning(call: str, code: str, message: str, *, lost: bool) -> Exception:
    said = f"{call}: {code}: {' '.join(message.split())}"
    if code in _DENIED:
        return Refused("DB_NOT_ALLOWED", said)
    if code in _MISSING:
        return Refused("DB_NOT_FOUND", said)
    if lost:
        return InDoubt(said)
    if code in _BUSY:
        return _unreachable(said)
    return Refused("DB_STANDBY_NOT_READY", said)


def lag_s(metrics: Api, namespace: str, name: str, dimension: tuple[str, str], unit_s: float) -> float | None:
    """The newest value of a lag metric, in seconds; None when there was none for ten minutes, or it says that nothing replicates."""
    now = datetime.now(UTC)
    answer = metrics.read(
        "get_metric_statistics",
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension[0], "Value": dimension[1]}],
        StartTime=now - timedelta(seconds=_METRIC_AGE_S),
        EndTime=now + timedelta(seconds=60),
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) * unit_s if points and points[-1]["Maximum"] >= 0 else None


class RdsInstance:
    """One DB instance by its name."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def describe(self) -> Mapping[str, Any]:
        """As RDS describes it. Raises: Refused."""
        return dict(self.api.read("describe_db_instances", DBInstanceIdentifier=self.name)["DBInstances"][0])

    def tags(self, described: Mapping[str, Any]) -> dict[str, str]:
        """Its tags."""
        return {tag["Key"]: tag["Value"] for tag in described.get("TagList", [])}


class RdsReplica:
    """A read replica (Database of managed.py). Promoted, it is a database of its own for ever."""

    engine = "rds"
    undo = "rebuild"

    def __init__(self, region: str, name: str, *, source_region: str, source: str, quarantine: list[str]) -> None:
        self._instance = RdsInstance(Api("rds", region), name)
        self._metrics = Api("cloudwatch", region)
        self._source = RdsInstance(Api("rds", source_region or region), source) if source else None
        self._quarantine = quarantine

    def look(self) -> State:
        found = self._instance.describe()
        status, source = str(found.get("DBInstanceStatus", "")), str(found.get("ReadReplicaSourceDBInstanceIdentifier") or "")
        replicating = [info.get("Normal", True) for info in found.get("StatusInfos", []) if info.get("StatusType") == "read replication"]
        role = "primary" if not source else "replica" if status == "available" else "changing"
        lag = lag_s(self._metrics, "AWS/RDS", "ReplicaLag", ("DBInstanceIdentifier", self._instance.name), 1.0) if source else None
        ready = status == "available" and (role == "primary" or all(replicating) or lag is not None)
        return State(role, ready, status, self._instance.tags(found), lag, source, str(found.get("DbiResourceId", "")))

    def source_takes_writes(self) -> bool | None:
        if self._source is None:
            return None
        try:
            found = self._source.describe()
        except Refused as refused:
            return False if refused.code == "DB_NOT_FOUND" else None if refused.code == "DB_UNREACHABLE" else _again(refused)
        return not is_fenced(found, self._quarantine)

    def promote(self, *, forced: bool) -> None:
        self._instance.api.act("promote_read_replica", DBInstanceIdentifier=self._instance.name)


def _again(refused: Refused) -> bool:
    raise refused


def is_fenced(described: Mapping[str, Any], quarantine: list[str]) -> bool:
    """Whether nobody can reach it: it is stopped, or only in security groups that let nothing in."""
    if described.get("DBInstanceStatus") in {"stopped", "deleting"}:
        return True
    groups = {group["VpcSecurityGroupId"] for group in described.get("VpcSecurityGroups", [])}
    settled = described.get("DBInstanceStatus") == "available" and all(
        group.get("Status", "active") == "active" for group in described.get("VpcSecurityGroups", [])
    )
    return settled and bool(groups) and groups <= set(quarantine)


class AuroraGlobal:
    """A secondary cluster of an Aurora global database (Database of managed.py). Aurora demotes the old primary, which follows later."""

    engine = "aurora"
    undo = "failback"

    def __init__(self, region: str, name: str, *, network: str, planned: bool) -> None:
        self._api = Api("rds", region)
        self._metrics = Api("cloudwatch", region)
        self._name = name
        self._network = network
        self._planned = planned

    def look(self) -> State:
        cluster = dict(self._api.read("describe_db_clusters", DBClusterIdentifier=self._name)["DBClusters"][0])
        network = dict(self._api.read("describe_global_clusters", GlobalClusterIdentifier=self._network)["GlobalClusters"][0])
        arn = str(cluster["DBClusterArn"])
        members = {member["DBClusterArn"]: member for member in network.get("GlobalClusterMembers", [])}
        if arn not in members:
            raise Refused("DB_NOT_FOUND", f"{self._name} is no member of {self._network}")
        writer = next((each for each, member in members.items() if member.get("IsWriter")), "")
        busy = bool((network.get("FailoverState") or {}).get("Status")) or network.get("Status") in {"failing-over", "switching-over"}
        status = str(cluster.get("Status", ""))
        role = "changing" if busy else "primary" if members[arn].get("IsWriter") else "replica"
        lag = None
        if role == "replica":
            lag = lag_s(self._metrics, "AWS/RDS", "AuroraGlobalDBReplicationLag", ("DBClusterIdentifier", self._name), 0.001)
        tags = {tag["Key"]: tag["Value"] for tag in cluster.get("TagList", [])}
        return State(role, status == "available" and not busy, status, tags, lag, writer, arn)

    def source_takes_writes(self) -> bool | None:
        return False  # both calls demote the writer first; nothing else may decide that

    def promote(self, *, forced: bool) -> None:
        target = self.look().position
        if self._planned:
            self._api.act("switchover_global_cluster", GlobalClusterIdentifier=self._network, TargetDbClusterIdentifier=target)
        else:
            self._api.act(
                "failover_global_cluster",
                GlobalClusterIdentifier=self._network,
                TargetDbClusterIdentifier=target,
                AllowDataLoss=True,  # how AWS calls an unplanned failover; the lag gate has decided before
            )


class RdsFence:
    """Cuts an instance off by security groups that let nothing in, and gives it back as it was."""

    def __init__(self, region: str, name: str, quarantine: list[str]) -> None:
        if not quarantine:
            raise Refused("DB_SETTINGS", "db_quarantine_groups is empty: name a security group that lets nothing in")
        self._instance = RdsInstance(Api("rds", region), name)
        self._quarantine = quarantine

    def fence(self, tags: Mapping[str, str], *, check: bool, wait: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
        """Fence it; open connections end with its restart. Its groups are kept on a tag of its own first. Raises: Refused. InDoubt."""
        found = self._instance.describe()
        own = self._instance.tags(found)
        check_opted_in(own, tags, self._instance.name)
        report = {"host": self._instance.name, "check_mode": check}
        if is_fenced(found, self._quarantine) and (_RESTARTED_TAG in own or found.get("DBInstanceStatus") != "available"):
            return {"changed": False, "already_fenced": True, **report}
        if not check:
            self._untag(found, own, _RESTARTED_TAG)
            self._keep_groups(found)
            if not self._groups() <= set(self._quarantine):
                self._move(self._quarantine)
            wait(lambda: is_fenced(self._instance.describe(), self._quarantine))
            self._instance.api.act("reboot_db_instance", DBInstanceIdentifier=self._instance.name)
            wait(lambda: is_fenced(self._instance.describe(), self._quarantine))
            self._tag(found, _RESTARTED_TAG, "yes")  # without it a run after a crash cannot know that open connections have ended
        return {"changed": not check, "already_fenced": False, **report}

    def release(self, tags: Mapping[str, str], *, check: bool, wait: Callable[[Callable[[], bool]], None]) -> dict[str, Any]:
        """Put it back into the groups it had. Raises: Refused: nobody knows them. InDoubt."""
        found = self._instance.describe()
        own = self._instance.tags(found)
        check_opted_in(own, tags, self._instance.name)
        former = [group for group in own.get(_FENCE_TAG, "").split() if group]
        report = {"host": self._instance.name, "released": True, "check_mode": check}
        if not former:
            if is_fenced(found, self._quarantine):
                raise Refused("DB_SETTINGS", f"{self._instance.name} does not say which groups it had (tag {_FENCE_TAG}); set them by hand")
            return {"changed": False, **report}
        if not check:
            self._untag(found, own, _RESTARTED_TAG)
            wait(lambda: self._instance.describe().get("DBInstanceStatus") in _STILL)
            self._move(former)
            wait(lambda: self._groups() == set(former))
            self._untag(found, own, _FENCE_TAG)
        return {"changed": not check, **report}

    def _keep_groups(self, found: Mapping[str, Any]) -> None:
        """Written before the act, and never over an earlier one: a second run sees the quarantine already."""
        groups = sorted(group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups", []))
        if _FENCE_TAG not in self._instance.tags(found) and not set(groups) <= set(self._quarantine):
            self._tag(found, _FENCE_TAG, " ".join(groups))

    def _tag(self, found: Mapping[str, Any], key: str, value: str) -> None:
        self._instance.api.act("add_tags_to_resource", ResourceName=found["DBInstanceArn"], Tags=[{"Key": key, "Value": value}])

    def _untag(self, found: Mapping[str, Any], own: Mapping[str, str], key: str) -> None:
        if key in own:
            self._instance.api.act("remove_tags_from_resource", ResourceName=found["DBInstanceArn"], TagKeys=[key])

    def _move(self, groups: list[str]) -> None:
        self._instance.api.act(
            "modify_db_instance", DBInstanceIdentifier=self._instance.name, VpcSecurityGroupIds=groups, ApplyImmediately=True
        )

    def _groups(self) -> set[str]:
        return {group["VpcSecurityGroupId"] for group in self._instance.describe().get("VpcSecurityGroups", [])}
