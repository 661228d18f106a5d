"""Keeps a configuration value in Apollo, by its open interface: an edit, then a release that takes nobody else's edits along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from drill.adapters.config_keepers import TIMEOUT_S, NoAnswer, changed, checked
from drill.model.errors import Fatal
from drill.model.ports import Call, HttpCalls


class ApolloKeeper:
    """Values in Apollo (Keeper). Keys: url, token, env, app, cluster, namespace, key, operator.

    Apollo has no compare-and-swap: what is edited and what is released are looked at right before, and read back after.
    """

    def __init__(self, http: HttpCalls) -> None:
        self._http = http

    def read(self, keys: Mapping[str, str]) -> str:
        return _value(self._released(keys), keys)

    def pending(self, keys: Mapping[str, str]) -> bool:
        return self._edited(keys).get(keys["key"]) != self._released(keys).get(keys["key"])

    def write(self, keys: Mapping[str, str], before: str, after: str) -> None:
        lock = self._ask(keys, "GET", "/lock")
        if isinstance(lock, dict) and lock.get("isLocked") and lock.get("lockedBy") != keys["operator"]:
            what = f"{_what(keys)} is being edited by {lock.get('lockedBy')}"
            raise Fatal(f"{what}.", code="A285", fix="Let them release or drop their edit first.")
        edited, released = self._edited(keys), self._released(keys)
        others = {name for name in {*edited, *released} - {keys["key"]} if edited.get(name) != released.get(name)}
        if others or _value(edited, keys) not in {before, after} or _value(released, keys) not in {before, after}:
            raise changed("apollo")
        if _value(edited, keys) != after:
            item = {"key": keys["key"], "value": after, "comment": "drill", "dataChangeLastModifiedBy": keys["operator"]}
            self._ask(keys, "PUT", f"/items/{quote(keys['key'], safe='')}", item)
        if _value(released, keys) != after:
            self._ask(keys, "POST", "/releases", {"releaseTitle": "drill", "releasedBy": keys["operator"]})

    def _edited(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Every item as it is edited now; comments have no key."""
        found = self._ask(keys, "GET", "")
        rows = found.get("items") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise NoAnswer("it is not Apollo that answers", sent=True)
        return {str(row["key"]): str(row.get("value", "")) for row in rows if isinstance(row, dict) and row.get("key")}

    def _released(self, keys: Mapping[str, str]) -> dict[str, str]:
        """What applications get."""
        found = self._ask(keys, "GET", "/releases/latest")
        if found is None:
            return {}  # nothing was ever released
        rows = found.get("configurations") if isinstance(found, dict) else None
        if not isinstance(rows, dict):
            raise NoAnswer("it is not Apollo that answers", sent=True)
        return {str(name): str(value) for name, value in rows.items()}

    def _ask(self, keys: Mapping[str, str], method: str, below: str, body: Mapping[str, str] | None = None) -> Any:
        place = [("envs", "env"), ("apps", "app"), ("clusters", "cluster"), ("namespaces", "namespace")]
        path = "".join(f"/{name}/{quote(keys[key], safe='')}" for name, key in place)
        headers = {"Authorization": keys["token"], "Content-Type": "application/json;charset=UTF-8"}
        text = json.dumps(body, ensure_ascii=False) if body is not None else ""
        call = Call(method, f"{keys['url'].rstrip('/')}/openapi/v1{path}{below}", headers, text)
        answer = checked(self._http.send(call, timeout_s=TIMEOUT_S), _what(keys))
        try:
            return json.loads(answer.body) if answer.body else None
        except ValueError as error:
            raise NoAnswer("it is not Apollo that answers", sent=True) from error


def _value(held: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """Raises: Fatal: there is no such key (A284)."""
    if keys["key"] not in held:
        raise Fatal(f"there is no key {keys['key']} in {_what(keys)}.", code="A284", fix="Correct the place in the scenario.")
    return held[keys["key"]]


def _what(keys: Mapping[str, str]) -> str:
    return f"{keys['app']}/{keys['namespace']} in Apollo"
