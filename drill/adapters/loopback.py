"""Tells this machine's own addresses from all others: what is said to them in the clear nobody hears, and no proxy must see."""

from __future__ import annotations

import ipaddress


def is_loopback(place: str | None) -> bool:
    """Whether a host, also with a port, is this machine: `127.0.2.1`, `localhost:80`, `::1`, `[::1]:80`."""
    host, _, port = (place or "").rpartition(":")
    named = host if port.isdecimal() and (":" not in host or host.endswith("]")) else place or ""
    try:
        return ipaddress.ip_address(named.strip("[]")).is_loopback
    except ValueError:
        return named == "localhost"
