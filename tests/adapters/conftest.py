"""A Route 53 of one's own that can be made to lose answers, for the tests of its adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.dns_route53 import Route53Dns
from tests.adapters.lossy_proxy import LossyProxy, running_proxy
from tests.adapters.route53_place import NAMES
from tests.sandbox.dns_process import DnsProcess, running_dns


@pytest.fixture(scope="module")
def dns_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    directory: Path = tmp_path_factory.mktemp("dns")
    with running_dns(directory, *(f"{name}=1=127.0.1.1" for name in NAMES)) as process:
        yield process


@pytest.fixture
def proxy(dns_process: DnsProcess) -> LossyProxy:
    return LossyProxy(dns_process.api)


@pytest.fixture
def lossy(dns_process: DnsProcess, proxy: LossyProxy) -> Iterator[Route53Dns]:
    with running_proxy(proxy) as url:
        yield dns_process.route53(api=url)


@pytest.fixture
def vendor(dns_process: DnsProcess) -> Any:
    import boto3

    return boto3.client(
        "route53", region_name="us-east-1", endpoint_url=dns_process.api, aws_access_key_id="key", aws_secret_access_key="secret"
    )
