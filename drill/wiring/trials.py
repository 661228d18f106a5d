"""Sends one real message over every way to reach the people of a plan, and sees whether it arrives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drill.engine.people import People
from drill.model.plan import Contact, Plan
from drill.model.ports import Messenger, OutboundMessage, Secrets
from drill.model.replies import mask_number
from drill.model.wording import STATES, fit
from drill.wiring.posts import Post

_WORDS: Final = {"en": "message test", "zh": "消息测试"}
_LOOK_EVERY_S: Final = 0.5
_FATES: Final = {"delivered": "delivered", "failed": "not delivered"}


@dataclass(frozen=True)
class Trial:
    """One way to reach one person. `ok`: a provider took the message, and nothing says that it did not arrive."""

    contact: str
    channel: str
    address: str
    """As much of it as a person needs to recognise it."""
    ok: bool
    state: str
    detail: str
    took_s: float


def try_everyone(
    plan: Plan, post: Post, secrets: Secrets, *, name: str, only: Sequence[str], wait_s: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Trial]:
    """Send to each contact, or to `only` these, over each of their channels; `name` tells this trial's messages from others.

    `wait_s` is how long to look for a receipt. Raises: PreflightFailed: a number or address is not set (F010).
    """
    people = People(plan, drill=name, secrets=secrets, key=bytes(16))
    for contact in plan.contacts:
        if only and contact.id not in only:
            continue
        for channel in contact.channels:
            messenger = post.messengers.get(channel)
            for number, address in enumerate(people.addresses(contact, channel) if messenger else ()):
                if messenger is not None:
                    message = _message(plan, contact, f"{name}:status/test:{contact.id}:{channel}:{number}", address)
                    yield _tried(messenger, message, wait_s=wait_s, sleep=sleep)


def _message(plan: Plan, contact: Contact, message_id: str, address: str) -> OutboundMessage:
    language = contact.language
    words = {"drill": getattr(plan.title, language), "phase": _WORDS[language], "state": STATES["done"][language], "took": "0s"}
    return OutboundMessage(message_id, contact.id, address, language, "status", {key: fit(value) for key, value in words.items()})


def _tried(messenger: Messenger, message: OutboundMessage, *, wait_s: float, sleep: Callable[[float], None]) -> Trial:
    began_s = time.monotonic()
    result = messenger.send(message)
    fate, waited_s = "unknown", 0.0
    while result.traceable and result.state != "rejected" and waited_s <= wait_s:
        fate = messenger.look_up(message)
        if fate in {"delivered", "failed"}:
            break
        sleep(_LOOK_EVERY_S)
        waited_s += _LOOK_EVERY_S
    state = _FATES.get(fate) or result.state.replace("_", " ")
    ok = fate == "delivered" or (result.state == "accepted" and fate != "failed")
    said = "; ".join(filter(None, [result.code if result.code != "OK" else "", result.detail]))
    return Trial(message.contact, messenger.channel, _shown(message.address), ok, state, said, round(time.monotonic() - began_s, 1))


def _shown(address: str) -> str:
    if "@" in address:
        name, _, domain = address.partition("@")
        return f"{name[:1]}***@{domain}"
    return mask_number(address) if address else "the group"
