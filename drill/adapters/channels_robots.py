"""Posts to group chats and webhooks: DingTalk, WeCom, Feishu, Slack, or any address that takes JSON. Judges the body, not the status."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from drill.adapters.channels_http import Reply, check_url, in_doubt, post, refused_by_status
from drill.adapters.channels_text import Words, words_of
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way

Kind = Literal["dingtalk", "wecom", "feishu", "slack", "webhook"]
_LOG: Final = logging.getLogger(__name__)
_WECOM_BYTES: Final = 2048
_RATES: Final[Mapping[str, tuple[float, int]]] = {"dingtalk": (1 / 6, 10), "wecom": (1 / 6, 10), "feishu": (1.0, 5), "slack": (1.0, 3)}
"""Sends a second and at once, within 20 a minute (DingTalk, WeCom), 100 a minute (Feishu) and one a second (Slack)."""


@dataclass(frozen=True)
class Robot:
    """Where a chat's messages are posted. `url` is the whole address the chat gave; `secret` signs, where the chat asks for it."""

    channel: str
    kind: Kind
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    private: bool = False
    """Only the contact reads it: then, and only then, it may hold a reply code."""


class RobotMessenger:
    """One chat or webhook as a channel (port Messenger). Safe to share between threads.

    Raises: PreflightFailed: its address would show its token to the network (F024).
    """

    def __init__(self, robot: Robot, *, timeout_s: float = 8.0, now_s: Callable[[], float] = time.time, per_second: float = 0.0) -> None:
        self._per_second = per_second
        self.channel = robot.channel
        self._robot = robot
        self._url = check_url(robot.url, channel=robot.channel)
        self._timeout_s = timeout_s
        self._now_s = now_s
        self._shown: set[str] = set()
        self._lock = threading.Lock()

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send."""
        kind = self._robot.kind
        try:
            words = words_of(message, private=self._robot.private)
        except ValueError as error:
            return SendResult("rejected", kind, code="text", detail=str(error), traceable=False)
        url, body, headers = self._request(message, words)
        answer = post(url, body, headers={"Content-Type": "application/json", **headers}, provider=kind, timeout_s=self._timeout_s)
        result = self._judged(answer) if isinstance(answer, Reply) else answer
        if result.state == "accepted":
            with self._lock:
                self._shown.add(message.id)
        else:
            _LOG.warning("channel.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
        return result

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """Delivered once the chat has taken it from this process; a chat cannot be asked about others."""
        with self._lock:
            return "delivered" if message.id in self._shown else "unknown"

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against; there is no look-up."""
        per_second, burst = _RATES.get(self._robot.kind, (0.0, 1))
        return Way(self.channel, self._per_second or per_second, traceable=False, burst=burst)

    def _request(self, message: OutboundMessage, words: Words) -> tuple[str, bytes, Mapping[str, str]]:
        now_s, secret = self._now_s(), self._robot.secret
        if self._robot.kind == "dingtalk":
            return _dingtalk_url(self._url, secret, now_s), _json({"msgtype": "text", "text": {"content": words.text}}), {}
        if self._robot.kind == "wecom":
            return self._url, _json({"msgtype": "text", "text": {"content": _cut(words.text, _WECOM_BYTES)}}), {}
        if self._robot.kind == "feishu":
            return self._url, _json({**_feishu_sign(secret, now_s), "msg_type": "text", "content": {"text": words.text}}), {}
        if self._robot.kind == "slack":
            return self._url, _json({"text": _slack(words.text)}), {}
        body = _json(_webhook(message, words))
        return self._url, body, {"Idempotency-Key": message.id, **_webhook_sign(secret, body)}

    def _judged(self, answer: Reply) -> SendResult:
        kind = self._robot.kind
        refused = refused_by_status(answer.status, provider=kind)
        if refused is not None:
            return refused
        code, said = ("OK", "") if kind == "webhook" else _slack_said(answer) if kind == "slack" else _errcode(answer)
        if code == "OK":
            return SendResult("accepted", kind, code="OK", traceable=False)
        if code == "not-json":
            return in_doubt(code, "What answered is not the chat.", provider=kind)
        return SendResult("rejected", kind, code=code, detail=_redact(said), traceable=False)


def _errcode(answer: Reply) -> tuple[str, str]:
    """What these robots mean: they answer HTTP 200 to everything and tell the truth in a number."""
    body = answer.json()
    if not isinstance(body, dict):
        return "not-json", ""
    code = next((body[name] for name in ("errcode", "code", "StatusCode") if name in body), None)
    if type(code) is int and code == 0:
        return "OK", ""
    said = next((str(body[name]) for name in ("errmsg", "msg", "StatusMessage") if body.get(name)), "")
    return ("no-errcode" if code is None else str(code)), said


def _slack_said(answer: Reply) -> tuple[str, str]:
    text = answer.body.decode("utf-8", "replace").strip()
    return ("OK", "") if text == "ok" else ("not-json" if len(text) > 100 else "slack", text)


def _dingtalk_url(url: str, secret: str, now_s: float) -> str:
    if not secret:
        return url
    stamp = str(round(now_s * 1000))
    sign = base64.b64encode(hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()).decode()
    return f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={quote(sign, safe='')}"  # encoded once: twice is 'sign not match'


def _feishu_sign(secret: str, now_s: float) -> dict[str, str]:
    if not secret:
        return {}
    stamp = str(int(now_s))
    digest = hmac.new(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": stamp, "sign": base64.b64encode(digest).decode()}


def _webhook(message: OutboundMessage, words: Words) -> dict[str, str]:
    return {
        "message": message.id,
        "transaction": words.transaction,
        "drill": words.drill,
        "purpose": message.purpose,
        "contact": message.contact,
        "language": message.language,
        "title": words.subject,
        "text": words.text,
    }


def _webhook_sign(secret: str, body: bytes) -> dict[str, str]:
    return {"X-Drill-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"} if secret else {}


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")


def _redact(said: str) -> str:
    return re.sub(r"\S*[?&]\S*=\S*|[0-9a-fA-F]{16,}", "<redacted>", said)[:200]
