"""The virtual SMS carrier as a process: `python -m drill.sandbox.carrier --dir DIR --port P --mode auto|manual|silent|once`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from drill.sandbox.carrier_api import Api, secrets_of
from drill.sandbox.carrier_calls import Calls
from drill.sandbox.carrier_faults import Faults
from drill.sandbox.carrier_http import Carrier
from drill.sandbox.carrier_ledger import QUEUE, RECEIPT_QUEUE, VOICE_QUEUE, Ledger, open_account, write_private
from drill.sandbox.carrier_push import Delivery
from drill.sandbox.carrier_queue import Queue
from drill.sandbox.carrier_switchboard import Switchboard
from drill.sandbox.phone_person import MODE_FILE, MODES, Person


@dataclass(frozen=True)
class Habits:
    """How this carrier behaves. Seconds; a `daily_limit` of 0 means the phones are on the carrier's white list."""

    answer_after_s: float = 1.0
    receipt_s: float = 0.3
    token_life_s: float = 600.0
    daily_limit: int = 0


def build(directory: Path, port: int, habits: Habits) -> Carrier:
    """A carrier that listens on 127.0.0.1 and keeps its things in `directory`; port 0 takes a free one.

    Raises: OSError: the port is taken, or the directory cannot be written.
    """
    token = directory / "phone-token"
    if not token.exists():
        open_account(directory, port)
    ledger, queues, faults = Ledger(directory), {name: Queue() for name in (QUEUE, RECEIPT_QUEUE, VOICE_QUEUE)}, Faults()
    delivery = Delivery(directory, queues[QUEUE], queues[RECEIPT_QUEUE])
    switchboard = Switchboard(directory, ledger=ledger, delivery=delivery, faults=faults)
    calls = switchboard.calls = Calls(queues[VOICE_QUEUE])
    person = Person(directory, ledger, switchboard.reply, answer_after_s=habits.answer_after_s, press=calls.end)
    calls.rings = person.rings
    api = Api(ledger, person.hears, daily_limit=habits.daily_limit, receipt_s=habits.receipt_s, token_life_s=habits.token_life_s)
    api.reported = delivery.receipt
    api.calls = calls
    secrets: dict[str, str] = {}
    carrier = Carrier(port, api=api, queues=queues, ledger=ledger, faults=faults, switchboard=switchboard, secrets=secrets)
    secrets.update(secrets_of(open_account(directory, carrier.server_address[1])))
    return carrier


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `carrier.ready` exists while it does."""
    parser = argparse.ArgumentParser(prog="python -m drill.sandbox.carrier", description="A virtual SMS carrier with one phone per number.")
    parser.add_argument("--dir", type=Path, required=True, help="where keys, texts and answers are kept")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--mode", choices=MODES, required=True, help="who answers the phone at first")
    parser.add_argument("--answer-after", type=float, default=Habits.answer_after_s, metavar="SECONDS")
    parser.add_argument("--receipt-after", type=float, default=Habits.receipt_s, metavar="SECONDS")
    parser.add_argument("--token-life", type=float, default=Habits.token_life_s, metavar="SECONDS")
    parser.add_argument("--daily-limit", type=int, default=Habits.daily_limit, help="texts per number and template; 0: none")
    given = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    write_private(given.dir / MODE_FILE, f"{given.mode}\n")
    carrier = build(given.dir, given.port, Habits(given.answer_after, given.receipt_after, given.token_life, given.daily_limit))
    carrier.start()
    ready = given.dir / "carrier.ready"
    write_private(ready, json.dumps({"pid": os.getpid(), "port": carrier.server_address[1]}))
    try:
        while not ended.wait(3600):
            pass
    finally:
        carrier.end()
        ready.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
