"""The step `http.call`: one call to a team's own interface, sent again only where that is known to be harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from drill.model.effects import Effect, Outputs, Resume
from drill.model.errors import Fatal
from drill.model.own_forms import IDEMPOTENT, CallForm, Changes, effects_of, value_at
from drill.model.own_runs import Doubt, answered_well, looks_done
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class HttpCallParams(CallForm, Params):
    """Which call, what it changes, how that is seen and taken back."""

    changes: Changes
    check: Annotated[CallForm | None, Field(description="A call that only looks: as expected when the work is done.")] = None
    undo: Annotated[CallForm | None, Field(description="A call that takes it back, also when nothing was done.")] = None
    idempotency_key: Annotated[
        str, Field(description="The header by which the server knows a repeated call, such as Idempotency-Key; same in every try.")
    ] = ""
    converges: Annotated[bool, Field(description="Sending it again is harmless; so are GET, HEAD, PUT and DELETE.")] = False
    outputs: Annotated[dict[str, str], Field(default_factory=dict, description="Outputs by their place in the JSON answer: {id: data.id}.")]


class HttpCall(Step[HttpCallParams]):
    """Outputs `status`, `took_s` and those that are named. After a crash it is looked at, else a person is asked."""

    kind: ClassVar[str] = "http.call"
    params: ClassVar[type[Params]] = HttpCallParams
    title: ClassVar[tuple[str, str]] = ("Call an interface", "调用接口")
    resume: ClassVar[Resume] = Resume.ASK
    default_timeout_s: ClassVar[float] = 60.0

    def resume_with(self, params: Mapping[str, Any]) -> Resume:
        harmless = params.get("method", "GET") in IDEMPOTENT or params.get("idempotency_key") or params.get("converges") is True
        return Resume.RERUN if harmless else Resume.ASK

    def ready(self, params: HttpCallParams, world: World) -> list[str]:
        forms = [form for form in (params, params.check, params.undo) if form is not None]
        return list(dict.fromkeys(row for form in forms for row in world.own.http.trouble(form.call())))

    def preview(self, params: HttpCallParams, world: World) -> list[Effect]:
        return [] if _done(params, world) else effects_of(params.changes, undo=params.undo is not None)

    def found(self, params: HttpCallParams, world: World) -> Outputs | None:
        return {"read_back": True} if _done(params, world) else None

    def run(self, params: HttpCallParams, world: World, attempt: Attempt) -> Outputs:
        if attempt.number > 1 and _done(params, world):
            return {"read_back": True}
        if params.undo is not None:
            attempt.register_undo({"undo": "call"})
        doubt = Doubt(params.converges, lambda: _done(params, world))
        answer = answered_well(params, world, attempt, doubt=doubt, key=params.idempotency_key)
        if answer is None:
            return {"read_back": True}
        return {"status": answer.status, "took_s": answer.took_s, **_named(params.outputs, answer.body)}

    def undo(self, params: HttpCallParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        if params.undo is None:
            raise Fatal(f"{attempt.step} says no more how it is taken back.", code="A293", fix="Take it back by hand.")
        answered_well(params.undo, world, attempt, doubt=Doubt(converges=True, done=lambda: None))
        if _done(params, world):
            raise Fatal(f"the undo of {attempt.step} was called, but its check still says done.", code="A294", fix="Take it back by hand.")


def _done(params: HttpCallParams, world: World) -> bool | None:
    return None if params.check is None else looks_done(params.check, world)


def _named(outputs: Mapping[str, str], body: str) -> dict[str, Any]:
    """Raises: Fatal: an output is not in the answer (A295); the call itself has worked."""
    if not outputs:
        return {}
    try:
        held = json.loads(body)
    except ValueError:
        held = None
    found = {name: value_at(held, place) for name, place in outputs.items()}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        raise Fatal(f"the answer has no {', '.join(missing)}.", code="A295", fix="Correct `outputs`; the call itself has worked.")
    return found
