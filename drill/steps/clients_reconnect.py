"""The step `clients.reconnect`: tells every client the new endpoint, and proves that they use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs, Resume
from drill.model.errors import Fatal, StepError
from drill.model.own_forms import CallForm, Changes, effects_of
from drill.model.own_runs import LOOK_S, Doubt, answered_well, ended_well, looks_done, until_true
from drill.model.ports import Attempt, Command, World
from drill.steps.base import Params, Step

_AT_ONCE = 8


class Way(Params):
    """One way to reach a client: a program or a call. `$target` in it stands for the client."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    http: CallForm | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.http is None):
            raise ValueError("write exactly one of command and http")
        return self

    def program(self, target: str) -> Command | None:
        """The program for one client."""
        return Command(tuple(word.replace("$target", target) for word in self.command)) if self.command else None


class ClientsReconnectParams(Params):
    """Which clients, how they are told, and what proves that they have reconnected."""

    targets: Annotated[tuple[str, ...], Field(min_length=1, description="The clients, by whatever `$target` shall be.")]
    tell: Way
    changes: Changes
    check: Annotated[Way | None, Field(description="Looks whether a client has reconnected: 0, or an answer as expected.")] = None
    probe: Annotated[str | None, Field(description="A probe that must be well in a row afterwards.")] = None
    ok_in_a_row: Annotated[int, Field(ge=1)] = 5
    site: Annotated[str | None, Field(description="The site that must answer the probe.")] = None
    undo: Annotated[Way | None, Field(description="How they are told to go back.")] = None
    within: Annotated[Duration, Field(gt=0, description="How long until all have reconnected.")] = 60.0
    every: Annotated[Duration, Field(gt=0)] = 0.5
    converges: Annotated[bool, Field(description="Telling a client twice is harmless.")] = True

    @model_validator(mode="after")
    def _needs_a_proof(self) -> Self:
        if self.check is None and self.probe is None:
            raise ValueError("name a 'check' or a 'probe': that they were told does not prove that they reconnected")
        return self


class ClientsReconnect(Step[ClientsReconnectParams]):
    """Outputs `told`, `looks` and `took_s`. Clients are told side by side; one that cannot be told fails the step by name."""

    kind: ClassVar[str] = "clients.reconnect"
    params: ClassVar[type[Params]] = ClientsReconnectParams
    title: ClassVar[tuple[str, str]] = ("Reconnect the clients", "客户端重连")
    default_timeout_s: ClassVar[float] = 180.0

    def resume_with(self, params: Mapping[str, Any]) -> Resume:
        return Resume.ASK if params.get("converges") is False else Resume.RERUN

    def ready(self, params: ClientsReconnectParams, world: World) -> list[str]:
        ways = [way for way in (params.tell, params.check, params.undo) if way is not None]
        found = [row for way in ways for target in params.targets for row in _trouble(way, target, world)]
        return list(dict.fromkeys(found))

    def preview(self, params: ClientsReconnectParams, world: World) -> list[Effect]:
        return effects_of(params.changes, undo=params.undo is not None)

    def run(self, params: ClientsReconnectParams, world: World, attempt: Attempt) -> Outputs:
        if params.undo is not None:
            attempt.register_undo({"undo": "tell"})
        _tell_all(params.tell, params, world, attempt)
        row = 0

        def look() -> str:
            nonlocal row
            late = _late(params, world)
            if late:
                return f"not reconnected: {', '.join(late)}"
            row, why = _probed(params, world, row)
            return why

        looks, took_s = until_true(look, "the clients", world, attempt, within_s=params.within, every_s=params.every)
        attempt.progress("reconnected", clients=len(params.targets), took_s=took_s)
        return {"told": list(params.targets), "looks": looks, "took_s": took_s}

    def undo(self, params: ClientsReconnectParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        if params.undo is None:
            raise Fatal(f"{attempt.step} says no more how it is taken back.", code="A293", fix="Take it back by hand.")
        _tell_all(params.undo, params, world, attempt)


def _tell_all(way: Way, params: ClientsReconnectParams, world: World, attempt: Attempt) -> None:
    """Tell every client, also when one cannot be told. Raises: StepError: the first that failed, with how many others did."""
    doubt = Doubt(converges=params.converges, done=lambda: None)

    def tell(target: str) -> StepError | None:
        program = way.program(target)
        try:
            if program is not None:
                ended_well(program, world, attempt, doubt=doubt, about=target)
            elif way.http is not None:
                answered_well(way.http, world, attempt, doubt=doubt, target=target)
        except StepError as error:
            error.what = f"{target} could not be told: {error.what}"
            return error
        return None

    failed = [error for error in _side_by_side(tell, params.targets) if error is not None]
    if failed:
        worst = next((error for error in failed if not error.retryable), failed[0])
        worst.what += f" ({len(failed)} of {len(params.targets)} could not.)" if len(failed) > 1 else ""
        raise worst


def _side_by_side(work: Callable[[str], Any], targets: tuple[str, ...]) -> list[Any]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="clients") as beside:
        return list(beside.map(work, targets))


def _late(params: ClientsReconnectParams, world: World) -> list[str]:
    """The clients that are not seen to have reconnected."""
    way = params.check
    if way is None:
        return []

    def back(target: str) -> bool:
        program = way.program(target)
        if program is not None:
            ended = world.own.commands.look(program, timeout_s=LOOK_S)
            return ended is not None and ended.state == "ended" and ended.exit_code == 0
        return way.http is not None and looks_done(way.http, world, target=target) is True

    return [target for target, there in zip(params.targets, _side_by_side(back, params.targets), strict=True) if not there]


def _probed(params: ClientsReconnectParams, world: World, row: int) -> tuple[int, str]:
    """How many good answers of the probe came in a row, and what is still missing."""
    if params.probe is None:
        return row, ""
    sample = world.probes.ask(params.probe)
    good = sample.ok and params.site in {None, sample.site}
    row = row + 1 if good else 0
    if row >= params.ok_in_a_row:
        return row, ""
    why = "" if good else f", last: {sample.error or f'answered by {sample.site}'}"
    return row, f"{params.probe} was well {row} of {params.ok_in_a_row} times in a row{why}"


def _trouble(way: Way, target: str, world: World) -> list[str]:
    program = way.program(target)
    if program is not None:
        return world.own.commands.trouble(program)
    return world.own.http.trouble(way.http.call(target=target)) if way.http else []
