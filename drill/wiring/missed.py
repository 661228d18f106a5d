"""Tells people of a scheduled drill that was missed, over every way that needs no ground: nothing of the drill was made ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drill.engine.notify import Notifier
from drill.model.errors import DrillError
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.ports import Messenger
from drill.settings import Settings
from drill.wiring.desks import people_of
from drill.wiring.posts import channels_alone
from drill.wiring.records import Records
from drill.wiring.worlds import post_for, secrets_for

_MISSED = {"en": "missed", "zh": "未执行"}
_NONE = {"en": "unmeasured", "zh": "未测得"}
_TAKEN = frozenset({"accepted", "delivered", "unknown"})
_NO_TEXTS = frozenset({"F041", "F042"})
"""Texts cannot leave from here: the sandbox's carrier is not up, or no provider of texts is named."""


def ways_out(settings: Settings, plan: Plan) -> Mapping[str, Messenger]:
    """How messages of a plan leave while its ground is not there; without a carrier of texts, the other channels.

    Raises: PreflightFailed: a secret is not set (F010), or there is no way at all (F041, F042).
    """
    try:
        return post_for(settings, plan).messengers
    except DrillError as error:
        others = channels_alone(plan, secrets_for(settings, plan)) if error.code in _NO_TEXTS else {}
        if not others:
            raise
        return others


def tell_missed(records: Records, drill: str, plan: Plan, *, open_ways: Callable[[Settings, Plan], Mapping[str, Messenger]]) -> None:
    """Send everyone of the plan the message; that nobody could be told is a fact too."""
    recorder = records.recorder(drill)
    try:
        messengers = open_ways(records.settings, plan)
        words = {lang: {"outcome": _MISSED[lang], "rta": _NONE[lang], "rpa": _NONE[lang], "digest": "-"} for lang in _MISSED}
        Notifier(recorder, people_of(records, drill), messengers).announce("result", "missed", words)
    except DrillError as error:
        _untold(records, drill, error.code, f"nobody could be told that it was missed: {error.what}", error.fix)
        return
    sent = records.journal.read(drill, kinds=frozenset({Kind.MESSAGE_SENT}))
    if not any(fact.data["state"] in _TAKEN for fact in sent):
        _untold(records, drill, "D040", "nobody could be told that it was missed: no provider took a message.", "See `drill sms check`.")


def _untold(records: Records, drill: str, code: str, what: str, fix: str) -> None:
    records.recorder(drill).say(Kind.FINDING_RAISED, "finding/missed", code=code, what=what, fix=fix, severity="warning")
