"""Fills secrets into texts on their way out, and takes them out of texts on their way in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from drill.model.errors import DrillError
from drill.model.ports import Secrets

_WHOLE: Final = re.compile(r"secret:([A-Za-z_][A-Za-z0-9_]*)")
_INSIDE: Final = re.compile(r"\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")
_SHORTEST: Final = 4
"""A shorter value would also hide half of what is no secret."""


class SecretValues:
    """Knows every value it has handed out, so that an answer that repeats one can be cleaned. `redact` takes out what else is private."""

    def __init__(self, secrets: Secrets, redact: Callable[[str], str] = lambda text: text) -> None:
        self._secrets = secrets
        self._redact = redact
        self._handed: set[str] = set()

    def filled(self, text: str) -> str:
        """The text with `secret:NAME`, or each `{secret:NAME}` in it, replaced. Raises: PreflightFailed: one is not set (F010)."""
        whole = _WHOLE.fullmatch(text)
        return self._value(whole[1]) if whole else _INSIDE.sub(lambda found: self._value(found[1]), text)

    def filled_all(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The same for every value. Raises: as `filled`."""
        return {name: self.filled(text) for name, text in texts.items()}

    def hidden(self, text: str) -> str:
        """The text with every value that was handed out as `***`."""
        for value in sorted((value for value in self._handed if len(value) >= _SHORTEST), key=len, reverse=True):
            text = text.replace(value, "***").replace(json.dumps(value)[1:-1], "***")
        return self._redact(text)

    def missing(self, *texts: str) -> list[str]:
        """What is not set of all they refer to, a sentence each."""
        found = []
        for text in texts:
            try:
                self.filled(text)
            except DrillError as error:
                found.append(error.what.rstrip("."))
        return list(dict.fromkeys(found))

    def _value(self, name: str) -> str:
        value = self._secrets.get(f"secret:{name}")
        self._handed.add(value)
        return value
