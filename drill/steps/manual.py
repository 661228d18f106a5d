"""The step `manual`: a person does something by hand and says that it is done, by the same answer as at a gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs
from drill.model.errors import Fatal
from drill.model.own_forms import Changes, effects_of
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class ManualParams(Params):
    """What a person does, who is asked, and what it changes. Who and how long come from defaults.acknowledge when they are not written."""

    do: Annotated[str, Field(min_length=1, description="What is to be done; the message shows its first 35 characters, or the title.")]
    changes: Changes
    ask: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    then: tuple[str, ...] | None = None
    within: Annotated[Duration, Field(gt=0)] | None = None
    quorum: Annotated[int, Field(ge=1)] | None = None
    silence: Annotated[Literal["hold", "abort"], Field(description="Silence never means that it was done.")] = "hold"
    undo: Annotated[str, Field(description="What a person must do to take it back; the drill says so when it is undone.")] = ""


class Manual(Step[ManualParams]):
    """Runs when it has been said to be done. The answer is in the journal, so nobody is asked again after a crash."""

    kind: ClassVar[str] = "manual"
    params: ClassVar[type[Params]] = ManualParams
    title: ClassVar[tuple[str, str]] = ("Do it by hand", "人工操作")
    by_hand: ClassVar[bool] = True
    default_timeout_s: ClassVar[float] = 60.0

    def preview(self, params: ManualParams, world: World) -> list[Effect]:
        way = "by hand" if params.undo else "none"
        return [row if row.verb == "read" else row.model_copy(update={"undo": way}) for row in effects_of(params.changes, undo=False)]

    def undo_ahead(self, params: ManualParams) -> Mapping[str, Any] | None:
        return {"undo": "by hand"} if params.undo else None

    def run(self, params: ManualParams, world: World, attempt: Attempt) -> Outputs:
        attempt.progress("done by hand", do=params.do)
        return {"done": True}

    def undo(self, params: ManualParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        raise Fatal(f"{attempt.step} was put to a person, who may have done it.", code="A296", fix=f"By hand: {params.undo}.")
