"""The sandbox's DNS as one real process: it answers, it switches, it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from drill.adapters.clock import SystemClock
from drill.adapters.propagation import DnsPropagation
from drill.sandbox.dns import Record, main, parse_record
from drill.steps.dns_switch import DnsSwitch, DnsSwitchParams
from tests.fakes import FakeAttempt, FakeGround, fake_world
from tests.sandbox.dns_process import NAME, DnsProcess, running_dns

PRIMARY, STANDBY = ("127.0.1.1", "127.0.1.2"), ("127.0.2.1", "127.0.2.2")


@pytest.fixture
def dns_process(tmp_path: Path) -> Iterator[DnsProcess]:
    with running_dns(tmp_path, f"{NAME}=1={','.join(PRIMARY)}") as process:
        yield process


def ask(process: DnsProcess, name: str = NAME, *, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, "A")
    over = dns.query.tcp if tcp else dns.query.udp
    return over(query, process.dns[0], port=process.dns[1], timeout=5)


def addresses(response: dns.message.Message) -> set[str]:
    return {value.to_text() for rrset in response.answer for value in rrset}


def test_it_answers_over_udp_and_tcp_with_authority(dns_process: DnsProcess) -> None:
    for tcp in (False, True):
        response = ask(dns_process, tcp=tcp)

        assert addresses(response) == set(PRIMARY)
        assert response.flags & dns.flags.AA
        assert response.answer[0].ttl == 1


def test_a_missing_name_may_be_asked_again_soon(dns_process: DnsProcess) -> None:
    response = ask(dns_process, "nobody.drill.test")

    assert response.rcode() == dns.rcode.NXDOMAIN
    assert response.authority[0].ttl == 1


def test_garbage_is_ignored_and_the_next_question_is_answered(dns_process: DnsProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as garbage:
        garbage.sendto(b"not a question", dns_process.dns)
    with socket.create_connection(dns_process.dns, timeout=5) as half:
        half.sendall(b"\x00")

    assert addresses(ask(dns_process)) == set(PRIMARY)


def test_the_whole_switch_is_proved_in_a_second_and_rolled_back_exactly(dns_process: DnsProcess) -> None:
    route53 = dns_process.route53()
    sites = FakeGround({"primary": {"addresses": PRIMARY}, "standby": {"addresses": STANDBY}})
    world = fake_world(dns=route53, propagation=DnsPropagation(), ground=sites, clock=SystemClock())
    params = DnsSwitchParams.model_validate({"name": NAME, "to": "standby", "from": "primary", "ttl": "1s", "every": "50ms"})
    found, attempt = route53.read(NAME), FakeAttempt()

    outputs = DnsSwitch().run(params, world, attempt)
    switched = addresses(ask(dns_process))
    DnsSwitch().undo(params, world, FakeAttempt(), attempt.undo or {})

    assert switched == set(STANDBY)
    assert outputs["settled_s"] < 3.0
    assert route53.read(NAME) == found
    assert addresses(ask(dns_process)) == set(PRIMARY)


def test_ready_says_where_it_answers_and_sigterm_leaves_nothing(tmp_path: Path) -> None:
    with running_dns(tmp_path, f"{NAME}=1=127.0.1.1") as process:
        ready = json.loads((tmp_path / "dns.ready").read_text(encoding="utf-8"))
        started_s = time.monotonic()
        process.process.terminate()
        code = process.process.wait(timeout=10)

    assert (ready["dns"], ready["api"], ready["zone_id"]) == (f"127.0.0.1:{process.dns[1]}", process.api, process.zone_id)
    assert code == 0
    assert time.monotonic() - started_s < 8.0
    assert list(tmp_path.iterdir()) == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(process.dns)


def test_a_taken_port_ends_it_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "drill.sandbox.dns", "--dir", str(tmp_path), "--dns-port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert str(port) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_read_as_it_is_written() -> None:
    assert parse_record("shop.drill.test=1=127.0.1.1,127.0.1.2") == Record("shop.drill.test", 1, ("127.0.1.1", "127.0.1.2"))


@pytest.mark.parametrize("text", ["", "shop", "shop=1", "shop=x=127.0.1.1", "shop=1=", "=1=127.0.1.1"])
def test_a_record_that_is_written_otherwise_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--dir", str(tmp_path), "--record", text])

    assert ended.value.code == 2
    assert "NAME=TTL=ADDRESS" in capsys.readouterr().err
