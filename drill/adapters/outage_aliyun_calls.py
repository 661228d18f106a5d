"""Calls Alibaba Cloud for outages and fences through the SDK's core, and says in our own errors what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from drill.adapters.loopback import is_loopback
from drill.adapters.sms_aliyun_errors import redact, refusal_of
from drill.adapters.sms_aliyun_sdk import Account, open_client
from drill.model.errors import Fatal, InDoubt, Retryable, StepError

VERSIONS: Final[Mapping[str, str]] = {
    "ecs": "2014-05-26",
    "slb": "2014-05-15",
    "alb": "2020-06-16",
    "nlb": "2022-04-30",
    "rds": "2014-08-15",
    "polardb": "2017-08-01",
    "tag": "2018-08-28",
    "sts": "2015-04-01",
}
_CENTRAL: Final = ("cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-qingdao", "cn-hongkong", "ap-southeast-1")
"""Regions whose load balancers and databases are asked at the product's central address."""
_REGIONAL: Final = frozenset({"alb", "nlb"})
"""Products that are asked in their own region, wherever it is."""
_FORMS: Final = frozenset({("nlb", "StartListener"), ("nlb", "StopListener")})
"""Calls whose parameters the product takes in the body, as its SDKs send them."""
_TRIES: Final = 4
_INSISTENCE: Final = 8
_PAUSE_S: Final = 0.3
_LONGEST_PAUSE_S: Final = 5.0
_PASSED: Final = frozenset({"DryRunOperation", "DRYRUN.SUCCESS"})
"""How a dry run says that it would have worked; the documents do not say whether as an error or in the answer: both are taken."""
_FORBIDDEN: Final = (
    "Forbidden.RAM",
    "NoPermission",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidTimeStamp",
    "InvalidSecurityToken",
)
_NOT_YET: Final = (
    "IncorrectInstanceStatus",
    "InstanceNotReady",
    "IncorrectDiskStatus",
    "DiskError",
    "DependencyViolation",
    "OperationConflict",
    "IncorrectStatus",
    "IncorrectBusinessStatus",
    "ResourceInConfiguring",
    "SystemBusy",
    "IdempotenceProcessing",
    "LockFailed",
    "IncorrectDBInstanceState",
    "OperationDenied.DBInstanceStatus",
    "OperationDenied.DBClusterStatus",
    "OperationDenied.DBStatus",
)
_NO_STOCK: Final = "OperationDenied.NoStock"
Parameters = Mapping[str, Any]


class Missing(Fatal):
    """What was asked for is not there (A214)."""


def own_host(product: str, region: str) -> str:
    """Where a product of a region is asked."""
    if product == "ecs":
        return "ecs-cn-hangzhou.aliyuncs.com" if region == "cn-hangzhou" else f"ecs.{region}.aliyuncs.com"
    return f"{product}.aliyuncs.com" if region in _CENTRAL and product not in _REGIONAL else f"{product}.{region}.aliyuncs.com"


def own_account(_product: str, host: str) -> Account:
    """The product's own address, as whom the SDK's credential chain says."""
    return Account(host, "https", "", "")


