"""For how long somebody has given no sign of life."""

from __future__ import annotations

from collections.abc import Callable


class Silence:
    """Counts the seconds since a sign last changed, by the watcher's own monotonic clock: a step of the wall clock kills nobody.

    `sign` is whatever changes while the other lives; before its first change the count starts with the watch itself.
    """

    def __init__(self, sign: Callable[[], object], mono_s: Callable[[], float]) -> None:
        self._sign = sign
        self._mono_s = mono_s
        self._seen = sign()
        self._since_s = mono_s()

    def seconds(self) -> float:
        """Seconds of silence as of now; looking often makes it exact."""
        sign, now_s = self._sign(), self._mono_s()
        if sign != self._seen:
            self._seen, self._since_s = sign, now_s
        return now_s - self._since_s
