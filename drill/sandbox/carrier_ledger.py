"""What the carrier keeps in its directory: its keys, every text that reached a phone, and every answer."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from drill.model.wording import SANDBOX_CODES

CHINA: Final = timezone(timedelta(hours=8))
"""The vendor's times carry no zone and mean this one."""
KEY_ID: Final = "sandboxkey"
UID: Final = "1000000000000001"
SIGN: Final = "演练平台"
QUEUE: Final = f"Alicom-Queue-{UID}-SmsUp"
VOICE_QUEUE: Final = f"Alicom-Queue-{UID}-VoiceReport"
RECEIPT_QUEUE: Final = f"Alicom-Queue-{UID}-SmsReport"


def china_time(at_s: float) -> str:
    """Unix seconds as the vendor writes a time."""
    return datetime.fromtimestamp(at_s, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, at once or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def open_account(directory: Path, port: int) -> dict[str, Any]:
    """The account in `carrier.json`: made once, with the present port. Keys stay the same when the carrier starts again."""
    path = directory / "carrier.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    account = {
        "key_id": KEY_ID,
        "key_secret": known.get("key_secret") or secrets.token_urlsafe(24),
        "endpoint": f"127.0.0.1:{port}",
        "queue_endpoint": f"http://127.0.0.1:{port}",
        "uid": UID,
        "queue": QUEUE,
        "voice_queue": VOICE_QUEUE,
        "receipt_queue": RECEIPT_QUEUE,
        "sign": SIGN,
        "templates": SANDBOX_CODES,
    }
    write_private(path, json.dumps(account, ensure_ascii=False, indent=1))
    token = directory / "phone-token"
    if not token.exists():
        write_private(token, secrets.token_urlsafe(24))
    return account


@dataclass(frozen=True)
class Text:
    """One accepted text. `at_s` is Unix seconds; `failure` is the receipt's code when it cannot be delivered."""

    number: str
    text: str
    template: str
    out_id: str
    biz_id: str
    at_s: float
    lost: bool = False
    failure: str = ""

    def row(self) -> dict[str, Any]:
        """The text as `phone.jsonl` holds it."""
        at = datetime.fromtimestamp(self.at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = {name: value for name, value in asdict(self).items() if name in {"number", "text", "template", "out_id", "biz_id"}}
        return {**row, "at": at, "signature_verified": True}


class Ledger:
    """Every text and answer, in memory and on disk. Safe to share between threads."""

    def __init__(self, directory: Path) -> None:
        self._texts_path = directory / "phone.jsonl"
        self._answers_path = directory / "phone-answers.jsonl"
        self._changed = threading.Condition()
        self._texts = [_text(row) for row in _rows(self._texts_path)]
        self._answers = _rows(self._answers_path)
        self._closed = False

    def accept(self, text: Text) -> None:
        """Keep an accepted text; unless it is lost on the way, the phone has it when this returns."""
        with self._changed:
            self._texts.append(text)
            if not (text.lost or text.failure):
                _append(self._texts_path, text.row())
            self._changed.notify_all()

    def answer(self, number: str, text: str, *, automatic: bool) -> None:
        """Keep an answer a person typed."""
        row = {"number": number, "text": text, "automatic": automatic, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        with self._changed:
            self._answers.append(row)
            _append(self._answers_path, row)
            self._changed.notify_all()

    def texts(self) -> list[Text]:
        """Every accepted text, lost ones too, oldest first."""
        with self._changed:
            return list(self._texts)

    def arrived(self, *, after: int = 0, wait_s: float = 0.0) -> list[dict[str, Any]]:
        """Texts on the phones beyond the first `after`, waiting up to `wait_s` for one."""
        end = time.monotonic() + wait_s
        with self._changed:
            while True:
                rows = [text.row() for text in self._texts if not (text.lost or text.failure)][after:]
                left = end - time.monotonic()
                if rows or left <= 0 or self._closed:
                    return rows
                self._changed.wait(left)

    def answers(self) -> list[dict[str, Any]]:
        """Every answer typed so far."""
        with self._changed:
            return list(self._answers)

    def answered_by_itself(self) -> bool:
        """Whether the phone has ever answered on its own."""
        return any(row["automatic"] for row in self.answers())

    def close(self) -> None:
        """Let every waiting reader return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _text(row: Mapping[str, Any]) -> Text:
    at = datetime.fromisoformat(row["at"]).timestamp()
    return replace(Text("", "", "", "", "", at), **{name: row[name] for name in ("number", "text", "template", "out_id", "biz_id")})


def _rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a file. One that a crash cut short is removed, so that the next is not glued to it."""
    if not path.exists():
        return []
    *lines, torn = path.read_text(encoding="utf-8").split("\n")
    if torn:
        write_private(path, "".join(f"{line}\n" for line in lines))
    return [json.loads(line) for line in lines]


def _append(path: Path, row: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(json.dumps(dict(row), ensure_ascii=False) + "\n")
