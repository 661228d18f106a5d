"""Signed calls go to the provider, or to an emulator on this machine; never in the clear to another one."""

from __future__ import annotations

import pytest

from drill.model.errors import PreflightFailed
from drill.wiring.endpoints import alibaba_endpoint, alidns_endpoint, aws_endpoint, emulated


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ENDPOINT_URL_ROUTE_53",
        "ALIBABA_ENDPOINT_ECS",
        "ALIBABA_ENDPOINT_ALIDNS",
    ):
        monkeypatch.delenv(name, raising=False)


def test_without_an_override_it_is_the_providers_own() -> None:
    assert aws_endpoint("ec2") is None
    assert alibaba_endpoint("ecs", "ecs.cn-hangzhou.aliyuncs.com").host == "ecs.cn-hangzhou.aliyuncs.com"
    assert alibaba_endpoint("ecs", "x").protocol == "https"


def test_names_are_moved_by_the_api_of_the_zones_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    assert alidns_endpoint({}).host == "alidns.cn-hangzhou.aliyuncs.com"
    assert alidns_endpoint({"region": "cn-shanghai"}).host == "alidns.cn-shanghai.aliyuncs.com"

    monkeypatch.setenv("ALIBABA_ENDPOINT_ALIDNS", "https://dns.example.com")
    assert alidns_endpoint({"region": "cn-shanghai"}).host == "dns.example.com"


def test_a_services_own_override_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", "http://[::1]:2")

    assert (aws_endpoint("ec2"), aws_endpoint("route53")) == ("http://127.0.0.1:1", "http://[::1]:2")


def test_an_emulator_here_may_speak_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_ENDPOINT_ECS", "http://127.0.0.1:8080")

    found = alibaba_endpoint("ecs", "ecs.cn-hangzhou.aliyuncs.com")

    assert (found.host, found.protocol) == ("127.0.0.1:8080", "http")


@pytest.mark.parametrize("address", ["http://ecs.example.com", "http://192.0.2.1", "http://127.0.0.1.example.com"])
def test_plain_http_to_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ALIBABA_ENDPOINT_ECS", address)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", address)

    for ask in (lambda: alibaba_endpoint("ecs", "x"), lambda: aws_endpoint("ec2")):
        with pytest.raises(PreflightFailed, match="in the clear") as refused:
            ask()
        assert refused.value.code == "F045"


@pytest.mark.parametrize(
    "address", ["ecs.example.com", "ftp://127.0.0.1", "https://user:secret@ecs.example.com", "https://ecs.example.com/path"]
)
def test_what_is_no_address_of_a_service_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ALIBABA_ENDPOINT_ECS", address)

    with pytest.raises(PreflightFailed, match="is no address") as refused:
        alibaba_endpoint("ecs", "x")

    assert "secret" not in str(refused.value)


def test_what_leads_to_this_machine_is_known_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://vpce.example.com")
    monkeypatch.setenv("ALIBABA_ENDPOINT_ECS", "http://localhost:2")

    assert emulated() == ["ALIBABA_ENDPOINT_ECS", "AWS_ENDPOINT_URL_EC2"]
