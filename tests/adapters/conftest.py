"""What adapters are tested on together: databases of one's own, and a Route 53 that can be made to lose answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from drill.adapters.database import database_engine, sqlite_engine
from drill.adapters.dns_route53 import Route53Dns
from tests.adapters.lossy_proxy import LossyProxy, running_proxy
from tests.adapters.route53_place import NAMES
from tests.sandbox.dns_process import DnsProcess, running_dns
from tests.serving.place import database


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running Postgres for all tests of this process."""
    with database() as found:
        yield found.url


@pytest.fixture
def open_sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], sa.Engine]]:
    """Opens an empty database, `sqlite` or `postgres`."""
    with ExitStack() as opened:

        def of(sort: str) -> sa.Engine:
            if sort == "sqlite":
                engine = sqlite_engine(tmp_path / "drill.sqlite")
            else:
                engine = database_engine(request.getfixturevalue("postgres_url"))
                with engine.begin() as connection:
                    connection.exec_driver_sql("drop schema public cascade")
                    connection.exec_driver_sql("create schema public")
            opened.callback(engine.dispose)
            return engine

        yield of


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
