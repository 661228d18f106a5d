"""The step `config.switch`: tells applications a new endpoint where they take their settings from, and takes it back exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal
from drill.model.ports import Attempt, ConfigPlace, World
from drill.steps.base import Params, Step


class FilePlace(Params):
    """A text file of this machine."""

    path: Annotated[str, Field(min_length=1)]


class NacosPlace(Params):
    """A text in Nacos."""

    url: Annotated[str, Field(description="With its context path: http://nacos:8848/nacos.")]
    data_id: str
    group: str = "DEFAULT_GROUP"
    namespace: str = "public"
    api: Literal["v3", "v2"] = "v3"
    type: Annotated[str, Field(description="The text's format, where the interface v2 does not tell it: properties, yaml, json.")] = ""
    username: Annotated[str, Field(description="As secret:NAME; without it nobody logs in.")] = ""
    password: str = ""


class ApolloPlace(Params):
    """A value in Apollo."""

    url: Annotated[str, Field(description="The portal's address.")]
    token: Annotated[str, Field(description="Of the open platform, as secret:NAME.")]
    env: str
    app: str
    key: str
    cluster: str = "default"
    namespace: str = "application"
    operator: Annotated[str, Field(description="The Apollo user in whose name it is edited and released.")] = "apollo"


class ConfigSwitchParams(Params):
    """Which text, and what in it becomes what."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: str = Field(alias="from", min_length=1, description="What is replaced, wherever it stands; refused when it is not there.")
    to: Annotated[str, Field(min_length=1)]
    file: FilePlace | None = None
    nacos: NacosPlace | None = None
    apollo: ApolloPlace | None = None
    made_by: str | None = Field(
        default=None,
        description="The step of this drill that makes the text, which need not be there before.",
        json_schema_extra={"refers": "step"},
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.file, self.nacos, self.apollo)) != 1:
            raise ValueError("name exactly one of file, nacos and apollo")
        if self.from_ in self.to or self.to in self.from_:
            raise ValueError("'from' and 'to' may not be part of each other: nobody could tell which of them is there")
        return self

    @property
    def place(self) -> ConfigPlace:
        """Where the text is."""
        if self.file is not None:
            return ConfigPlace("file", self.file.model_dump())
        if self.nacos is not None:
            return ConfigPlace("nacos", self.nacos.model_dump())
        return ConfigPlace("apollo", self.apollo.model_dump() if self.apollo else {})

    @property
    def target(self) -> str:
        """The text as limits.allow names it."""
        if self.nacos is not None:
            return f"config/nacos/{self.nacos.namespace}/{self.nacos.group}/{self.nacos.data_id}"
        if self.apollo is not None:
            row = self.apollo
            return f"config/apollo/{row.env}/{row.app}/{row.cluster}/{row.namespace}/{row.key}"
        return f"config/file/{self.file.path.lstrip('/') if self.file else ''}"


class ConfigSwitch(Step[ConfigSwitchParams]):
    """Compare-and-swap with read-back. The way back is places and digests: no text of a configuration enters the record."""

    kind: ClassVar[str] = "config.switch"
    params: ClassVar[type[Params]] = ConfigSwitchParams
    title: ClassVar[tuple[str, str]] = ("Switch a configuration", "切换配置")
    default_timeout_s: ClassVar[float] = 120.0

    def ready(self, params: ConfigSwitchParams, world: World) -> list[str]:
        present = _seen(params, world)
        return [] if present is None or params.from_ in present or params.to in present else [_strange(params)]

    def preview(self, params: ConfigSwitchParams, world: World) -> list[Effect]:
        present = _seen(params, world)
        if present is not None and _done(params, present):
            return []
        detail = f"'{params.from_}' becomes '{params.to}'"
        return [Effect(verb=Verb.UPDATE, target=params.target, detail=detail, undo="automatic")]

    def run(self, params: ConfigSwitchParams, world: World, attempt: Attempt) -> Outputs:
        present = _known(world.own.configs.read(params.place), params)
        registered = attempt.registered_undo()
        if registered is not None and _digest(present) == registered["after"]:
            world.own.configs.swap(params.place, present, present)  # to the end, when only half of it was done
            return _outputs(registered)
        if registered is None and _done(params, present):
            return {"changed": 0, "target": params.target}
        if params.from_ not in present or (registered is not None and _digest(present) != registered["before"]):
            raise Fatal(_strange(params) + ".", code="A283", fix="See who changed it; correct `from`, or put it back first.")
        after = present.replace(params.from_, params.to)
        undo = {"before": _digest(present), "after": _digest(after), "places": _places(present, params)}
        attempt.register_undo(undo)
        world.own.configs.swap(params.place, present, after)
        attempt.progress("switched", target=params.target, places=len(undo["places"]))
        return _outputs(undo, params.target)

    def undo(self, params: ConfigSwitchParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        present = _known(world.own.configs.read(params.place), params)
        if _digest(present) == undo["before"]:
            world.own.configs.swap(params.place, present, present)  # also an edit that was never released goes
            return
        before = _put_back(present, params, undo["places"])
        if _digest(present) != undo["after"] or _digest(before) != undo["before"]:
            what = f"{params.target} is neither what the drill wrote nor what it found."
            raise Fatal(what, code="A286", fix="Somebody else has changed it: decide by hand what is right.")
        world.own.configs.swap(params.place, present, before)
        attempt.progress("put back", target=params.target)


def _done(params: ConfigSwitchParams, present: str) -> bool:
    return params.from_ not in present and params.to in present


def _seen(params: ConfigSwitchParams, world: World) -> str | None:
    """The text, as far as it is there before its step. Raises: StepError: as `Configs.read`."""
    try:
        return world.own.configs.read(params.place)
    except Fatal as error:
        if params.made_by is None or error.code != "A284":
            raise
        return None


def _known(present: str | None, params: ConfigSwitchParams) -> str:
    if present is None:
        raise Fatal(f"{params.target} cannot be read here.", code="A284", fix="Run the drill where it can be read.")
    return present


def _strange(params: ConfigSwitchParams) -> str:
    return f"{params.target} is not what the plan expects: it does not hold '{params.from_}'"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _places(text: str, params: ConfigSwitchParams) -> list[int]:
    """Where `to` will stand in the new text, for each `from` in the old one."""
    parts = text.split(params.from_)
    places, at = [], 0
    for part in parts[:-1]:
        at += len(part)
        places.append(at)
        at += len(params.to)
    return places


def _put_back(text: str, params: ConfigSwitchParams, places: list[int]) -> str:
    """The text as it was: only what the drill wrote becomes `from` again, not what was there before."""
    for at in reversed(places):
        text = text[:at] + params.from_ + text[at + len(params.to) :]
    return text


def _outputs(undo: Mapping[str, Any], target: str = "") -> Outputs:
    return {"changed": len(undo["places"]), **({"target": target} if target else {})}
