"""How often Alibaba's domestic service takes texts: per account, and per number by the kind of the templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drill.model.ports_people import Limit, Way

PER_SECOND: Final = 5000.0
GAP_S: Final = 1.0
"""Carriers take texts to one number that follow faster for repetitions."""
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0
_ROWS: Final[Mapping[str, tuple[tuple[int, float, str], ...]]] = {
    "notification": ((50, _DAY_S, "{sign}|{template}"),),
    "code": ((1, _MINUTE_S, "{sign}"), (5, _HOUR_S, "{sign}"), (10, _DAY_S, "{sign}"), (40, _DAY_S, "")),
    "exempt": (),
}
"""By kind of template; `exempt`: numbers on the account's white list, which the carriers alone limit."""
_WINDOWS: Final = (("分钟", _MINUTE_S), ("小时", _HOUR_S), ("天", _DAY_S))


@dataclass(frozen=True)
class Terms:
    """What the templates were audited as, which decides how many texts a number gets, and the account's rate; 0 is the vendor's own."""

    kind: str = "notification"
    per_second: float = 0.0


def way(account: str, terms: Terms, *, sign: str, template: str) -> Way:
    """How a text goes. `account` is hashed: what it is called may stand in facts."""
    name = f"aliyun#{hashlib.sha256(account.encode()).hexdigest()[:8]}"
    limits = tuple(Limit(count, window_s, scope.format(sign=sign, template=template)) for count, window_s, scope in _ROWS[terms.kind])
    return Way(name, terms.per_second or PER_SECOND, limits=limits, gap_s=GAP_S)


def blocked_s(code: str, message: str) -> float:
    """For how long a refusal says that a number gets nothing; 0 when it says nothing of the kind."""
    if code != "isv.BUSINESS_LIMIT_CONTROL":
        return 0.0
    found = re.search(r"触发(\S+?)级流控", message)
    return next((window_s for word, window_s in _WINDOWS if found and word in found[1]), _MINUTE_S)
