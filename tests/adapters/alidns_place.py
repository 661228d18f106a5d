"""The API of Alibaba Cloud DNS on loopback, and adapters connected to it through the real SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from drill.adapters.dns_alidns import AlidnsDns
from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.file_locks import FileLocks
from drill.adapters.sms_aliyun_sdk import Account
from drill.sandbox.alidns_api import AlidnsApi
from drill.sandbox.alidns_http import Actions, AlidnsServer

ZONE = "drill.test"
_KEY, _SECRET = "LTAItraffic", "a-secret-of-the-emulator"


@contextmanager
def running_alidns(zones: Mapping[str, int], names: Mapping[str, Sequence[str]], *others: Actions) -> Iterator[AlidnsServer]:
    """Zones with the least TTL of their edition, and A records with TTL 1 (or that least TTL); ended with its thread."""
    api = AlidnsApi(zones)
    for name, values in names.items():
        for value in values:
            api.add(name, value, ttl_s=max(1, zones[name.partition(".")[2]]))
    server = AlidnsServer([api, *others], {_KEY: _SECRET})
    thread = server.start()
    try:
        yield server
    finally:
        server.end()
        thread.join(10)


def calls(server: AlidnsServer, *, secret: str = _SECRET, read_timeout_ms: int = 5000) -> AlidnsCalls:
    """The account of the emulator, without pauses between tries."""
    account = Account(server.endpoint, "http", _KEY, secret, read_timeout_ms=read_timeout_ms)
    return AlidnsCalls(account, sleep=lambda _seconds: None)


def opened_alidns(server: AlidnsServer, locks: Path, zone: str = ZONE) -> AlidnsDns:
    """The adapter under test."""
    return AlidnsDns(zone, calls(server), FileLocks(locks), servers=[("127.0.0.1", 53)])


def records(server: AlidnsServer) -> AlidnsApi:
    """What the emulator holds."""
    api = server.parts[0]
    assert isinstance(api, AlidnsApi)
    return api
