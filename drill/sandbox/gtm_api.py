"""Three generations of Alibaba's global traffic manager: access modes, recovery plans and address pools."""

from __future__ import annotations

import copy
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused, Query, Row, page_of

MODES: Final = frozenset({"AUTO", "DEFAULT", "FAILOVER"})
_GROUPS: Final = ("DEFAULT", "FAILOVER")


class GtmApi:
    """Instances of every generation over shared pools of addresses; thread-safe.

    A pool is healthy while `healthy` says so of every address; a recovery plan takes its pools out of service, as the console describes it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pools: dict[str, Row] = {}
        self._strategies: dict[str, Row] = {}
        self._plans: dict[int, Row] = {}
        self._configs: dict[str, Row] = {}
        self._tokens: dict[str, Row] = {}
        self._numbers = itertools.count(1)
        self.healthy: dict[str, bool] = {}
        """What the health checks say, by pool; a pool that is not named is healthy."""
        self._actions: dict[str, Callable[[Query], Row]] = {
            "DescribeGtmInstances": lambda query: self._instances(query, 1, "GtmInstances"),
            "DescribeDnsGtmInstances": lambda query: self._instances(query, 2, "GtmInstances"),
            "ListCloudGtmInstances": lambda query: self._instances(query, 3, "Instances"),
            "DescribeGtmAccessStrategy": lambda query: self._first(self._strategy(query, 1)),
            "DescribeDnsGtmAccessStrategy": lambda query: self._second(self._strategy(query, 2)),
            "SetGtmAccessMode": lambda query: self._set_mode(query, 1),
            "SetDnsGtmAccessMode": lambda query: self._set_mode(query, 2),
            "AddGtmRecoveryPlan": self._add_plan,
            "DescribeGtmRecoveryPlan": self._describe_plan,
            "PreviewGtmRecoveryPlan": self._preview_plan,
            "ExecuteGtmRecoveryPlan": lambda query: self._run_plan(query, "EXECUTED"),
            "RollbackGtmRecoveryPlan": lambda query: self._run_plan(query, "ROLLED_BACK"),
            "DescribeCloudGtmInstanceConfigFullInfo": self._config,
            "UpdateCloudGtmAddressPoolEnableStatus": self._set_pool,
        }

    @property
    def actions(self) -> frozenset[str]:
        """The actions it knows."""
        return frozenset(self._actions)

    def call(self, action: str, query: Query) -> Row:
        """Carry out one action. Raises: AlidnsRefused: the service would refuse it."""
        with self._lock:
            token = str(query.get("ClientToken", ""))
            if token and token in self._tokens:
                return self._tokens[token]
            answer: Row = json.loads(json.dumps(self._actions[action](query)))
            if token:
                self._tokens[token] = answer
            return answer

    def add_strategy(self, generation: int, instance: str, strategy: str, default: str, failover: str) -> None:
        """An access strategy of the first or second generation between two pools."""
        for pool in (default, failover):
            self._pools.setdefault(pool, {"out": False})
        self._strategies[strategy] = {
            "generation": generation,
            "InstanceId": instance,
            "StrategyId": strategy,
            "AccessMode": "AUTO",
            "pools": {"DEFAULT": default, "FAILOVER": failover},
        }

    def add_config(self, instance: str, config: str, *pools: str) -> None:
        """A configuration of the third generation: pools in the order in which they serve."""
        for pool in pools:
            self._pools.setdefault(pool, {"out": False})
        self._configs[config] = {"InstanceId": instance, "ConfigId": config, "pools": list(pools), "status": dict.fromkeys(pools, "enable")}

    def snapshot(self) -> str:
        """Everything a rollback has to restore, as text."""
        with self._lock:
            kept = copy.deepcopy([self._strategies, self._configs, self._pools])
            return json.dumps(kept, sort_keys=True)

    def effective(self, strategy: str) -> str:
        """The group of pools that serves: DEFAULT or FAILOVER."""
        row = self._strategies[strategy]
        if row["AccessMode"] != "AUTO":
            return str(row["AccessMode"])
        return "DEFAULT" if self._up(row["pools"]["DEFAULT"]) else "FAILOVER"

    def _up(self, pool: str) -> bool:
        return not self._pools[pool]["out"] and self.healthy.get(pool, True)

    def _instances(self, query: Query, generation: int, key: str) -> Row:
        found = {row["InstanceId"] for row in self._strategies.values() if row["generation"] == generation}
        found |= {row["InstanceId"] for row in self._configs.values()} if generation == 3 else set()
        page, part = page_of(query, [{"InstanceId": instance} for instance in sorted(found)])
        rows: Any = {"Instance": part} if generation == 3 else {"GtmInstance": part} if generation == 1 else part
        return {**page, "TotalItems": len(found), "TotalPages": 1, key: rows}

    def _strategy(self, query: Query, generation: int) -> Row:
        row = self._strategies.get(str(query["StrategyId"]))
        if row is None or row["generation"] != generation:
            raise AlidnsRefused("Gtm.Strategy.NotExist", "The access strategy does not exist.", 404)
        return row

    def _first(self, row: Row) -> Row:
        states = {group: "AVAILABLE" if self._up(row["pools"][group]) else "NOT_AVAILABLE" for group in _GROUPS}
        return {
            **{name: row[name] for name in ("InstanceId", "StrategyId", "AccessMode")},
            "AccessStatus": self.effective(row["StrategyId"]),
            "DefultAddrPoolId": row["pools"]["DEFAULT"],  # spelt so by the service
            "FailoverAddrPoolId": row["pools"]["FAILOVER"],
            "DefaultAddrPoolStatus": states["DEFAULT"],
            "FailoverAddrPoolStatus": states["FAILOVER"],
        }

    def _second(self, row: Row) -> Row:
        answer = {name: row[name] for name in ("InstanceId", "StrategyId", "AccessMode")}
        answer["EffectiveAddrPoolGroupType"] = self.effective(row["StrategyId"])
        for group in _GROUPS:
            up = self._up(row["pools"][group])
            word = group.capitalize()
            answer[f"{word}AddrPoolGroupStatus"] = "AVAILABLE" if up else "NOT_AVAILABLE"
            answer |= {f"{word}AvailableAddrNum": int(up), f"{word}MinAvailableAddrNum": 1}
        return answer

    def _set_mode(self, query: Query, generation: int) -> Row:
        row = self._strategy(query, generation)
        if query["AccessMode"] not in MODES:
            raise AlidnsRefused("InvalidParameter", "The parameter AccessMode is invalid.")
        row["AccessMode"] = query["AccessMode"]
        return {}

    def _add_plan(self, query: Query) -> Row:
        number = next(self._numbers)
        self._plans[number] = {"Name": query["Name"], "Status": "UNEXECUTED", "pools": json.loads(query["FaultAddrPool"])}
        return {"RecoveryPlanId": str(number)}

    def _plan(self, query: Query) -> Row:
        row = self._plans.get(int(query["RecoveryPlanId"]))
        if row is None:
            raise AlidnsRefused("Gtm.RecoveryPlan.NotExist", "The recovery plan does not exist.", 404)
        return row

    def _describe_plan(self, query: Query) -> Row:
        row = self._plan(query)
        pools = [{"AddrPoolId": pool, "AddrPoolName": pool} for pool in row["pools"]]
        answer = {"RecoveryPlanId": int(query["RecoveryPlanId"]), "Name": row["Name"], "Status": row["Status"]}
        return answer | {"FaultAddrPoolNum": len(pools), "FaultAddrPools": {"FaultAddrPool": pools}}

    def _preview_plan(self, query: Query) -> Row:
        pools = self._plan(query)["pools"]
        hit = [row for row in self._strategies.values() if row["generation"] == 1 and row["pools"]["DEFAULT"] in pools]
        switches = [{"StrategyName": row["StrategyId"], "Content": "DEFAULT -> FAILOVER"} for row in hit]
        previews = [{"InstanceId": row["InstanceId"], "SwitchInfos": {"SwitchInfo": switches}} for row in hit]
        return {"TotalItems": len(previews), "TotalPages": 1, "Previews": {"Preview": previews}}

    def _run_plan(self, query: Query, status: str) -> Row:
        row = self._plan(query)
        if (row["Status"] == "EXECUTED") == (status == "EXECUTED"):
            raise AlidnsRefused("Gtm.RecoveryPlan.StatusNotAllowed", f"The recovery plan is {row['Status']}.")
        row["Status"] = status
        for pool in row["pools"]:
            self._pools[pool]["out"] = status == "EXECUTED"
        return {}

    def _config(self, query: Query) -> Row:
        row = self._configs.get(str(query["ConfigId"]))
        if row is None or row["InstanceId"] != query["InstanceId"]:
            raise AlidnsRefused("CloudGtm.InstanceConfig.NotExist", "The instance configuration does not exist.", 404)
        pools = [self._pool_row(row, at, pool) for at, pool in enumerate(row["pools"], start=1)]
        return {
            "InstanceId": row["InstanceId"],
            "ConfigId": row["ConfigId"],
            "AddressPoolLbStrategy": "sequence",
            "AddressPools": {"AddressPool": pools},
        }

    def _pool_row(self, config: Mapping[str, Any], number: int, pool: str) -> Row:
        enabled, up = config["status"][pool], self._up(pool)
        state = "available" if up and enabled == "enable" else "unavailable"
        return {
            "AddressPoolId": pool,
            "SerialNumber": number,
            "EnableStatus": enabled,
            "AvailableStatus": state,
            "HealthStatus": "ok" if up else "exceptional",
        }

    def _set_pool(self, query: Query) -> Row:
        if query["EnableStatus"] not in {"enable", "disable"}:
            raise AlidnsRefused("InvalidParameter", "The parameter EnableStatus is invalid.")
        configs = [row for row in self._configs.values() if query["AddressPoolId"] in row["status"]]
        if not configs:
            raise AlidnsRefused("CloudGtm.AddressPool.NotExist", "The address pool does not exist.", 404)
        for row in configs:
            row["status"][query["AddressPoolId"]] = query["EnableStatus"]
        return {"AddressPoolId": query["AddressPoolId"], "Success": True}
