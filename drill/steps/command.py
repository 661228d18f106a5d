"""The step `command`: runs a program that a team already has, looked at before and after, ended when the drill ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.effects import Effect, Outputs, Resume
from drill.model.errors import Fatal
from drill.model.own_forms import Argv, Changes, effects_of
from drill.model.own_runs import LOOK_S, Doubt, ended_well
from drill.model.ports import Attempt, Command, World
from drill.steps.base import Params, Step

_NOT_DONE = 1


class CommandParams(Params):
    """Which program, what it changes, how that is seen and taken back."""

    run: Argv
    changes: Changes
    check: Annotated[Argv | None, Field(description="A program that only looks: 0 it is done, 1 it is not, else nobody knows.")] = None
    undo: Annotated[Argv | None, Field(description="A program that takes it back, also when it ran half or not at all.")] = None
    shell: Annotated[bool, Field(description="`run`, `check` and `undo` are texts for /bin/sh.")] = False
    env: Annotated[
        dict[str, str], Field(default_factory=dict, description="Variables it gets; a value may be secret:NAME, or hold {secret:NAME}.")
    ]
    inherit: Annotated[tuple[str, ...], Field(description="Variables it gets from here, besides PATH, HOME, LANG and TZ.")] = ()
    cwd: str = ""
    stdin: Annotated[str, Field(description="What it reads; may be secret:NAME.")] = ""
    json_output: Annotated[bool, Field(description="It prints JSON, which becomes the output `result`.")] = False
    converges: Annotated[bool, Field(description="Running it again is harmless, so it is run again after a crash without asking.")] = False

    @model_validator(mode="after")
    def _a_text_is_for_the_shell(self) -> Self:
        for name in ("run", "check", "undo"):
            written = getattr(self, name)
            if written is not None and isinstance(written, str) is not self.shell:
                wanted = "one text, as `shell: true` says" if self.shell else "a list: [program, argument]; a text needs `shell: true`"
                raise ValueError(f"'{name}' must be {wanted}")
        return self

    def command(self, argv: tuple[str, ...] | str) -> Command:
        """One of its programs with the surroundings they share."""
        words = (argv,) if isinstance(argv, str) else argv
        return Command(words, self.shell, self.env, self.inherit, self.cwd, self.stdin)


class RunCommand(Step[CommandParams]):
    """Outputs `exit_code`, `took_s`, and `result` where it prints JSON. After a crash it is looked at, else a person is asked."""

    kind: ClassVar[str] = "command"
    params: ClassVar[type[Params]] = CommandParams
    title: ClassVar[tuple[str, str]] = ("Run a program", "执行命令")
    resume: ClassVar[Resume] = Resume.ASK

    def resume_with(self, params: Mapping[str, Any]) -> Resume:
        return Resume.RERUN if params.get("converges") is True else Resume.ASK

    def ready(self, params: CommandParams, world: World) -> list[str]:
        written = [argv for argv in (params.run, params.check, params.undo) if argv is not None]
        found = [row for argv in written for row in world.own.commands.trouble(params.command(argv))]
        return list(dict.fromkeys(found))

    def preview(self, params: CommandParams, world: World) -> list[Effect]:
        return [] if done(params, world) else effects_of(params.changes, undo=params.undo is not None)

    def found(self, params: CommandParams, world: World) -> Outputs | None:
        return {"read_back": True} if done(params, world) else None

    def way_back(self, params: CommandParams) -> dict[str, Any]:
        """What is registered before it runs."""
        return {"undo": "command"}

    def run(self, params: CommandParams, world: World, attempt: Attempt) -> Outputs:
        if attempt.number > 1 and done(params, world):
            return {"read_back": True}
        if params.undo is not None:
            attempt.register_undo(self.way_back(params))
        doubt = Doubt(params.converges, lambda: done(params, world))
        ended = ended_well(params.command(params.run), world, attempt, doubt=doubt)
        if ended is None:
            return {"read_back": True}
        outputs: dict[str, Any] = {"exit_code": ended.exit_code, "took_s": ended.took_s}
        return {**outputs, "result": _json_of(ended.stdout, params)} if params.json_output else outputs

    def undo(self, params: CommandParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        if params.undo is None:
            raise Fatal(f"{attempt.step} says no more how it is taken back.", code="A293", fix="Take it back by hand.")
        ended_well(params.command(params.undo), world, attempt, doubt=Doubt(converges=True, done=lambda: None))
        if done(params, world):
            raise Fatal(f"the undo of {attempt.step} ran, but its check still says done.", code="A294", fix="Take it back by hand.")


def done(params: CommandParams, world: World) -> bool | None:
    """What its check says; nothing when there is none, or it cannot tell."""
    if params.check is None:
        return None
    ended = world.own.commands.look(params.command(params.check), timeout_s=LOOK_S)
    if ended is None or ended.state != "ended":
        return None
    return {0: True, _NOT_DONE: False}.get(ended.exit_code if ended.exit_code is not None else -1)


def _json_of(text: str, params: CommandParams) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fatal(
            f"{params.run[0] if not params.shell else 'it'} printed no JSON.", code="A295", fix="Print one JSON value, or drop json_output."
        ) from error
