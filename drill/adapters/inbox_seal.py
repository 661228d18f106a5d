"""Seals what people wrote, and names it without telling what it says: both under keys derived from the local reply key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, fields
from datetime import datetime
from typing import Final

from drill.model.ports import InboundMessage, Receipt

_OURS: Final = frozenset({"id", "handle"})
"""What the inbox itself gives a message."""


class Seal:
    """The keys of one inbox. Raises: ValueError: the reply key has fewer than 16 bytes."""

    def __init__(self, reply_key: bytes) -> None:
        from cryptography.fernet import Fernet

        if len(reply_key) < 16:
            raise ValueError("the key behind the inbox needs at least 16 bytes")
        self._fernet = Fernet(base64.urlsafe_b64encode(_derived(reply_key, b"drill inbox seal")))
        self._naming = _derived(reply_key, b"drill inbox names")

    def close(self, message: InboundMessage) -> bytes:
        """The message sealed; nobody without the local key can read or change it."""
        row = {each.name: getattr(message, each.name) for each in fields(message) if each.name not in _OURS}
        row["sent_at"] = message.sent_at.isoformat() if message.sent_at else None
        row["receipt"] = asdict(message.receipt) if message.receipt else None
        return self._fernet.encrypt(json.dumps(row).encode("ascii"))

    def open(self, name: str, place: int, sealed: bytes) -> InboundMessage | None:
        """What was sealed, or None when another key sealed it or it was changed."""
        from cryptography.fernet import InvalidToken

        try:
            row = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            return None
        row["sent_at"] = datetime.fromisoformat(row["sent_at"]) if row["sent_at"] else None
        row["receipt"] = Receipt(**row["receipt"]) if row["receipt"] else None
        return InboundMessage(id=name, handle=str(place), **row)

    def name(self, *parts: str | None) -> str:
        """A name for these words that only the holder of the key can connect with them."""
        return hmac.new(self._naming, json.dumps(parts).encode("ascii"), hashlib.sha256).hexdigest()[:40]


def derived_path(reply_key: bytes) -> str:
    """The secret part of the address that the sandbox's carrier pushes to: 256 bits, the same after a restart."""
    return base64.urlsafe_b64encode(_derived(reply_key, b"drill push path")).decode().rstrip("=")


def _derived(key: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
