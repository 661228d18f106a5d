"""Reply codes: derived from a local key when they are needed, stored nowhere, the same after a crash."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import count

from drill.model.events import canonical

SHORT_DIGITS = 4
LONG_DIGITS = 6


@dataclass(frozen=True)
class Ask:
    """One person asked at one gate. `round` counts from 1 and grows when the same question is asked anew."""

    drill: str
    gate: str
    contact: str
    round: int = 1
    destructive: bool = False

    @property
    def digits(self) -> int:
        """How long the code is: a guess at a destructive gate must be a hundred times harder."""
        return LONG_DIGITS if self.destructive else SHORT_DIGITS


def reply_code(key: bytes, ask: Ask, *, taken: Collection[str] = ()) -> str:
    """The code of an ask: decimal digits, no leading zero, not all alike, none of `taken`.

    Raises: ValueError: the key has fewer than 16 bytes.
    """
    if len(key) < 16:
        raise ValueError("the key of reply codes needs at least 16 bytes")
    low, high = 10 ** (ask.digits - 1), 10**ask.digits
    for attempt in count():
        message = canonical([ask.drill, ask.gate, ask.contact, ask.round, ask.digits, attempt]).encode()
        number = int.from_bytes(hmac.new(key, message, hashlib.sha256).digest()[:8], "big")
        code = str(low + number % (high - low))
        if len(set(code)) > 1 and code not in taken:
            return code
    raise AssertionError("unreachable: count() never ends")


def reply_codes(key: bytes, asks: Iterable[Ask]) -> dict[Ask, str]:
    """A code for every ask, no two alike.

    Pass every ask of the drill in the order of its journal, closed ones too: then a code stays what it was
    when an earlier gate closes or the engine starts anew. Raises: ValueError: the key is too short.
    """
    codes: dict[Ask, str] = {}
    taken: set[str] = set()
    for ask in asks:
        if ask not in codes:
            codes[ask] = reply_code(key, ask, taken=taken)
            taken.add(codes[ask])
    return codes
