"""The sandbox's DNS in one process: a Route 53 API to change the zone, and a name server that answers from it at once."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drill.sandbox.route53_api import Route53Api

ZONE = "drill.test"
READY = "dns.ready"
_HOST = "127.0.0.1"
_HEALTH_SPEED = 20.0  # the service's 10 s and three failures in a row would be longer than the whole drill
_RECORD = re.compile(r"(?P<name>[^=]+)=(?P<ttl>\d+)=(?P<values>[^=]+)")


@dataclass(frozen=True)
class Record:
    """One A record set to start with."""

    name: str
    ttl_s: int
    values: tuple[str, ...]


def parse_record(text: str) -> Record:
    """Read `shop.drill.test=1=127.0.1.1,127.0.1.2`.

    Raises: ValueError: it is not written so.
    """
    match = _RECORD.fullmatch(text)
    if not match:
        raise ValueError(f"expected NAME=TTL=ADDRESS,ADDRESS, got {text!r}")
    return Record(match["name"], int(match["ttl"]), tuple(match["values"].split(",")))


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m drill.sandbox.dns", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where dns.ready is written once everything answers")
    parser.add_argument("--dns-port", type=int, default=0, help="UDP and TCP port of the name server (default: a free one)")
    parser.add_argument("--api-port", type=int, default=0, help="port of the Route 53 API (default: a free one)")
    parser.add_argument("--record", type=_record_argument, action="append", default=[], metavar="NAME=TTL=V1,V2")
    parser.add_argument("--pending", type=float, default=0.0, help="seconds for which a change is not yet in sync")
    options = parser.parse_args(argv)
    try:
        asyncio.run(_serve(options.dir, options.dns_port, options.api_port, options.record, pending_s=options.pending))
    except OSError as taken:
        sys.stderr.write(f"the sandbox's DNS cannot start: {taken}\n")
        return 1
    return 0


def _record_argument(text: str) -> Record:
    try:
        return parse_record(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve(directory: Path, dns_port: int, api_port: int, records: Sequence[Record], *, pending_s: float) -> None:
    from drill.sandbox import dns_server
    from drill.sandbox.route53_answers import Answers
    from drill.sandbox.route53_api import Route53Api

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    api = Route53Api(speed=_HEALTH_SPEED, pending_s=pending_s)
    zone_id = _fill(api, records)
    answers = Answers(api.zones, lambda: api.version, random.Random(), healthy=api.health.up)
    over = threading.Event()
    probing = threading.Thread(target=api.health.run, args=(over,), name="route53-health", daemon=True)
    probing.start()
    dns_port, stop_dns = await dns_server.start(answers.answer, _HOST, dns_port)
    server = api.serve(_HOST, api_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="route53-api")
    thread.start()
    ready = directory / READY
    try:
        await asyncio.to_thread(_first_request, server.port, zone_id)
        await asyncio.to_thread(_first_question, dns_port)
        _write_ready(ready, {"dns": f"{_HOST}:{dns_port}", "api": f"http://{_HOST}:{server.port}", "zone_id": zone_id, "pid": os.getpid()})
        await ended.wait()
    finally:
        ready.unlink(missing_ok=True)
        stop_dns()
        over.set()
        probing.join(5)
        server.shutdown()
        thread.join()
        server.server_close()


def _fill(api: Route53Api, records: Sequence[Record]) -> str:
    zone_id = api.create_zone(ZONE)
    forms = [
        {"Name": record.name, "Type": "A", "TTL": record.ttl_s, "ResourceRecords": [{"Value": value} for value in record.values]}
        for record in records
    ]
    api.change(zone_id, [{"Action": "CREATE", "ResourceRecordSet": form} for form in forms])
    return zone_id


def _first_request(port: int, zone_id: str) -> None:
    """Ask once, so that whoever reads dns.ready does not pay for what moto loads at its first request."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=30)
    try:
        connection.request("GET", f"/2013-04-01/hostedzone/{zone_id}/rrset")
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"the sandbox's Route 53 answers its first request with HTTP {response.status}")
    finally:
        connection.close()


def _first_question(port: int) -> None:
    import dns.message
    import dns.query

    dns.query.udp(dns.message.make_query(ZONE, "SOA"), _HOST, port=port, timeout=5)


def _write_ready(path: Path, content: dict[str, str | int]) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
