"""A real BIND and a real Knot on loopback, each with one zone that a signed update may change."""

from __future__ import annotations

import base64
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from drill.adapters.dns_rfc2136 import Rfc2136Dns, TsigKey
from tests.debian import Unpacked, unpacked

ZONE = "drill.test"
KEY = TsigKey("drill", base64.b64encode(b"a secret of thirty-two bytes ...").decode())
NARROW_KEY = TsigKey("narrow", base64.b64encode(b"another secret of thirty-two by.").decode())
"""May change `narrow.drill.test` only."""
_START_S = 30.0
_TRIES = 3


@dataclass(frozen=True)
class NameServer:
    """Where it answers."""

    kind: str
    address: tuple[str, int]

    def dns(self, *, key: TsigKey | None = KEY, zone: str = ZONE, timeout_s: float = 5.0) -> Rfc2136Dns:
        """The adapter under test, connected to it."""
        return Rfc2136Dns(zone, self.address, key, servers=[self.address], timeout_s=timeout_s)


@contextmanager
def running(kind: str, directory: Path, names: Mapping[str, Sequence[str]]) -> Iterator[NameServer]:
    """Start a server whose zone holds these A records with TTL 1; end it by its pid."""
    tree = unpacked("bind9", "knot")
    directory.chmod(0o755)
    _write_zone(directory / "zone", names)
    process, port = _started(kind, tree, directory)
    try:
        yield NameServer(kind, ("127.0.0.1", port))
    finally:
        process.terminate()
        process.wait(timeout=20)


def _started(kind: str, tree: Unpacked, directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers, and its port; tried again when somebody else was quicker to take the port."""
    for left in reversed(range(_TRIES)):
        port = _free_port()
        command = {"bind": _bind, "knot": _knot}[kind](tree, directory, port)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(command, env=tree.environment, stdout=log, stderr=log, cwd=directory)
        try:
            _wait(process, port, directory / "log")
        except AssertionError:
            process.kill()
            process.wait(timeout=20)
            if not left:
                raise
        else:
            return process, port
    raise AssertionError("the last try returns or raises")


def _write_zone(path: Path, names: Mapping[str, Sequence[str]]) -> None:
    rows = [f"$ORIGIN {ZONE}.", "$TTL 1", "@ SOA ns hostmaster 1 3600 600 86400 1", "@ NS ns", "ns A 127.0.0.1", "narrow A 127.0.1.1"]
    rows += [f"{name}. A {value}" for name, values in names.items() for value in values]
    rows += ["alias CNAME ns", "slow 3600 A 127.0.1.1"]
    path.write_text("\n".join(rows) + "\n")


def _bind(tree: Unpacked, directory: Path, port: int) -> list[str]:
    (directory / "named.conf").write_text(f"""
key "{KEY.name}" {{ algorithm {KEY.algorithm}; secret "{KEY.secret}"; }};
key "{NARROW_KEY.name}" {{ algorithm {NARROW_KEY.algorithm}; secret "{NARROW_KEY.secret}"; }};
options {{ directory "{directory}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file "{directory}/pid";
  session-keyfile "{directory}/session"; recursion no; dnssec-validation no; empty-zones-enable no; notify no; }};
controls {{ }};
zone "{ZONE}" {{ type primary; file "{directory}/zone";
  update-policy {{ grant {KEY.name} zonesub ANY; grant {NARROW_KEY.name} name narrow.{ZONE}. A; }}; }};
""")
    return [tree.program("named"), "-g", "-n", "1", "-c", str(directory / "named.conf")]


def _knot(tree: Unpacked, directory: Path, port: int) -> list[str]:
    (directory / "knot.conf").write_text(f"""
server:
    rundir: {directory}
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {directory}
key:
  - id: {KEY.name}
    algorithm: {KEY.algorithm}
    secret: {KEY.secret}
  - id: {NARROW_KEY.name}
    algorithm: {NARROW_KEY.algorithm}
    secret: {NARROW_KEY.secret}
acl:
  - id: all
    key: {KEY.name}
    action: update
  - id: narrow
    key: {NARROW_KEY.name}
    action: update
    update-owner: name
    update-owner-match: equal
    update-owner-name: [narrow]
zone:
  - domain: {ZONE}
    file: "{directory}/zone"
    acl: [all, narrow]
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
""")
    return [tree.program("knotd"), "-c", str(directory / "knot.conf")]


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))
        return port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until_s = time.monotonic() + _START_S
    question = dns.message.make_query(ZONE, "SOA")
    while True:
        assert process.poll() is None, f"the name server ended with {process.returncode}: {log.read_text()[-2000:]}"
        assert time.monotonic() < until_s, f"the name server did not get ready: {log.read_text()[-2000:]}"
        try:
            if dns.query.udp(question, "127.0.0.1", port=port, timeout=0.5).answer:
                return
        except (dns.exception.DNSException, OSError):
            time.sleep(0.05)