class AliyunCalls:
    """The products of one region. `account` gives address and keys of a product, from its name and its own host.

    Calls that only read are repeated by themselves; a call that changes something never is.
    """

    def __init__(
        self, region: str, account: Callable[[str, str], Account] = own_account, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.region = region
        self._account = account
        self._sleep = sleep
        self._opening = threading.Lock()
        self._clients: dict[str, tuple[Any, Account]] = {}

    def read(self, product: str, action: str, parameters: Parameters) -> Mapping[str, Any]:
        """Ask, several times when the service is busy. Raises: Retryable: it stays so (A124). Fatal: it refuses (A214, A222, A224)."""
        for number in range(1, _TRIES + 1):
            try:
                return self._call(product, action, parameters)
            except _Refused as refused:
                error = refused.ours(changing=False)
                if not isinstance(error, Retryable) or number == _TRIES:
                    raise error from refused.__cause__
                self._sleep(_PAUSE_S * 2**number)
        raise AssertionError("the last try returns or raises")

    def write(self, product: str, action: str, parameters: Parameters) -> Mapping[str, Any]:
        """Change something, once.

        Raises: Retryable: nothing was changed (A124). Fatal: refused (A214, A222, A224). InDoubt: it may have been changed (A350).
        """
        try:
            return self._call(product, action, parameters)
        except _Refused as refused:
            raise refused.ours(changing=True) from refused.__cause__

    def insist(self, product: str, action: str, parameters: Parameters) -> Mapping[str, Any]:
        """As `write`, and again while the service says that it changed nothing because something else is still under way there."""
        for number in range(1, _INSISTENCE):
            try:
                return self.write(product, action, parameters)
            except Retryable:
                self._sleep(min(_LONGEST_PAUSE_S, _PAUSE_S * 2**number))
        return self.write(product, action, parameters)

    def rehearse(self, product: str, action: str, parameters: Parameters) -> None:
        """Have the service check a call without carrying it out. Raises: StepError: as `write`, where it would refuse."""
        try:
            self._call(product, action, {**parameters, "DryRun": "true"})
        except _Refused as refused:
            if refused.code not in _PASSED:
                raise refused.ours(changing=False) from refused.__cause__

    def every(self, product: str, action: str, rows: tuple[str, ...], parameters: Parameters) -> list[Any]:
        """Every row below the keys `rows`, over all pages by token. Raises: as `read`."""
        found: list[Any] = []
        token: str | None = None
        while True:
            answer = self.read(product, action, {**parameters, "MaxResults": 100, "NextToken": token})
            found += dig(answer, *rows)
            token = answer.get("NextToken") or None
            if token is None:
                return found

    def numbered(self, product: str, action: str, rows: tuple[str, ...], parameters: Parameters) -> list[Any]:
        """Every row below the keys `rows`, over all pages by number. Raises: as `read`."""
        found: list[Any] = []
        for number in range(1, 1000):
            answer = self.read(product, action, {**parameters, "PageNumber": number, "PageSize": 50})
            some = dig(answer, *rows)
            found += some
            if not some or len(found) >= int(answer.get("TotalCount", answer.get("TotalRecordCount", 0))):
                break
        return found

    def _call(self, product: str, action: str, parameters: Parameters) -> Mapping[str, Any]:
        try:
            answer = self._send(product, action, {name: value for name, value in parameters.items() if value is not None})
        except StepError:
            raise
        except Exception as error:
            raise _Refused(action, *refusal_of(error)) from error
        if answer.get("Code") not in {None, "200", 200}:  # the SDK takes an answer with HTTP 200 for a success, whatever it says
            raise _Refused(action, 200, str(answer["Code"]), str(answer.get("Message", "")))
        if "RequestId" not in answer:  # every answer of the service has one: somebody else's must not read as "there is nothing"
            raise _Refused(action, 0, "no-answer", "")
        return answer

    def _send(self, product: str, action: str, query: dict[str, Any]) -> Mapping[str, Any]:
        from alibabacloud_tea_openapi.models import OpenApiRequest, Params
        from alibabacloud_tea_openapi.utils import Utils
        from darabonba.runtime import RuntimeOptions

        client, account = self._client(product)
        how = {"protocol": account.protocol.upper(), "pathname": "/", "method": "POST", "auth_type": "AK", "style": "RPC"}
        call = Params(action=action, version=VERSIONS[product], req_body_type="formData", body_type="json", **how)
        parameters = Utils.query(query)
        request = OpenApiRequest(body=parameters) if (product, action) in _FORMS else OpenApiRequest(query=parameters)
        return dict(client.call_api(call, request, RuntimeOptions()).get("body") or {})

    def _client(self, product: str) -> tuple[Any, Account]:
        """Raises: Fatal: the endpoint would carry signatures in the clear (A224)."""
        from alibabacloud_tea_openapi.client import Client

        with self._opening:
            if product not in self._clients:
                account = self._account(product, own_host(product, self.region))
                if account.protocol == "http" and not is_loopback(account.endpoint):
                    raise Fatal(f"{account.endpoint} is not on this machine.", code="A224", fix="Call it over https.")
                self._clients[product] = (open_client(Client, account), account)
            return self._clients[product]


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
        label, code = f"Alibaba Cloud, asked for {self.action},", self.code
        if code == "not-installed":
            fix = "Install the extra: pip install 'dr-drill[aliyun]'."
            return Fatal("the SDK of Alibaba Cloud is not installed.", code="F046", fix=fix)
        if code.startswith(_FORBIDDEN) or code == "no-credentials":
            return Fatal(f"{label} does not let the drill in: {code}.", code="A224", fix="Check the key, its rights and the clock.")
        if code.startswith(("Throttling", *_NOT_YET)) or code in {"not-sent", _NO_STOCK}:
            fix = "Try again, or start another type or zone." if code == _NO_STOCK else "Try again in a few seconds."
            return Retryable(f"{label} cannot do it now: {code}.", code="A124", fix=fix)
        if self.status == 0 or self.status >= 500:
            return self._unanswered(label, changing=changing)
        if code.endswith((".NotFound", "NotExist")) or code.startswith("ResourceNotFound"):
            return Missing(f"{label} does not know it: {code}.", code="A214", fix="See who removed it before going on.")
        return Fatal(f"{label} refuses: {code}: {self.message}", code="A222", fix="Correct what it complains about; nothing was changed.")

    def _unanswered(self, label: str, *, changing: bool) -> StepError:
        if changing:
            fix = "Look at it in the provider's console before anything else."
            return InDoubt(f"{label} did not say whether it worked: {self.code}.", code="A350", fix=fix)
        return Retryable(f"{label} does not answer: {self.code}.", code="A124", fix="See whether its endpoint can be reached.")


def dig(answer: Mapping[str, Any], *keys: str) -> list[Any]:
    """The list below these keys; empty where it is left out."""
    found: Any = answer
    for key in keys:
        found = (found or {}).get(key)
    return list(found or ())


def tags_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Tags as a mapping; products spell them in several ways."""
    held = row.get("Tags") or ()
    tags = held if isinstance(held, list) else dig(row, "Tags", "Tag")
    return {str(tag.get("TagKey", tag.get("Key"))): str(tag.get("TagValue", tag.get("Value", ""))) for tag in tags}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a parameter."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
