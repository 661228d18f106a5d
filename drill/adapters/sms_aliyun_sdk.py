"""Opens the Alibaba SDK's clients and takes back what importing them does to this process."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from drill.adapters.loopback import is_loopback
from drill.adapters.sms_aliyun_errors import redact

_NOISY: Final = ("credentials", "alibabacloud-tea", "darabonba-core")
"""Loggers the SDK gives stream handlers and a level of its own when it is imported."""
_POOL: Final = 40


@dataclass(frozen=True)
class Account:
    """Where and as whom to call; without a key id, as whom the SDK's own chain says (environment, profile, role).

    `endpoint` is host or host:port; a scheme before it is dropped, the SDK would sign it as the host.
    """

    endpoint: str
    protocol: Literal["http", "https"]
    key_id: str
    key_secret: str = field(repr=False)
    connect_timeout_ms: int = 3000
    read_timeout_ms: int = 5000

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", self.endpoint.rsplit("://", 1)[-1].rstrip("/"))


class _WithoutQuery(logging.Filter):
    """Cuts what stands in a request's address: this API puts numbers and codes there, and the HTTP library logs it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def open_client(client: Any, account: Account) -> Any:
    """An instance of an SDK client class that never repeats a call by itself."""
    from alibabacloud_tea_openapi.models import Config

    opened = client(
        Config(
            **_identity(account),
            endpoint=account.endpoint,
            protocol=account.protocol,
            region_id="cn-hangzhou",
            connect_timeout=account.connect_timeout_ms,
            read_timeout=account.read_timeout_ms,
            max_idle_conns=_POOL,
        )
    )
    for name in _NOISY:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
    wire = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(each, _WithoutQuery) for each in wire.filters):
        wire.addFilter(_WithoutQuery())
    if is_loopback(account.endpoint):
        _go_direct(account)
    return opened


def _identity(account: Account) -> dict[str, Any]:
    if account.key_id:
        return {"access_key_id": account.key_id, "access_key_secret": account.key_secret}
    from alibabacloud_credentials.client import Client as Chain

    return {"credential": Chain()}


def _go_direct(account: Account) -> None:
    """Let the SDK's session for this endpoint ignore HTTP_PROXY: it would send loopback calls there, whatever NO_PROXY says."""
    from darabonba.core import DaraCore
    from requests.adapters import HTTPAdapter

    class Direct(HTTPAdapter):
        """Sends without any proxy."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            kwargs["proxies"] = {}
            return super().send(request, *args, **kwargs)

    key = f"{account.protocol}://{account.endpoint}:80:pool={_POOL}"  # 80 is the SDK's own default, also beside an explicit port
    session = DaraCore._get_session(session_key=key, protocol=account.protocol, pool_size=_POOL)  # noqa: SLF001 - there is no public way
    session.mount(f"{account.protocol}://{account.endpoint}", Direct(pool_maxsize=_POOL))
