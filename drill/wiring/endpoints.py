"""Where a provider's API is reached: its own address, or one given in the environment, so that an emulator on this machine can stand in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from drill.adapters.loopback import is_loopback
from drill.model.errors import PreflightFailed

_ALIDNS_REGION: Final = "cn-hangzhou"
_SPELT: Final = {"route53": "ROUTE_53", "elbv2": "ELASTIC_LOAD_BALANCING_V2"}


@dataclass(frozen=True)
class AlibabaEndpoint:
    """A host, with a port where it is not the usual one, and how to speak to it."""

    host: str
    protocol: Literal["http", "https"] = "https"


def aws_endpoint(service: str) -> str | None:
    """The address from AWS_ENDPOINT_URL_<SERVICE>, as AWS's own tools spell it, or AWS_ENDPOINT_URL; nothing means the service's own.

    `service` is named as boto3 names it.

    Raises: PreflightFailed: it would send signed calls in the clear to another machine (F045).
    """
    spelt = _SPELT.get(service, service.upper().replace("-", "_"))
    for variable in (f"AWS_ENDPOINT_URL_{spelt}", "AWS_ENDPOINT_URL"):
        if value := os.environ.get(variable):
            return _checked(variable, value)
    return None


def alibaba_endpoint(product: str, own: str) -> AlibabaEndpoint:
    """The address from ALIBABA_ENDPOINT_<PRODUCT>, such as `http://127.0.0.1:8080`, else the product's `own` host. Raises: as above."""
    variable = f"ALIBABA_ENDPOINT_{product.upper()}"
    value = os.environ.get(variable)
    if not value:
        return AlibabaEndpoint(own)
    parts = urlsplit(_checked(variable, value))
    return AlibabaEndpoint(parts.netloc, "http" if parts.scheme == "http" else "https")


def alidns_endpoint(options: Mapping[str, Any]) -> AlibabaEndpoint:
    """Where the names of a zone are changed: by the API of its own `region`, which need not be the one that is lost. Raises: as above."""
    return alibaba_endpoint("alidns", f"alidns.{options.get('region') or _ALIDNS_REGION}.aliyuncs.com")


def emulated() -> list[str]:
    """The variables of this environment that send a cloud's calls to this machine."""
    named = (name for name in os.environ if name.startswith(("AWS_ENDPOINT_URL", "ALIBABA_ENDPOINT_")))
    return sorted(name for name in named if is_loopback(urlsplit(os.environ[name]).hostname))


def _checked(variable: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
        raise PreflightFailed(
            f"{variable} is no address of a service.",
            code="F045",
            fix="Write one such as https://ecs.example.com or http://127.0.0.1:8080.",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise PreflightFailed(
            f"{variable} would send signed calls in the clear to {parts.hostname}.",
            code="F045",
            fix="Use https; plain http is for emulators on this machine.",
        )
    return value
