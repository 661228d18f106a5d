"""One channel for texts over several providers, and one source for answers from several places."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from drill.model.errors import Retryable
from drill.model.ports import InboundMessage, Messenger, OutboundMessage, ReplySource, SendResult
from drill.model.ports_people import Arrival, Setback, Tracer, Way, Wayfinder
from drill.model.routing import providers_for

_LOG: Final = logging.getLogger(__name__)


class RoutedMessenger:
    """Gives each text to the provider that delivers to its number (port Messenger). `providers` by name, best first."""

    channel = "sms"

    def __init__(self, providers: Mapping[str, Messenger]) -> None:
        self._providers = providers

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once, through one provider: another would be a second text."""
        found = self._messenger(message)
        if found is None:
            fix = "Add messages.sms.abroad for numbers outside mainland China, and messages.sms.provider: aliyun for those inside."
            return SendResult("rejected", "none", code="no-route", detail=fix)
        return found.send(message)

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """What the number's provider says of it."""
        found = self._messenger(message)
        return found.look_up(message) if found else "unknown"

    def trace(self, message: OutboundMessage) -> Arrival:
        """As the number's provider says, with its code when it tells one."""
        found = self._messenger(message)
        return found.trace(message) if isinstance(found, Tracer) else Arrival(self.look_up(message))

    def setback(self, message: OutboundMessage, code: str) -> Setback:
        """As the number's provider means it; one that does not say means nothing by it."""
        found = self._messenger(message)
        return found.setback(message, code) if isinstance(found, Tracer) else Setback()

    def way(self, message: OutboundMessage) -> Way:
        """As the number's provider says."""
        names = providers_for(message.address, self._providers)
        found = self._providers[names[0]] if names else None
        return found.way(message) if isinstance(found, Wayfinder) else Way(names[0] if names else "none")

    def _messenger(self, message: OutboundMessage) -> Messenger | None:
        names = providers_for(message.address, self._providers)
        return self._providers[names[0]] if names else None


class MergedReplySource:
    """Answers from several sources as from one (port ReplySource): a source that fails does not silence the others."""

    def __init__(self, sources: Sequence[ReplySource]) -> None:
        self._sources = tuple(sources)
        self._next = 0

    def receive(self, wait_s: float) -> list[InboundMessage]:
        """Answers of the first source that has any; the wait is shared among them. Raises: Retryable: no source answers."""
        failures: list[Retryable] = []
        start, count = self._next, len(self._sources)
        for index in ((start + step) % count for step in range(count)):
            try:
                found = self._sources[index].receive(wait_s / count)
            except Retryable as error:
                _LOG.warning("sms.source_silent", extra={"code": error.code})
                failures.append(error)
                continue
            if found:
                self._next = (index + 1) % count  # a busy source must not starve the others
                return [replace(message, handle=f"{index}:{message.handle}") for message in found]
        if len(failures) == count:
            raise failures[0]
        return []

    def done(self, message: InboundMessage) -> None:
        """Tell the source the answer came from."""
        index, _, handle = message.handle.partition(":")
        self._sources[int(index)].done(replace(message, handle=handle))
