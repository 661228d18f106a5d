"""The step `verify.http`: a business function answers as it must, seen from here."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs
from drill.model.own_forms import CallForm
from drill.model.own_runs import expected, until_true
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class VerifyHttpParams(CallForm, Params):
    """Which call, and for how long it may be wrong."""

    until: Annotated[Duration, Field(ge=0, description="How long it is asked again while it is wrong; 0s asks once.")] = 30.0
    every: Annotated[Duration, Field(gt=0)] = 1.0
    ok_in_a_row: Annotated[int, Field(ge=1)] = 1


class VerifyHttp(Step[VerifyHttpParams]):
    """Outputs `looks` and `took_s`. Calls must only look: they are repeated."""

    kind: ClassVar[str] = "verify.http"
    params: ClassVar[type[Params]] = VerifyHttpParams
    title: ClassVar[tuple[str, str]] = ("Check a business function", "验证业务功能")
    default_timeout_s: ClassVar[float] = 120.0

    def ready(self, params: VerifyHttpParams, world: World) -> list[str]:
        return world.own.http.trouble(params.call())

    def preview(self, params: VerifyHttpParams, world: World) -> list[Effect]:
        return []

    def run(self, params: VerifyHttpParams, world: World, attempt: Attempt) -> Outputs:
        good = 0

        def look() -> str:
            nonlocal good
            wrong = expected(world.own.http.look(params.call(), timeout_s=params.within), params.expect)
            good = 0 if wrong else good + 1
            return wrong or ("" if good >= params.ok_in_a_row else f"well {good} of {params.ok_in_a_row} times in a row")

        what = params.url.partition("?")[0]
        looks, took_s = until_true(look, what, world, attempt, within_s=params.until, every_s=params.every)
        return {"looks": looks, "took_s": took_s}
