"""Calls AWS for outages and fences: clients that can be pointed at this machine, and every vendor error as one of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from drill.adapters.aws_answers import client_errors, no_page_for_an_answer
from drill.adapters.dns_route53_errors import service_code
from drill.adapters.loopback import is_loopback
from drill.model.errors import Fatal, Retryable, StepError

_GONE: Final = (".NotFound", "NotFoundException", "NotFound", "NotFoundFault", "ResourceNotFoundException")
_BUSY: Final = (
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Unavailable",
    "InternalError",
    "SlowDown",
)
_NOT_YET: Final = (
    "IncorrectInstanceState",
    "IncorrectState",
    "InvalidDBInstanceState",
    "InvalidDBClusterStateFault",
    "DependencyViolation",
    "InsufficientInstanceCapacity",
)
_NOT_ALLOWED: Final = ("UnauthorizedOperation", "AuthFailure", "AccessDenied", "AccessDeniedException", "ExpiredToken", "RequestExpired")
_NO_KEYS: Final = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)


class Gone(Fatal):
    """What was asked for is not there (A214)."""


class AwsClients:
    """One client of each service in one region, by boto3's own credential chain. `endpoint` gives a service's address, or nothing."""

    def __init__(self, region: str, endpoint: Callable[[str], str | None] = lambda _service: None) -> None:
        self._region = region
        self._endpoint = endpoint
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    def of(self, service: str) -> Any:
        """The client of a service; made once, safe for threads."""
        with self._making:
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def call(self, service: str, operation: str, **arguments: Any) -> Mapping[str, Any]:
        """One call. Raises: StepError: as `translate`; Gone: what was asked for is not there."""
        act = getattr(self.of(service), operation)
        with no_vendor_error(f"{operation} in {self._region}"):
            answer: Mapping[str, Any] = act(**arguments)
            return answer

    def rehearse(self, service: str, operation: str, **arguments: Any) -> None:
        """Have AWS check one call of EC2 without carrying it out. Raises: StepError: as `translate`, where it would refuse."""
        with no_vendor_error(f"{operation} in {self._region}"):
            from botocore.exceptions import ClientError

            try:
                getattr(self.of(service), operation)(**arguments, DryRun=True)
            except ClientError as error:
                if service_code(error) != "DryRunOperation":
                    raise

    def every(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """Every item under `key`, over all pages. Raises: StepError: as `translate`."""
        paginator = self.of(service).get_paginator(operation)
        with no_vendor_error(f"{operation} in {self._region}"):
            pages = paginator.paginate(**arguments)
            return [item for page in pages for item in page[key]]

    def _make(self, service: str) -> Any:
        with no_vendor_error(f"open {service}"):
            import boto3
            from botocore.config import Config

            endpoint = self._endpoint(service)
            here = endpoint is not None and is_loopback(urlsplit(endpoint).hostname)
            config = Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"total_max_attempts": 3, "mode": "standard"},
                proxies={} if here else None,  # a proxy set for the outside world must not catch calls to this machine
            )
            session = boto3.session.Session(region_name=self._region)
            return no_page_for_an_answer(session.client(service, endpoint_url=endpoint, config=config))


@contextmanager
def no_vendor_error(doing: str) -> Iterator[None]:
    """Translate whatever the client raises; `doing` completes "AWS cannot …"."""
    try:
        errors = client_errors()
    except ImportError as error:
        raise Fatal("boto3 is not installed.", code="F046", fix="Install the extra: pip install 'dr-drill[aws]'.") from error
    try:
        yield
    except errors as error:
        raise translate(error, doing) from error


def translate(error: Exception, doing: str) -> StepError:
    """Our error for the vendor's: busy or silent (A124), gone (A214), not allowed (A224), refused (A222)."""
    code, response = service_code(error), getattr(error, "response", None) or {}
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _NOT_ALLOWED or code in _NO_KEYS:
        # the service's own text may hold an encoded message or the signed request
        return Fatal(f"AWS does not let the drill {doing}: {code}.", code="A224", fix="`drill doctor --policy` lists the rights it needs.")
    if any(code.endswith(end) for end in _GONE):
        return Gone(f"AWS cannot {doing}: {_said(error, code)}", code="A214", fix="See who removed it before going on.")
    if code in _BUSY or code in _NOT_YET or status >= 500:
        return Retryable(f"AWS cannot {doing} now: {_said(error, code)}", code="A124", fix="Try again in a few seconds.")
    if response.get("Error") or code == "ParamValidationError":
        return Fatal(
            f"AWS refuses to {doing}: {_said(error, code)}", code="A222", fix="Correct what it complains about; nothing was changed."
        )
    return Retryable(f"AWS does not answer when asked to {doing}: {code}.", code="A124", fix="See whether its endpoint can be reached.")


def _said(error: Exception, code: str) -> str:
    response: Any = getattr(error, "response", None) or {}
    return f"{code}: {response.get('Error', {}).get('Message') or error}"


def tags_of(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a mapping."""
    return {row["Key"]: row["Value"] for row in rows or ()}


def tag_filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """EC2 filters for resources that carry every tag."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
