"""A strict Nacos and a strict Apollo on loopback, as far as a switch of one text needs them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.adapters.little_http import Answer, Asked, LittleServer, answering

TOKEN = "token-of-the-centre"
USER, PASSWORD = "drill", "correct horse battery"
_V3 = {"path": "/nacos/v3/admin/cs/config", "group": "groupName", "login": "/nacos/v3/auth/user/login"}
_V2 = {"path": "/nacos/v2/cs/config", "group": "group", "login": "/nacos/v1/auth/login"}


class Centre(ABC):
    """What both have in common: one text, and faults that a test asks for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.before_write: Callable[[], None] = lambda: None
        """Called when a write comes in, before it is judged: somebody else may be faster."""
        self.lose: set[str] = set()
        """Methods of writes whose answer is lost once: `POST` after it was obeyed, `-POST` before."""
        self.down = False
        self.lock = threading.Lock()

    def serve(self, asked: Asked) -> Answer | None:
        writes = "login" not in asked.path
        with self.lock:
            if self.down or (writes and f"-{asked.method}" in self.lose):
                self.lose.discard(f"-{asked.method}")
                return None
            answer = self.answer(asked)
            if writes and asked.method in self.lose:
                self.lose.discard(asked.method)
                return None
            return answer

    @abstractmethod
    def answer(self, asked: Asked) -> Answer:
        """What this product says to a request."""


class FakeNacos(Centre):
    """One text of type yaml at public/DEFAULT_GROUP/shop.yaml; every call but the login needs the token."""

    def __init__(self, text: str, api: str) -> None:
        super().__init__(text)
        self.rules = _V3 if api == "v3" else _V2
        self.api = api
        self.type = "yaml"
        self.pushed: list[str] = []

    def answer(self, asked: Asked) -> Answer:
        place = urlsplit(asked.path)
        form = {name: rows[0] for name, rows in parse_qs(asked.body or place.query, keep_blank_values=True).items()}
        if place.path == self.rules["login"]:
            good = (form.get("username"), form.get("password")) == (USER, PASSWORD) and asked.method == "POST"
            return (200, json.dumps({"accessToken": TOKEN, "tokenTtl": 18000})) if good else (403, "unknown user!")
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, json.dumps({"code": 10001, "message": "access denied"})
        wanted = {"dataId": "shop.yaml", self.rules["group"]: "DEFAULT_GROUP", "namespaceId": "public"}
        if place.path != self.rules["path"]:
            return 404, "no such interface"
        if any(form.get(name) != value for name, value in wanted.items()):
            return 404, json.dumps({"code": 20004, "message": "config data not exist", "data": None})
        return self._read() if asked.method == "GET" else self._publish(form, asked)

    def _read(self) -> Answer:
        data: Any = {"dataId": "shop.yaml", "content": self.text, "type": self.type, "md5": _md5(self.text)}
        return 200, json.dumps({"code": 0, "message": "success", "data": data if self.api == "v3" else self.text})

    def _publish(self, form: dict[str, str], asked: Asked) -> Answer:
        self.before_write()
        if not form.get("content"):
            return 400, json.dumps({"code": 10000, "message": "content missing"})
        if asked.headers.get("casmd5") != _md5(self.text):
            return 500, json.dumps({"code": 20005, "message": "Cas publish fail, server md5 may have changed.", "data": None})
        self.text, self.type = form["content"], form.get("type") or "text"
        self.pushed.append(self.text)
        return 200, json.dumps({"code": 0, "message": "success", "data": True})


class FakeApollo(Centre):
    """One namespace of PRO/shop/default; applications get what is released. `text` is the released value of `db`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.items = {"db": text, "timeout": "5"}
        self.released = dict(self.items)
        self.locked_by = ""
        self.releases = 0

    @property
    def live(self) -> str:
        """What applications get."""
        return self.released["db"]

    def answer(self, asked: Asked) -> Answer:
        base = "/openapi/v1/envs/PRO/apps/shop/clusters/default/namespaces/application"
        if asked.headers.get("authorization") != TOKEN:
            return 401, json.dumps({"message": "Unauthorized"})
        if not asked.path.startswith(base):
            return 404, json.dumps({"message": "namespace not found"})
        below, body = asked.path.removeprefix(base), json.loads(asked.body or "{}")
        if (asked.method, below) == ("GET", "/lock"):
            return 200, json.dumps({"isLocked": bool(self.locked_by), "lockedBy": self.locked_by})
        if (asked.method, below) == ("GET", ""):
            rows = [{"key": key, "value": value} for key, value in self.items.items()]
            return 200, json.dumps({"items": [*rows, {"key": "", "value": "", "comment": "# a comment"}]})
        if (asked.method, below) == ("GET", "/releases/latest"):
            return 200, json.dumps({"configurations": self.released})
        return self._write(asked.method, below, body)

    def _write(self, method: str, below: str, body: dict[str, str]) -> Answer:
        self.before_write()
        if method == "PUT" and below == f"/items/{body.get('key')}" and body.get("key") in self.items:
            if not body.get("dataChangeLastModifiedBy"):
                return 400, json.dumps({"message": "dataChangeLastModifiedBy should not be empty"})
            self.items[body["key"]] = body["value"]
            return 200, ""
        if method == "POST" and below == "/releases" and body.get("releaseTitle") and body.get("releasedBy"):
            self.released, self.releases = dict(self.items), self.releases + 1
            return 200, json.dumps({"name": body["releaseTitle"]})
        return 400, json.dumps({"message": "bad request"})


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def serving(centre: Centre) -> Iterator[LittleServer]:
    """The centre on a port of its own."""
    with answering(centre.serve) as server:
        yield server
