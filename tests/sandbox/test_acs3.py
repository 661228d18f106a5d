"""Signatures: what the vendor's clients signed passes, and anything changed, late or sent again does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drill.sandbox.acs3 import Nonces, Request, SignatureRefused, verify_api, verify_queue

CAPTURES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "acs3_captures.json").read_text(encoding="utf-8"))
SECRETS = {"testAK": "testSK"}


def request_of(capture: dict[str, Any]) -> Request:
    return Request(capture["method"], f"{capture['path']}?{capture['query']}", capture["headers"], capture["body"].encode())


def time_of(capture: dict[str, Any]) -> datetime:
    return datetime.strptime(capture["headers"]["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def refusal(request: Request, *, now: datetime, secrets: dict[str, str] | None = None, nonces: Nonces | None = None) -> str:
    with pytest.raises(SignatureRefused) as caught:
        verify_api(request, secrets or SECRETS, now=now, nonces=nonces or Nonces())
    return caught.value.code


@pytest.mark.parametrize("capture", CAPTURES, ids=[capture["name"] for capture in CAPTURES])
def test_what_the_real_clients_signed_passes_and_fails_with_another_secret(capture: dict[str, Any]) -> None:
    request, now = request_of(capture), time_of(capture)

    assert verify_api(request, SECRETS, now=now, nonces=Nonces()) == "testAK"
    assert refusal(request, now=now, secrets={"testAK": "other"}) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("capture", CAPTURES, ids=[capture["name"] for capture in CAPTURES])
def test_a_changed_query_body_or_header_is_refused(capture: dict[str, Any]) -> None:
    now = time_of(capture)
    changed = {
        "query": {**capture, "query": capture["query"].replace("1", "2", 1) + "&Extra=1"},
        "body": {**capture, "body": capture["body"] + "x"},
        "action": {**capture, "headers": {**capture["headers"], "x-acs-action": "Other"}},
        "unsigned": {**capture, "headers": {**capture["headers"], "x-acs-extra": "1"}},
        "nothing": {**capture, "headers": {k: v for k, v in capture["headers"].items() if k != "Authorization"}},
    }

    codes = {name: refusal(request_of(each), now=now) for name, each in changed.items()}

    assert codes == {
        "query": "SignatureDoesNotMatch",
        "body": "InvalidContentSha256",
        "action": "SignatureDoesNotMatch",
        "unsigned": "InvalidSignedHeaders",
        "nothing": "MissingAuthorization",
    }


def test_a_clock_off_by_more_than_a_quarter_of_an_hour_is_refused() -> None:
    capture = CAPTURES[0]
    request, at = request_of(capture), time_of(capture)

    verify_api(request, SECRETS, now=at + timedelta(minutes=14), nonces=Nonces())
    assert refusal(request, now=at + timedelta(minutes=16)) == "InvalidTimeStamp.Expired"
    assert refusal(request, now=at - timedelta(minutes=16)) == "InvalidTimeStamp.Expired"


def test_a_request_sent_again_is_refused() -> None:
    capture, nonces = CAPTURES[0], Nonces()
    verify_api(request_of(capture), SECRETS, now=time_of(capture), nonces=nonces)

    assert refusal(request_of(capture), now=time_of(capture), nonces=nonces) == "SignatureNonceUsed"


def test_an_unknown_key_is_not_found() -> None:
    capture = CAPTURES[0]

    assert refusal(request_of(capture), now=time_of(capture), secrets={"other": "testSK"}) == "InvalidAccessKeyId.NotFound"


NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def queue_request(*, key: str = "tmp", proof: str = "token", date: str = "Mon, 23 Nov 2026 03:00:00 GMT", body: bytes = b"") -> Request:
    target = "/queues/q/messages?ReceiptHandle=1-a"
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).hexdigest().encode()).decode() if body else ""
    signed = f"DELETE\n{md5}\n\n{date}\nx-mns-version:2015-06-06\n{target}"
    signature = base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"Date": date, "x-mns-version": "2015-06-06", "Authorization": f"MNS STS.1:{signature}", "security-token": proof}
    return Request("DELETE", target, {**headers, **({"Content-MD5": md5} if body else {})}, body)


def test_a_queue_request_signed_with_a_live_key_passes() -> None:
    assert verify_queue(queue_request(body=b"<x/>"), {"STS.1": ("tmp", "token")}, now=NOW) == "STS.1"


@pytest.mark.parametrize(
    ("request_", "tokens", "code"),
    [
        (queue_request(key="other"), {"STS.1": ("tmp", "token")}, "SignatureDoesNotMatch"),
        (queue_request(proof="other"), {"STS.1": ("tmp", "token")}, "SignatureDoesNotMatch"),
        (queue_request(), {}, "InvalidAccessKeyId"),
        (queue_request(date="Mon, 23 Nov 2026 02:00:00 GMT"), {"STS.1": ("tmp", "token")}, "InvalidTimeStamp.Expired"),
        (queue_request(date="yesterday"), {"STS.1": ("tmp", "token")}, "InvalidTimeStamp.Expired"),
        (Request("GET", "/queues/q/messages", {}, b""), {"STS.1": ("tmp", "token")}, "InvalidAccessKeyId"),
    ],
)
def test_any_other_queue_request_is_refused(request_: Request, tokens: dict[str, tuple[str, str]], code: str) -> None:
    with pytest.raises(SignatureRefused) as caught:
        verify_queue(request_, tokens, now=NOW)

    assert (caught.value.code, caught.value.status) == (code, 400 if "Time" in code else 403)


def test_a_queue_body_that_was_swapped_is_refused() -> None:
    good = queue_request(body=b"<x/>")

    with pytest.raises(SignatureRefused, match="SignatureDoesNotMatch"):
        verify_queue(Request("DELETE", good.target, good.headers, b"<y/>"), {"STS.1": ("tmp", "token")}, now=NOW)
