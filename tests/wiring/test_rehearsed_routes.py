"""A dry run of a live plan reads at the providers and writes nowhere; what it cannot see is skipped by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drill.model.errors import Fatal
from drill.model.plan import Mode
from drill.model.ports import RecordSet
from drill.model.rehearsal import NotRehearsed, WriteRefused
from drill.wiring.credentials import lacking
from drill.wiring.rehearsed_routes import ReadingDns, ReadingFence, ReadingOutage
from drill.wiring.routed import Absent
from drill.wiring.scenarios import open_scenario
from drill.wiring.worlds import is_sandbox
from tests.fakes import FakeDns
from tests.wiring.test_routed import Noted

PROJECT = Path(__file__).resolve().parents[2]
NOBODY: Any = Absent("no adapter here.", "Use another.")
RECORD = RecordSet("www.example.com", "A", 60, ("192.0.2.1",))


def fakes() -> tuple[ReadingOutage, ReadingFence, ReadingDns]:
    names = FakeDns({"www.example.com": (60, ["192.0.2.1"])})
    return ReadingOutage(Noted("aws"), "", set()), ReadingFence(NOBODY, ""), ReadingDns(names, "")


WRITES: list[Callable[[ReadingOutage, ReadingFence, ReadingDns], object]] = [
    lambda outage, _fence, _dns: outage.isolate("primary"),
    lambda outage, _fence, _dns: outage.restore("primary", {}),
    lambda _outage, fence, _dns: fence.fence("primary"),
    lambda _outage, fence, _dns: fence.release("primary"),
    lambda _outage, _fence, dns: dns.swap(RECORD, RECORD),
]


@pytest.mark.parametrize("write", WRITES)
def test_every_writing_method_is_refused(write: Callable[..., object]) -> None:
    with pytest.raises(WriteRefused):
        write(*fakes())


def test_reading_reaches_the_provider() -> None:
    outage, _, dns = fakes()

    assert [effect.target for effect in outage.preview("primary")] == ["primary/aws"]
    assert dns.read("www.example.com").values == ("192.0.2.1",)


def test_without_credentials_no_provider_is_asked() -> None:
    asked = Noted("aws")

    with pytest.raises(NotRehearsed, match="no credentials for aws") as skipped:
        ReadingOutage(asked, "aws", set()).preview("primary")

    assert (skipped.value.code, asked.asked) == ("F044", [])


def test_a_missing_adapter_skips_but_a_refusal_of_the_provider_refuses() -> None:
    with pytest.raises(NotRehearsed, match="no adapter here"):
        ReadingFence(NOBODY, "").preview("primary")
    with pytest.raises(Fatal) as refused:
        ReadingDns(FakeDns({}), "").read("www.example.com")

    assert not isinstance(refused.value, NotRehearsed)


def test_what_the_plan_has_moved_and_cut_off_by_then_is_described_so() -> None:
    cut: set[str] = set()
    outage, dns = ReadingOutage(Noted("aws"), "", cut), ReadingDns(FakeDns({"www.example.com": (60, ["192.0.2.1"])}), "")

    cut.add("primary")
    dns.assume("www.example.com", ["192.0.2.9"], 5)

    assert outage.isolated("primary")
    assert not outage.isolated("standby")
    assert (dns.read("www.example.com").values, dns.read("www.example.com").ttl_s) == (("192.0.2.9",), 5)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_credentials_are_looked_for_without_any_network(bare: pytest.MonkeyPatch) -> None:
    assert [lacking(name) for name in ("aws", "route53", "arc", "aliyun", "alidns", "gtm", "hosts", "rfc2136", "sandbox")] == [
        *["aws"] * 3,
        *["aliyun"] * 3,
        *[""] * 3,
    ]

    bare.setenv("AWS_ACCESS_KEY_ID", "k")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "s")
    bare.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "k")

    assert (lacking("aws"), lacking("aliyun")) == ("", "aliyun")
    bare.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
    assert lacking("aliyun") == ""


def test_half_a_pair_of_keys_is_none(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AWS_ACCESS_KEY_ID", "k")

    assert lacking("aws") == "aws"


@pytest.mark.parametrize(("zone", "mode"), [("{provider: sandbox}", Mode.SANDBOX), ("{provider: route53}", Mode.LIVE)])
def test_a_real_zone_makes_a_drill_of_the_sandbox_a_live_one(zone: str, mode: Mode) -> None:
    opened = open_scenario(PROJECT / "scenarios" / "sandbox-region-outage.yaml", sets=(f"zones={{drill.test: {zone}}}",))

    assert opened.plan.mode is mode
    assert is_sandbox(opened.plan) is (mode is Mode.SANDBOX)
