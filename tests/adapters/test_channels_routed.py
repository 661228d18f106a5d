"""One channel over several providers: each text through one of them, and answers from wherever they arrive."""

from __future__ import annotations

import pytest

from drill.adapters.channels_routed import MergedReplySource, RoutedMessenger
from drill.model.errors import Retryable
from drill.model.ports import InboundMessage, OutboundMessage
from tests.fakes import FakeMessenger, FakeReplySource

HOME, ABROAD = "13900000001", "+14155550101"


class Mute:
    """A source that never answers."""

    def receive(self, wait_s: float) -> list[InboundMessage]:
        raise Retryable("silent", code="A150")

    def done(self, message: InboundMessage) -> None:
        raise AssertionError(message.id)


def text(address: str) -> OutboundMessage:
    return OutboundMessage(f"m-{address}", "lead", address)


def test_each_number_has_its_provider() -> None:
    aliyun, aws = FakeMessenger(), FakeMessenger()
    routed = RoutedMessenger({"aws": aws, "aliyun": aliyun})

    results = [routed.send(text(HOME)), routed.send(text(ABROAD))]

    assert [result.state for result in results] == ["accepted", "accepted"]
    assert ([row.address for row in aliyun.sent], [row.address for row in aws.sent]) == ([HOME], [ABROAD])
    assert routed.look_up(text(ABROAD)) == "delivered"


def test_a_number_without_a_provider_is_refused_and_aws_does_not_take_it() -> None:
    aws = FakeMessenger()

    result = RoutedMessenger({"aws": aws}).send(text(HOME))

    assert (result.state, result.code) == ("rejected", "no-route")
    assert aws.sent == []


def test_answers_come_from_every_source_and_are_done_where_they_came_from() -> None:
    first, second = FakeReplySource(), FakeReplySource()
    merged = MergedReplySource([first, second])
    first.put(HOME, "1 4821")
    second.put(ABROAD, "2 1234")

    found = [*merged.receive(0.1), *merged.receive(0.1)]
    for message in found:
        merged.done(message)

    assert sorted(message.text for message in found) == ["1 4821", "2 1234"]
    assert merged.receive(0.1) == []


def test_a_busy_source_does_not_starve_the_others() -> None:
    busy, quiet = FakeReplySource(), FakeReplySource()
    merged = MergedReplySource([busy, quiet])
    for _ in range(20):
        busy.put(HOME, "again")
    quiet.put(ABROAD, "1 4821")

    texts = [message.text for _ in range(2) for message in merged.receive(0.1)]

    assert "1 4821" in texts


def test_a_mute_source_does_not_silence_the_others_but_all_of_them_do() -> None:
    speaking = FakeReplySource()
    speaking.put(HOME, "1 4821")

    assert [row.text for row in MergedReplySource([Mute(), speaking]).receive(0.1)] == ["1 4821"]
    with pytest.raises(Retryable):
        MergedReplySource([Mute(), Mute()]).receive(0.1)
