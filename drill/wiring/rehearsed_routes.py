"""A live plan's roles for a dry run: what only reads asks the provider, what would write is refused, what lacks credentials is skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from drill.model.effects import Effect
from drill.model.errors import DrillError
from drill.model.ports import Dns, Fence, Lever, Levers, NameFacts, Outage, RecordSet, Steering
from drill.model.rehearsal import NotRehearsed, write_refused

NO_CREDENTIALS: Final = "F044"
_UNSEEN: Final = frozenset({"F010", "F040", "F041", NO_CREDENTIALS, "F046"})
"""What a machine may lack without the scenario being wrong: a secret, an adapter, a sandbox, credentials, an extra."""
Port = TypeVar("Port")
Found = TypeVar("Found")


def no_credentials(cloud: str) -> NotRehearsed:
    """Why a step cannot be looked at."""
    fix = "Set them where the nightly run finds them; `--strict` makes this an error."
    return NotRehearsed(f"there are no credentials for {cloud} here.", code=NO_CREDENTIALS, fix=fix)


class _Reading(Generic[Port]):
    """Asks `port` only what changes nothing. `lacking` names a cloud there are no credentials for, or is empty."""

    def __init__(self, port: Port, lacking: str = "") -> None:
        self._port = port
        self._lacking = lacking

    def _seen(self, look: Callable[[], Found]) -> Found:
        if self._lacking:
            raise no_credentials(self._lacking)
        try:
            return look()
        except DrillError as error:
            if error.code in _UNSEEN and not isinstance(error, NotRehearsed):
                raise NotRehearsed(error.what, code=error.code, fix=error.fix) from error
            raise


class ReadingOutage(_Reading[Outage]):
    """Port Outage. A site that the plan has cut off by now is described so."""

    def __init__(self, port: Outage, lacking: str, cut: set[str]) -> None:
        super().__init__(port, lacking)
        self._cut = cut

    def preview(self, site: str) -> list[Effect]:
        return self._seen(lambda: self._port.preview(site))

    def isolated(self, site: str) -> bool:
        return site in self._cut or self._seen(lambda: self._port.isolated(site))

    def snapshot(self, site: str) -> Mapping[str, Any]:
        return self._seen(lambda: self._port.snapshot(site))

    def isolate(self, site: str, snapshot: Mapping[str, Any] = {}) -> Mapping[str, Any]:
        raise write_refused(f"cut off {site}")

    def restore(self, site: str, snapshot: Mapping[str, Any]) -> None:
        raise write_refused(f"give {site} back")


class ReadingFence(_Reading[Fence]):
    """Port Fence."""

    def preview(self, site: str) -> list[Effect]:
        return self._seen(lambda: self._port.preview(site))

    def fence(self, site: str) -> Mapping[str, Any]:
        raise write_refused(f"fence {site}")

    def release(self, site: str) -> None:
        raise write_refused(f"release {site}")


class ReadingDns(_Reading[Dns]):
    """Port Dns of one zone. A name that the plan has moved by now is described so."""

    def __init__(self, port: Dns, lacking: str) -> None:
        super().__init__(port, lacking)
        self._moved: dict[str, tuple[tuple[str, ...], int, tuple[int, ...]]] = {}

    def read(self, name: str, rtype: str = "A") -> RecordSet:
        if moved := self._moved.get(name.rstrip(".")):
            return RecordSet(name, rtype, moved[1], moved[0], weights=moved[2])
        return self._seen(lambda: self._port.read(name, rtype))

    def swap(self, before: RecordSet, after: RecordSet) -> None:
        raise write_refused(f"change the DNS name {before.name}")

    def servers(self, name: str) -> Sequence[tuple[str, int]]:
        return self._seen(lambda: self._port.servers(name))

    def in_sync(self, name: str) -> bool:
        return self._seen(lambda: self._port.in_sync(name))

    def facts(self, name: str) -> NameFacts:
        return self._seen(lambda: self._port.facts(name))

    def assume(self, name: str, values: Sequence[str], ttl_s: int, weights: Sequence[int] = ()) -> None:
        """From now on the name is described as holding these values."""
        self._moved[name.rstrip(".")] = (tuple(values), ttl_s, tuple(weights))


class _ReadingLever(_Reading[Lever]):
    @property
    def facts(self) -> NameFacts:
        return self._seen(lambda: self._port.facts)

    def read(self) -> Steering:
        return self._seen(self._port.read)

    def wanted(self, to: str) -> Mapping[str, Any]:
        return self._port.wanted(to)

    def steer(self, before: Steering, to: str) -> Steering:
        raise write_refused(f"steer {before.name}")

    def restore(self, found: Steering, written: Steering) -> None:
        raise write_refused(f"steer {found.name}")


class ReadingLevers:
    """Port Levers. `lacking` tells the cloud that a name's lever has no credentials for."""

    def __init__(self, port: Levers, lacking: Callable[[str], str]) -> None:
        self._port = port
        self._lacking = lacking

    def lever(self, name: str) -> Lever:
        if cloud := self._lacking(name):
            raise no_credentials(cloud)
        return _ReadingLever(self._port.lever(name))
