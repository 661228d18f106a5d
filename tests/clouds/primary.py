"""A site that a drill loses: region a of the sandbox is what the API of its emulated cloud says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from drill.sandbox.world import Sandbox

OPT_IN: Final = {"drill": "allowed"}


class Primary(ABC):
    """Machines in a network. `starts_at_boot` is whether the database comes back with its machine, as the scenario's site says of it."""

    provider: ClassVar[str]
    region: ClassVar[str]
    cuts_by: ClassVar[frozenset[str]]
    """Calls by which it is cut off and given back."""
    began: Any
    """Its state when nothing had happened."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.starts_at_boot = False
        self._sandbox = sandbox
        self._cut = self._stopped = False

    @property
    def site(self) -> dict[str, Any]:
        """What a scenario says of it."""
        return {"provider": self.provider, "region": self.region, "select": {"tag": OPT_IN}}

    @property
    def environment(self) -> Mapping[str, str]:
        """What a drill must be told beside where AWS is."""
        return {}

    @property
    def asked(self) -> list[str]:
        """What an emulator of its own was asked, in order."""
        return []

    @property
    @abstractmethod
    def isolated(self) -> bool:
        """Whether some of it is cut off."""

    @abstractmethod
    def state(self) -> Any:
        """Everything that a drill could have changed, and what it made."""

    @abstractmethod
    def follow(self) -> None:
        """Make region a what the API says."""

    @abstractmethod
    def end(self) -> None:
        """Stop what is its own."""

    def become(self, *, cut: bool, stopped: bool) -> None:
        """Cut off, the region stands still; with its machine stopped, the database is fenced, and comes back if it starts at boot."""
        if cut != self._cut:
            self._cut = cut
            self._sandbox.ask("freeze" if cut else "thaw", region="a")
        if stopped and not self._stopped:
            self._sandbox.ask("fence", region="a")
        elif self._stopped and not stopped and self.starts_at_boot:
            self._sandbox.ask("release", region="a")
        self._stopped = stopped
