"""Checks the signatures of requests to Alibaba Cloud: ACS3-HMAC-SHA256 for the API, MNS HMAC-SHA1 for the queue."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, quote

ALGORITHM: Final = "ACS3-HMAC-SHA256"
SKEW_S: Final = 900.0
"""How far a request's clock may be off."""

_ACS3: Final = re.compile(rf"{ALGORITHM} Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-fA-F]{{64}})")
_MNS: Final = re.compile(r"MNS ([^:]+):(\S+)")
_MUST_BE_SIGNED: Final = frozenset({"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"})


class SignatureRefused(Exception):
    """The request is not who it says it is; `code` and `status` are what the vendor answers."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Nonces:
    """Nonces seen within the allowed skew, so that a captured request cannot be sent again. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, nonce: str, now_s: float) -> bool:
        """Remember a nonce; False when it was used already."""
        with self._lock:
            fresh = nonce not in self._seen
            if fresh:
                self._seen[nonce] = now_s
            if len(self._seen) > 10_000:
                self._seen = {each: at for each, at in self._seen.items() if now_s - at < 2 * SKEW_S}
            return fresh


class Request:
    """What a signature covers. Header names are lower case; `target` is path and query as they were sent."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method.upper()
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = {name.lower(): value.strip() for name, value in headers.items()}
        self.body = body


def verify_api(request: Request, secrets: Mapping[str, str], *, now: datetime, nonces: Nonces) -> str:
    """The key id that signed an API request.

    Raises: SignatureRefused: unsigned, unknown key, altered, out of time, or sent before.
    """
    headers = request.headers
    match = _ACS3.fullmatch(headers.get("authorization", ""))
    if match is None:
        raise SignatureRefused("MissingAuthorization", f"There is no {ALGORITHM} Authorization header.")
    key_id, signed, signature = match.groups()
    if key_id not in secrets:
        raise SignatureRefused("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    _check_coverage(headers, signed)
    body_hash = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(body_hash, headers["x-acs-content-sha256"]):
        raise SignatureRefused("InvalidContentSha256", "x-acs-content-sha256 does not match the body.")
    digest = hashlib.sha256(_canonical(request, signed, body_hash).encode()).hexdigest()
    expected = hmac.new(secrets[key_id].encode(), f"{ALGORITHM}\n{digest}".encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature.lower()):
        raise SignatureRefused("SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
    _check_time(_acs_date(headers["x-acs-date"]), now)
    if not nonces.use(headers["x-acs-signature-nonce"], now.timestamp()):
        raise SignatureRefused("SignatureNonceUsed", "Specified signature nonce was used already.")
    return key_id


def _check_coverage(headers: Mapping[str, str], signed: str) -> None:
    names = signed.split(";")
    bare = [name for name in headers if name.startswith("x-acs-") and name not in names]
    missing = _MUST_BE_SIGNED - set(names) | {name for name in names if name not in headers}
    if names != sorted(names) or bare or missing:
        raise SignatureRefused("InvalidSignedHeaders", "A required header is missing or not signed.")


def _canonical(request: Request, signed: str, body_hash: str) -> str:
    # decoded and encoded again: clients disagree about blanks, colons and slashes in a query
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in signed.split(";"))
    return "\n".join([request.method, request.path or "/", query, headers, signed, body_hash])


def _acs_date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _check_time(at: datetime | None, now: datetime) -> None:
    if at is None or abs((now - at).total_seconds()) > SKEW_S:
        raise SignatureRefused("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def verify_queue(request: Request, tokens: Mapping[str, tuple[str, str]], *, now: datetime) -> str:
    """The temporary key id that signed a queue request. `tokens`: key id to secret and security token, live ones only.

    Raises: SignatureRefused: unsigned, unknown or expired key, altered, or out of time.
    """
    headers = request.headers
    match = _MNS.fullmatch(headers.get("authorization", ""))
    if match is None or match[1] not in tokens:
        raise SignatureRefused("InvalidAccessKeyId", "The AccessKey Id you provided is not exist.", 403)
    secret, token = tokens[match[1]]
    extra = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-mns-"))
    fields = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), headers.get("date", ""), extra]
    digest = hmac.new(secret.encode(), ("\n".join(fields) + request.target).encode(), hashlib.sha1).digest()
    matches = hmac.compare_digest(base64.b64encode(digest).decode(), match[2])
    if not matches or not hmac.compare_digest(headers.get("security-token", "").encode(), token.encode()) or not _body_matches(request):
        raise SignatureRefused("SignatureDoesNotMatch", "The request signature we calculated does not match the one you provided.", 403)
    _check_time(_http_date(headers.get("date", "")), now)
    return match[1]


def _body_matches(request: Request) -> bool:
    """The queue's Content-MD5 is the base64 of the digest in hex, not of the digest itself."""
    if not request.body:
        return True
    expected = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).hexdigest().encode()).decode()
    return hmac.compare_digest(expected, request.headers.get("content-md5", ""))
