"""What counts as this machine, however it is written."""

from __future__ import annotations

import pytest

from drill.adapters.loopback import is_loopback


@pytest.mark.parametrize("place", ["127.0.0.1", "127.0.2.1", "127.0.0.1:80", "localhost", "localhost:8080", "::1", "[::1]", "[::1]:80"])
def test_every_address_of_this_machine_is_known(place: str) -> None:
    assert is_loopback(place)


STRANGERS = [None, "", ":80", "192.0.2.1", "192.0.2.1:80", "example.com", "localhost.example.com", "2001:db8::1", "[2001:db8::1]:80"]


@pytest.mark.parametrize("place", STRANGERS)
def test_nothing_else_is(place: str | None) -> None:
    assert not is_loopback(place)
