"""Changes configuration texts wherever they are kept: compare, write, read back; and says what is known when no answer came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import Answered, ConfigPlace

TIMEOUT_S: Final = 10.0


class NoAnswer(Exception):
    """The keeper gave no usable answer; `sent` tells whether it may have seen what was asked."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


class Keeper(Protocol):
    """One kind of place where configuration texts are kept."""

    def read(self, keys: Mapping[str, str]) -> str:
        """What applications get now. Raises: NoAnswer. Fatal: no such text (A284), or we are refused (A285)."""

    def pending(self, keys: Mapping[str, str]) -> bool:
        """Whether something is written that applications do not get yet. Raises: as `read`."""

    def write(self, keys: Mapping[str, str], before: str, after: str) -> None:
        """Write `after` if it still holds `before`. Raises: NoAnswer. Fatal: somebody else changed it (A286), or as `read`."""


class KeptConfigs:
    """Configuration texts by the kind of their keeper (port Configs)."""

    def __init__(self, keepers: Mapping[str, Keeper]) -> None:
        self._keepers = keepers

    def read(self, place: ConfigPlace) -> str | None:
        try:
            return self._keepers[place.keeper].read(place.keys)
        except NoAnswer as error:
            raise _silent(place, error) from error

    def swap(self, place: ConfigPlace, before: str, after: str) -> None:
        keeper = self._keepers[place.keeper]
        try:
            present = keeper.read(place.keys)
            if present == after and not keeper.pending(place.keys):
                return
        except NoAnswer as error:
            raise _silent(place, error) from error
        if present not in {before, after}:
            raise changed(place.keeper)
        try:
            keeper.write(place.keys, before, after)
        except NoAnswer as error:
            self._read_back(place, before, after, error)
            return
        self._read_back(place, before, after, None)

    def _read_back(self, place: ConfigPlace, before: str, after: str, doubt: NoAnswer | None) -> None:
        keeper = self._keepers[place.keeper]
        try:
            present, half = keeper.read(place.keys), keeper.pending(place.keys)
        except NoAnswer as error:
            what = f"{place.keeper} does not say whether it took the new text: {error.why}."
            raise InDoubt(what, code="A380", fix="Trying again looks first; or look by hand.") from error
        if present == after and not half:
            return
        if present in {before, after}:
            why = doubt.why if doubt else "it still tells the old text"
            raise Retryable(f"{place.keeper} did not take the new text: {why}.", code="A180", fix="Trying again is safe.") from doubt
        raise changed(place.keeper)


def changed(keeper: str) -> StepError:
    """The refusal to write over what somebody else wrote."""
    return Fatal(f"somebody else has changed the text in {keeper}.", code="A286", fix="See who and why; nothing was written over it.")


def _silent(place: ConfigPlace, error: NoAnswer) -> StepError:
    silent = Retryable(f"{place.keeper} gives no answer: {error.why}.", code="A180", fix="See that it is up and can be reached from here.")
    silent.untouched = True
    return silent


def checked(answer: Answered, what: str) -> Answered:
    """An answer that can be used. Raises: NoAnswer: none. Fatal: no such text (A284), or we are refused (A285)."""
    if answer.status == 404:
        raise Fatal(f"there is no {what}.", code="A284", fix="Correct the place in the scenario.")
    if not answer.status or answer.status >= 500 or answer.status == 429:
        raise NoAnswer(answer.error or f"status {answer.status}", sent=answer.sent)
    if answer.status >= 300:
        raise Fatal(f"we may not use {what} (status {answer.status}).", code="A285", fix="Correct the credentials, or their rights.")
    return answer
