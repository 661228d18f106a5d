"""What the roles of the scripted world do to its state; each deed says whether it changed anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drill.model.errors import Fatal
from drill.model.ports import RecordSet


def put(place: dict[str, Any], key: str, *, value: Any) -> bool:
    changed = place[key] != value
    place[key] = value
    return bool(changed)


def keep(state: dict[str, Any], *, step: str, name: str, there: bool) -> bool:
    rows = set(state["resources"].get(step, ()))
    after = rows | {name} if there else rows - {name}
    state["resources"][step] = sorted(after)
    if not after:
        del state["resources"][step]
    return after != rows


def apps(variables: Mapping[str, Any]) -> list[str]:
    return [f"app[{address}]" for address in variables.get("addresses", ())]


def form(record: RecordSet) -> dict[str, Any]:
    return {"ttl_s": record.ttl_s, "values": list(record.values)}


def promote(state: dict[str, Any], site: str) -> bool:
    return put(state["databases"][site], "role", value="primary")


def rejoin(state: dict[str, Any], site: str) -> bool:
    if state["cut"][site]:
        raise Fatal(f"{site} is cut off.", code="A131")
    changed = put(state["databases"][site], "role", value="standby")
    return put(state["databases"][site], "fenced", value=False) or changed


def switch_over(state: dict[str, Any], site: str) -> bool:
    if state["databases"][site]["fenced"] or state["cut"][site]:
        raise Fatal(f"{site} does not stream.", code="A231")
    changed = put(state["databases"][site], "role", value="primary")
    for other in state["databases"].keys() - {site}:
        changed = put(state["databases"][other], "role", value="standby") or changed
    return changed


def promoted(before: str) -> dict[str, Any]:
    done = {"lsn": "0/3000160", "timeline": 2}
    return {"pg_promote": {"after": done, "lag_bytes": 0, "lag_known": True, "already_promoted": before == "primary"}}


PLAYBOOKS: Mapping[str, tuple[Callable[[dict[str, Any], str], bool], Callable[[str], dict[str, Any]]]] = {
    "promote_postgres.yml": (promote, promoted),
    "rejoin_postgres.yml": (rejoin, lambda _: {"role": "standby"}),
    "switchover_postgres.yml": (switch_over, lambda _: {"role": "primary"}),
}
