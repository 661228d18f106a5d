"""Calls Alibaba Cloud DNS and its traffic manager through the SDK's core, and says in our own errors what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from drill.adapters.loopback import is_loopback
from drill.adapters.sms_aliyun_errors import redact, refusal_of
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import Fatal, InDoubt, Retryable, StepError

_VERSION: Final = "2015-01-09"
_TRIES: Final = 4
_PAUSE_S: Final = 0.3
_FORBIDDEN: Final = (
    "Forbidden.RAM",
    "NoPermission",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidTimeStamp",
    "InvalidSecurityToken",
)
_UNKNOWN: Final = ("InvalidDomainName.NoExist", "IncorrectDomainUser", "DomainRecordNotBelongToUser")


class AlidnsCalls:
    """The API under one account. Calls that only read are repeated by themselves; a call that changes something never is."""

    def __init__(self, account: Account, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Raises: Fatal: the endpoint would carry signatures in the clear (A224)."""
        if account.protocol == "http" and not is_loopback(account.endpoint):
            raise Fatal(f"{account.endpoint} is not on this machine.", code="A224", fix="Call it over https.")
        self._account = account
        self._sleep = sleep
        self._opening = threading.Lock()
        self._client: Any = None

    def read(self, action: str, **parameters: Any) -> Mapping[str, Any]:
        """Ask, several times when the service is busy. Raises: Retryable: it stays so (A120). Fatal: it refuses (A221, A222, A224)."""
        for number in range(1, _TRIES + 1):
            try:
                return self._call(action, parameters)
            except _Refused as refused:
                error = refused.ours(changing=False)
                if not isinstance(error, Retryable) or number == _TRIES:
                    raise error from refused.__cause__
                self._sleep(_PAUSE_S * 2**number)
        raise AssertionError("the last try returns or raises")

    def write(self, action: str, *, tolerate: Container[str] = (), **parameters: Any) -> Mapping[str, Any]:
        """Change something, once. A refusal whose code is tolerated answers nothing instead.

        Raises: Retryable: nothing was changed (A120). Fatal: refused (A221, A222, A224). InDoubt: it may have been changed (A320).
        """
        try:
            return self._call(action, parameters)
        except _Refused as refused:
            if refused.code in tolerate:
                return {}
            raise refused.ours(changing=True) from refused.__cause__

    def pages(self, action: str, rows_of: Callable[[Mapping[str, Any]], list[Any]], *, size: int = 100, **parameters: Any) -> list[Any]:
        """Every row of a list. Raises: as `read`."""
        found: list[Any] = []
        for number in range(1, 1000):
            answer = self.read(action, PageNumber=number, PageSize=size, **parameters)
            rows = rows_of(answer)
            found += rows
            if not rows or len(found) >= int(answer.get("TotalCount", answer.get("TotalItems", 0))):
                break
        return found

    def _call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = self._send(action, {name: _text(value) for name, value in parameters.items() if value is not None})
        except Exception as error:
            raise _Refused(action, *refusal_of(error)) from error
        if answer.get("Code"):  # the SDK takes an answer with HTTP 200 for a success, whatever it says
            raise _Refused(action, 200, str(answer["Code"]), str(answer.get("Message", ""))) from None
        if "RequestId" not in answer:  # every answer of the service has one: this is somebody else's
            raise _Refused(action, 0, "no-answer", "")
        return answer

    def _send(self, action: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        from alibabacloud_tea_openapi.client import Client
        from alibabacloud_tea_openapi.models import OpenApiRequest, Params
        from alibabacloud_tea_openapi.utils import Utils
        from darabonba.runtime import RuntimeOptions

        with self._opening:
            if self._client is None:
                self._client = open_client(Client, self._account)
        how = {"protocol": self._account.protocol.upper(), "pathname": "/", "method": "POST", "auth_type": "AK", "style": "RPC"}
        call = Params(action=action, version=_VERSION, req_body_type="formData", body_type="json", **how)
        answer = self._client.call_api(call, OpenApiRequest(query=Utils.query(dict(query))), RuntimeOptions())
        return dict(answer.get("body") or {})


class _Refused(Exception):
    """What the service or the way there said no with; `status` is 0 without an answer."""

    def __init__(self, action: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.action = action
        self.status = status
        self.code = code
        self.message = redact(message)

    def ours(self, *, changing: bool) -> StepError:
        """The same as one of our errors. `changing`: the call may have changed something."""
        label = f"Alibaba Cloud DNS, asked for {self.action},"
        if self.code.startswith(_FORBIDDEN) or self.code in {"not-installed", "no-credentials"}:
            fix = (
                "Install the extra: pip install 'dr-drill[aliyun]'."
                if self.code == "not-installed"
                else "Check the key, its rights and the clock."
            )
            return Fatal(f"{label} does not let the drill in: {self.code}.", code="A224", fix=fix)
        if self.code.startswith("Throttling") or self.code == "not-sent":
            return Retryable(f"{label} is busy or cannot be reached: {self.code}.", code="A120", fix="Try again in a few seconds.")
        if self.status == 0 or self.status >= 500:
            if changing:
                return InDoubt(
                    f"{label} did not say whether it worked: {self.code}.",
                    code="A320",
                    fix="Read the name at the provider first.",
                )
            return Retryable(f"{label} does not answer: {self.code}.", code="A120", fix="See whether its endpoint can be reached.")
        if self.code in _UNKNOWN or self.code.endswith("NotExist"):
            return Fatal(f"{label} does not know it: {self.code}.", code="A221", fix="Check the name, the zone and the account.")
        return Fatal(f"{label} refuses: {self.code}: {self.message}", code="A222", fix="Correct the values, or what protects the record.")


def _text(value: Any) -> Any:
    """The API's own spelling of yes and no."""
    return str(value).lower() if isinstance(value, bool) else value
