"""Opens the Route 53 client, and lets none of its errors out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from drill.adapters.aws_answers import client_errors, no_page_for_an_answer
from drill.adapters.dns_route53_errors import translate
from drill.adapters.loopback import is_loopback


@dataclass(frozen=True)
class Route53Account:
    """Where and as whom to call; without keys, as boto3's own chain says."""

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


def open_route53(account: Route53Account) -> Any:
    """A client of one account."""
    import boto3
    from botocore.config import Config

    on_loopback = account.endpoint is not None and is_loopback(urlsplit(account.endpoint).hostname)
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"total_max_attempts": 3, "mode": "standard"},
        proxies={} if on_loopback else None,  # a proxy set for the outside world must not catch calls to this machine
    )
    keys = {"aws_access_key_id": account.access_key, "aws_secret_access_key": account.secret_key}
    session = boto3.session.Session(**keys, region_name=account.region)
    return no_page_for_an_answer(session.client("route53", endpoint_url=account.endpoint, config=config))


@contextmanager
def no_vendor_error(doing: str) -> Iterator[None]:
    """Translate whatever the client raises; `doing` completes "Route 53 cannot …"."""
    try:
        yield
    except client_errors() as error:
        raise translate(error, doing) from error
