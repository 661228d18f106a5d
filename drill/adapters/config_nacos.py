"""Keeps a configuration text in Nacos, by its management interface (v3) or the older v2; the server compares the MD5 before it writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from drill.adapters.config_keepers import TIMEOUT_S, NoAnswer, changed, checked
from drill.adapters.secret_values import SecretValues
from drill.model.errors import Fatal
from drill.model.ports import Answered, Call, HttpCalls

_ABSENT: Final = 20004
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
_PATHS: Final = {"v3": ("/v3/admin/cs/config", "/v3/auth/user/login", "groupName"), "v2": ("/v2/cs/config", "/v1/auth/login", "group")}
"""Of each interface: where texts are, where a token is had, and what it calls the group."""


class NacosKeeper:
    """Texts in Nacos (Keeper). Keys: url (with the context path), data_id, group, namespace, api, type, username, password."""

    def __init__(self, http: HttpCalls, values: SecretValues) -> None:
        self._http = http
        self._filled = values.filled

    def read(self, keys: Mapping[str, str]) -> str:
        return self._read(keys)[0]

    def pending(self, keys: Mapping[str, str]) -> bool:
        return False

    def write(self, keys: Mapping[str, str], before: str, after: str) -> None:
        present, kind = self._read(keys)
        if present != before:
            raise changed("nacos")
        form = {**_names(keys), "content": after, "type": kind}  # without its type, a text would become plain
        md5 = hashlib.md5(before.encode(), usedforsecurity=False).hexdigest()
        answer = self._ask(keys, "POST", body=urlencode(form), headers={**_FORM, "casMd5": md5})
        held = _json(answer)
        if answer.status >= 400 and "md5" in str(held.get("message", answer.body)).lower():
            raise changed("nacos")
        if checked(answer, _what(keys)) and (held.get("code") != 0 or held.get("data") is not True):
            raise NoAnswer(f"Nacos says {held.get('message') or 'no'}", sent=True)

    def _read(self, keys: Mapping[str, str]) -> tuple[str, str]:
        """The text and its type."""
        answer = self._ask(keys, "GET")
        held = _json(answer)
        if held.get("code") == _ABSENT or (answer.status == 200 and held.get("code") == 0 and held.get("data") is None):
            raise Fatal(f"there is no {_what(keys)}.", code="A284", fix="Correct the place in the scenario.")
        checked(answer, _what(keys))
        data = held.get("data")
        if isinstance(data, str):
            return data, keys.get("type") or "text"
        if not isinstance(data, dict) or not isinstance(data.get("content"), str):
            raise NoAnswer("it is not Nacos that answers", sent=True)
        return data["content"], str(data.get("type") or keys.get("type") or "text")

    def _ask(self, keys: Mapping[str, str], method: str, *, body: str = "", headers: Mapping[str, str] | None = None) -> Answered:
        path = _PATHS[keys.get("api") or "v3"][0]
        query = f"?{urlencode(_names(keys))}" if method == "GET" else ""
        token = self._token(keys)
        secret = {"Authorization": f"Bearer {token}", "accessToken": token} if token else {}
        call = Call(method, f"{_base(keys)}{path}{query}", {**(headers or {}), **secret}, body)
        return self._http.send(call, timeout_s=TIMEOUT_S)

    def _token(self, keys: Mapping[str, str]) -> str:
        """A fresh token, or none when no user is named. Raises: as `checked`."""
        if not keys.get("username"):
            return ""
        login = _PATHS[keys.get("api") or "v3"][1]
        form = urlencode({"username": self._filled(keys["username"]), "password": self._filled(keys.get("password", ""))})
        answer = self._http.send(Call("POST", f"{_base(keys)}{login}", _FORM, form), timeout_s=TIMEOUT_S)
        token = _json(checked(answer, "the login of Nacos")).get("accessToken")
        if not isinstance(token, str):
            raise NoAnswer("the login of Nacos gave no token", sent=False)
        return token


def _base(keys: Mapping[str, str]) -> str:
    return keys["url"].rstrip("/")


def _names(keys: Mapping[str, str]) -> dict[str, str]:
    group = _PATHS[keys.get("api") or "v3"][2]
    return {"dataId": keys["data_id"], group: keys.get("group") or "DEFAULT_GROUP", "namespaceId": keys.get("namespace") or "public"}


def _what(keys: Mapping[str, str]) -> str:
    return f"text {quote(keys['data_id'])} in Nacos"


def _json(answer: Answered) -> dict[str, Any]:
    try:
        held = json.loads(answer.body)
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}
