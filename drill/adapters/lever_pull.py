"""Pulls a lever once: compare, write, and read back what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import Steering

Held = Mapping[str, Any]
"""The provider's own settings that a lever changes, each with its value."""


def pull(read: Callable[[], Steering], write: Callable[[Held], None], *, expected: Held, wanted: Held) -> Steering:
    """Turn the settings from `expected` to `wanted`, or change nothing; returns what holds then. Already `wanted` is success.

    Settings that are partly turned are ours, after a crash, and are turned on. `write` gets what holds before it.

    Raises: Fatal: somebody else changed them (A220), or the provider took the change and ignored it (A222). Retryable: nothing was
    changed (A120). InDoubt: no answer, and reading back failed (A320).
    """
    present = read()
    if present.raw == wanted:
        return present
    if any(value not in (expected.get(name), wanted.get(name)) for name, value in present.raw.items()):
        raise _conflict(present, expected)
    silence: InDoubt | None = None
    try:
        write(present.raw)
    except InDoubt as doubt:
        silence = doubt
    try:
        after = read()
    except StepError as unread:
        raise InDoubt(
            f"it is unknown where the traffic of {present.name} goes: {unread.what}", code="A320", fix="Read it at the provider first."
        ) from unread
    if after.raw == wanted:
        return after
    if any(value not in (expected.get(name), wanted.get(name)) for name, value in after.raw.items()):
        raise _conflict(after, wanted)
    if silence is not None:
        raise Retryable(f"{present.name} was not switched: {silence.what}", code="A120", fix="Trying again goes on.") from silence
    raise Fatal(
        f"the provider took the change of {present.name} and still says {after.detail}.",
        code="A222",
        fix="Look at it there.",
    )


def _conflict(present: Steering, expected: Held) -> Fatal:
    held = ", ".join(f"{name} is {value}" for name, value in present.raw.items())
    meant = ", ".join(f"{name} {value}" for name, value in expected.items())
    return Fatal(
        f"somebody else switches {present.name}: {held}; expected {meant}.",
        code="A220",
        fix="See who does (another drill, a controller, a person) and start again from what it is now.",
    )
