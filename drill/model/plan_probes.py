"""What a plan watches: probes, the other hosts that ask them too, guards, and the canary."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Probe(_Frozen):
    """A read-only question asked again and again. `http` and `tcp` may hold expressions over `sites`.

    `connection: kept` asks as a client that never resolves again: it keeps its first address, and its connection while that lasts.
    """

    id: str
    http: str | None = None
    method: str = "GET"
    tcp: str | None = None
    every_s: float = 0.1
    timeout_s: float = 2.0
    user_view: bool = False
    expect: str | None = None
    connection: Literal["new", "kept"] = "new"

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plans of older releases keep their digest."""
        row: dict[str, Any] = write(self)
        return row if self.connection != "new" else {name: value for name, value in row.items() if name != "connection"}


class VantagePoint(_Frozen):
    """Another host that asks some of the probes. `key` is a secret reference; without one its samples come by file only.

    `user_view`: the recovery of its user-view probes counts, and the worst one is the drill's.
    """

    id: str
    probes: tuple[str, ...]
    user_view: bool = True
    key: str = ""


class Guard(_Frozen):
    """A condition that ends the drill when it breaks, watched until the verdict. Its texts may hold expressions over `sites`.

    `asks` a probe (breaks after `misses` in a row), Prometheus (`query` returns something while it holds) or Alertmanager (`alert` must not
    fire). The last two are asked every `every_s`, and break when they do not hold, or give no answer, for `for_s`.
    """

    id: str
    asks: Literal["probe", "prometheus", "alertmanager"]
    probe: str = ""
    misses: int = 3
    url: str = ""
    query: str = ""
    alert: str = ""
    for_s: float = 5.0
    every_s: float = 2.0


class Canary(_Frozen):
    """Numbered, acknowledged writes. Either of `postgres` and `mysql` is a secret reference to a connection string."""

    postgres: str = ""
    mysql: str = ""
    every_s: float = 0.1

    @property
    def secret(self) -> str:
        """The reference."""
        return self.postgres or self.mysql

    @model_serializer(mode="wrap")
    def _without_the_other_engine(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plans of older releases keep their digest."""
        row: dict[str, Any] = write(self)
        return {name: value for name, value in row.items() if value != ""}
