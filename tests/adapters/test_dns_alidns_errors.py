"""Whatever the SDK of Alibaba Cloud raises becomes one of our errors, and shows no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Fatal, StepError


class Raising(AlidnsCalls):
    """The API whose client raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        super().__init__(Account("127.0.0.1:9", "http", "key", "secret"), sleep=lambda _seconds: None)
        self.error = error

    def _send(self, action: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        raise self.error


def vendor(status: object, code: object) -> Exception:
    error = RuntimeError(f"code: {status}, something with a-secret=1")
    error.status_code, error.code, error.message = status, code, "the words of the vendor"  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (vendor(400, "Throttling.User"), "A120", "A120"),
        (vendor(503, "ServiceUnavailable"), "A120", "A320"),
        (vendor(500, "InternalError"), "A120", "A320"),
        (vendor(403, "Forbidden.RAM"), "A224", "A224"),
        (vendor(404, "InvalidAccessKeyId.NotFound"), "A224", "A224"),
        (vendor(400, "InvalidDomainName.NoExist"), "A221", "A221"),
        (vendor(400, "Forbidden.DomainLocked"), "A222", "A222"),
        (vendor(400, "Anything.New"), "A222", "A222"),
        (vendor(None, None), "A120", "A320"),
        (TimeoutError("Read timed out"), "A120", "A320"),
        (ValueError("no JSON"), "A120", "A320"),
        (KeyError("body"), "A120", "A320"),
        (ImportError("alibabacloud_tea_openapi"), "A224", "A224"),
        (type("CredentialException", (Exception,), {})("no provider"), "A224", "A224"),
        (OSError("Max retries exceeded with url"), "A120", "A120"),
    ],
)
def test_no_error_of_the_sdk_escapes(error: Exception, reading: str, writing: str) -> None:
    with pytest.raises(StepError) as read:
        Raising(error).read("DescribeDomainInfo")
    with pytest.raises(StepError) as written:
        Raising(error).write("DeleteDomainRecord")

    assert (read.value.code, written.value.code) == (reading, writing)
    assert "secret" not in f"{read.value} {written.value}"


def test_an_answer_that_is_an_error_in_disguise_is_taken_for_one() -> None:
    class Disguised(Raising):
        def _send(self, action: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"Code": "Forbidden.RAM", "Message": "HTTP 200 all the same"}

    with pytest.raises(Fatal) as caught:
        Disguised(ValueError()).read("DescribeDomainInfo")

    assert caught.value.code == "A224"
