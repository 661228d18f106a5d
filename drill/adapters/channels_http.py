"""Posts a message to a web address, once: says whether it never left, was refused, was answered, or nobody knows."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from drill.adapters.loopback import is_loopback
from drill.model.errors import PreflightFailed
from drill.model.ports import SendResult

_LONGEST_ANSWER: Final = 65_536


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would repeat the POST as a GET, and a sign-in page would answer 200."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def post(url: str, body: bytes, *, headers: Mapping[str, str], provider: str, timeout_s: float) -> Reply | SendResult:
    """Post once and return the answer, or what its absence means. Never shows the address: it holds the robot's token."""
    request = urllib.request.Request(url, data=body, method="POST", headers={"User-Agent": "drill", **headers})  # noqa: S310 - see check_url
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
    if is_loopback(urlsplit(url).netloc):
        handlers.append(urllib.request.ProxyHandler({}))
    until_s = time.monotonic() + timeout_s
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return Reply(answer.status, _read(answer, until_s))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, b"")
    except urllib.error.URLError as error:
        return _not_sent(error.reason, provider)
    except (OSError, http.client.HTTPException):
        return in_doubt("no-answer", "The channel did not answer in time.", provider=provider)


def _read(answer: http.client.HTTPResponse, until_s: float) -> bytes:
    """The answer as far as it comes in time. Raises: TimeoutError: it drips."""
    body = b""
    while len(body) < _LONGEST_ANSWER and (piece := answer.read1(_LONGEST_ANSWER)):
        body += piece
        if time.monotonic() > until_s:
            raise TimeoutError
    return body


def _not_sent(reason: Any, provider: str) -> SendResult:
    if isinstance(reason, ConnectionResetError | BrokenPipeError):
        return in_doubt("no-answer", "The connection broke while sending.", provider=provider)
    why = getattr(reason, "strerror", None) or type(reason).__name__
    return SendResult(
        "rejected", provider, code="not-sent", detail=f"The channel cannot be reached: {why}.", retryable=True, traceable=False
    )


def refused_by_status(status: int, *, provider: str) -> SendResult | None:
    """What an HTTP status alone says; nothing when it is good and the body decides."""
    if 200 <= status < 300:
        return None
    if status >= 500:
        return in_doubt(f"HTTP{status}", f"The channel answered HTTP {status}.", provider=provider)
    fix = "Send more slowly." if status == 429 else "Check the channel's address and token."
    return SendResult("rejected", provider, code=f"HTTP{status}", detail=fix, retryable=status == 429, traceable=False)


def in_doubt(code: str, detail: str, *, provider: str) -> SendResult:
    """A send that nobody can look up: it is not repeated."""
    return SendResult("in_doubt", provider, code=code, detail=f"{detail} It may have been sent.", traceable=False)


def check_url(url: str, *, channel: str) -> str:
    """The address, if a robot's token is safe on it. Raises: PreflightFailed: it is not https, except on this machine (F024)."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.netloc)):
        raise PreflightFailed(f"the address of channel '{channel}' is not https.", code="F024", fix="Its token would travel in the open.")
    return url
