"""Takes the cloud credentials that the drill serves through a pipe, and looks where calls may go."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from urllib.parse import urlsplit


def take() -> None:
    """Put the served credentials into this process's environment; without a pipe the SDK's own chain has to find some."""
    pipe = os.environ.get("DRILL_CREDENTIALS")
    line = ""
    while pipe and not line:  # empty: another reader was served at the same moment
        with Path(pipe).open(encoding="utf-8") as served:
            line = served.readline()
    if line:
        os.environ.update(json.loads(line))


def endpoint(*variables: str) -> str:
    """The first address that the environment gives; empty when none. Raises: ValueError: it is in the clear to another machine."""
    for name in variables:
        value = os.environ.get(name, "")
        if not value:
            continue
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{name} is no address of a service")
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise ValueError(f"{name} would send signed calls in the clear to {parts.hostname}")
        return value
    return ""


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
