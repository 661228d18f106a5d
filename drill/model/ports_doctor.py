"""What the doctor looks at in a cloud's account, as a port: every cloud answers the same questions, and only reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Right(Protocol):
    """Some calls on some resources, as a policy would allow them."""

    @property
    def actions(self) -> tuple[str, ...]: ...

    @property
    def resources(self) -> tuple[str, ...]: ...

    @property
    def when(self) -> Mapping[str, Mapping[str, Any]]: ...


class Quota(NamedTuple):
    """How many virtual processors may run in a region, how many do, and how many one machine of a type takes."""

    limit: int
    used: int
    each: int


class Cloud(Protocol):
    """One cloud's account, read only. Everything raises DrillError where the cloud refuses or does not answer."""

    @property
    def provider(self) -> str:
        """`aws` or `aliyun`."""

    def identity(self) -> str:
        """As whom calls are made."""

    def denied(self, rights: Sequence[Right]) -> Sequence[str] | None:
        """The actions that the identity lacks; nothing when this cloud cannot say it without acting."""

    def regions(self) -> Collection[str]:
        """The regions that the account may use."""

    def zones(self, region: str, kind: str) -> Sequence[str]:
        """The zones of a region where a type of machine is to be had now."""

    def quota(self, region: str, kind: str) -> Quota:
        """What may still be started of a type."""

    def has_image(self, region: str, image: str) -> bool:
        """Whether the account sees an image in a region."""

    def ahead_s(self) -> float:
        """By how much this machine's clock is ahead of the cloud's, to a second or so."""
