"""A PostgreSQL cluster kept by Patroni, through the REST API of its members: promoted and demoted as a whole by `standby_cluster`."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.managed import InDoubt, Refused

_LEADING = {"leader", "primary", "master"}
_UP = {"running", "streaming", "in archive recovery"}
_SHOWN = 200


@dataclass(frozen=True)
class View:
    """A cluster as one of its members describes it. Positions are bytes; None is unknown."""

    standby: bool
    """Whether its configuration says that it follows another cluster."""
    writes: bool
    """Whether one of its members is a primary."""
    leader: str
    state: str
    position: int | None
    timeline: int | None


class Cluster:
    """One cluster; `urls` are those of its members' APIs, asked in turn. `password_file` holds `user:password` in one line."""

    def __init__(self, name: str, urls: list[str], password_file: str = "", timeout_s: float = 3.0) -> None:
        if not urls:
            raise Refused("DB_SETTINGS", f"patroni_urls of {name} is empty: name the APIs of its members")
        self.name = name
        self._urls = [url.rstrip("/") for url in urls]
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": "application/json"}
        if password_file:
            said = Path(password_file).read_text(encoding="utf-8").strip()
            self._headers["Authorization"] = "Basic " + base64.b64encode(said.encode()).decode()

    def look(self) -> View:
        """What it is now. Raises: Refused: no member answers."""
        config, cluster = self._ask("/config"), self._ask("/cluster")
        members = [member for member in cluster.get("members", []) if isinstance(member, dict)]
        leader = next((each for each in members if each.get("role") in {*_LEADING, "standby_leader"}), {})
        own = self._own(str(leader.get("api_url", "")))
        return View(
            standby=bool(config.get("standby_cluster")),
            writes=any(each.get("role") in _LEADING and each.get("state") in _UP for each in members),
            leader=str(leader.get("name", "")),
            state=str(leader.get("state", "without a leader")),
            position=_position(own.get("xlog") or {}),
            timeline=leader.get("timeline"),
        )

    def configure(self, standby_cluster: Mapping[str, Any] | None) -> None:
        """Make it follow another cluster, or none. Raises: Refused: it said no. InDoubt: it said nothing."""
        body = json.dumps({"standby_cluster": dict(standby_cluster) if standby_cluster else None}).encode()
        last: Exception = Refused("DB_UNREACHABLE", f"no member of {self.name} was asked")
        for url in self._urls:
            try:
                self._send(url + "/config", body)
            except Refused as refused:
                last = refused
                if refused.code != "DB_UNREACHABLE":
                    raise
            else:
                return
        raise last

    def _ask(self, path: str) -> Mapping[str, Any]:
        last: Exception = Refused("DB_UNREACHABLE", f"no member of {self.name} was asked")
        for url in self._urls:
            try:
                return self._send(url + path)
            except (Refused, InDoubt) as error:
                last = error
        raise last

    def _own(self, api_url: str) -> Mapping[str, Any]:
        """What the leader says of itself; nothing when it does not answer."""
        if not api_url:
            return {}
        try:
            return self._send(api_url)
        except (Refused, InDoubt):
            return {}

    def _send(self, url: str, body: bytes | None = None) -> Mapping[str, Any]:
        if not url.startswith(("http://", "https://")):
            raise Refused("DB_SETTINGS", f"{url!r} is no address of a Patroni API")
        request = urllib.request.Request(url, body, self._headers, method="PATCH" if body else "GET")  # noqa: S310 - looked at above
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=self._timeout_s) as answer:
                said = json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if not body and error.code == 503:  # a member that is no leader says what it is with 503
                return _parsed(text)
            code = "DB_NOT_ALLOWED" if error.code in {401, 403} else "DB_UNREACHABLE" if error.code >= 500 else "DB_SETTINGS"
            raise Refused(code, f"{url} answers {error.code}: {text[:_SHOWN]}") from error
        except urllib.error.URLError as error:
            if body and isinstance(error.reason, TimeoutError):
                raise InDoubt(f"{url}: {error.reason}") from error
            raise Refused("DB_UNREACHABLE", f"{url}: {error.reason}") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise (InDoubt(f"{url}: {error}") if body else Refused("DB_UNREACHABLE", f"{url}: {error}")) from error
        return said if isinstance(said, dict) else {}


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _position(xlog: Mapping[str, Any]) -> int | None:
    places = [xlog[key] for key in ("location", "received_location", "replayed_location") if isinstance(xlog.get(key), int)]
    return max(places, default=None)


def bytes_of(lsn: str) -> int | None:
    """An LSN such as 0/3000148 as a number; None when there is none. Raises: ValueError."""
    if not lsn:
        return None
    high, slash, low = lsn.partition("/")
    if not slash:
        raise ValueError(f"{lsn!r} is no LSN, such as 0/3000148")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_of(position: int | None) -> str:
    """A position as an LSN; empty when it is unknown."""
    return "" if position is None else f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class Limits:
    """What a promotion may lose, and how long to wait."""

    last_lsn: str = ""
    max_lag_bytes: int = 1_048_576
    accept_data_loss: bool = False
    timeout_s: float = 60.0
    poll_s: float = 0.5


def promote(here: Cluster, there: Cluster | None, limits: Limits, *, check: bool) -> dict[str, Any]:
    """Make a standby cluster one that is written to. Raises: Refused. InDoubt."""
    before = here.look()
    already = before.writes and not before.standby
    known = bytes_of(limits.last_lsn)
    lag = max(0, known - before.position) if known is not None and before.position is not None else None
    if not already:
        _refuse_unfit(here, before, lag, limits)
    if not check and there is not None:
        _refuse_two_primaries(there)
    if not already and not check:
        _ask(here, None, lambda view: not view.standby)
    after = before if check else _await(here, limits, lambda view: view.writes and not view.standby, "is not written to")
    return {
        "changed": not already and not check,
        "engine": "patroni",
        "host": here.name,
        "already_promoted": already,
        "lag_bytes": None if already else lag,
        "lag_known": already or lag is not None,
        "undo": "failback",
        "before": _written(before),
        "after": _written(after),
        "check_mode": check,
    }


def demote(here: Cluster, leader: Mapping[str, Any], limits: Limits, *, check: bool, streaming: bool) -> dict[str, Any]:
    """Make it a standby cluster of `leader` (host, port, primary_slot_name): nobody can write to it. Raises: Refused. InDoubt.

    `streaming`: wait until it streams from there too, as on the way home; as a fence it need not.
    """
    if not leader.get("host"):
        raise Refused("DB_SETTINGS", "patroni_leader needs a host: whom the cluster follows when it is demoted")
    before = here.look()
    same = before.standby and not before.writes and (not streaming or before.state == "streaming")
    if not same and not check:
        if not before.standby:
            _ask(here, leader, lambda view: view.standby)

        def done(view: View) -> bool:
            return view.standby and not view.writes and (not streaming or view.state == "streaming")

        _await(here, limits, done, "does not follow" if streaming else "may still be written to")
    return {"changed": not same and not check, "engine": "patroni", "host": here.name, "already_fenced": same, "check_mode": check}


def exchange(here: Cluster, there: Cluster, leader: Mapping[str, Any], limits: Limits, *, check: bool) -> dict[str, Any]:
    """Planned: `there` is demoted to follow `leader`, `here` is promoted once it has everything. Raises: Refused. InDoubt."""
    mine, other = here.look(), there.look()
    already = mine.writes and not mine.standby
    if already and other.writes:
        raise Refused("DB_TWO_PRIMARIES", f"{here.name} and {there.name} are both written to")
    if not already and not check:
        demote(there, leader, limits, check=False, streaming=False)
        end = there.look().position
        try:
            _await(
                here, limits, lambda view: end is not None and view.position is not None and view.position >= end, "lacks the last writes"
            )
        except InDoubt as behind:
            there.configure(None)
            raise Refused("DB_STANDBY_BEHIND", f"{behind}; {there.name} takes writes again") from behind
        _ask(here, None, lambda view: not view.standby)
        _await(here, limits, lambda view: view.writes and not view.standby, "is not written to")
    if not check:
        _await(there, limits, lambda view: view.standby and view.state == "streaming", "does not follow")
    after = mine if check else here.look()
    report = {"engine": "patroni", "primary": here.name, "standby": there.name, "already_primary": already}
    return {"changed": not already and not check, **report, "position": lsn_of(after.position), "check_mode": check}


def _refuse_unfit(here: Cluster, before: View, lag: int | None, limits: Limits) -> None:
    if before.state not in _UP:
        raise Refused("DB_STANDBY_NOT_READY", f"{here.name}: its leader is {before.state}")
    if limits.accept_data_loss or not before.standby:  # no longer a standby: an earlier run asked for it, and waits for its end
        return
    if lag is None:
        raise Refused("DB_LAG_UNKNOWN", "no position of the primary was seen before it was lost")
    if lag > limits.max_lag_bytes:
        raise Refused("DB_LAG_TOO_HIGH", f"lag_bytes={lag} limit={limits.max_lag_bytes}")


def _refuse_two_primaries(there: Cluster) -> None:
    try:
        writes = there.look().writes
    except Refused as refused:
        if refused.code != "DB_UNREACHABLE":
            raise
        return  # lost, as it should be; the fence before proved that it takes no write
    if writes:
        raise Refused("DB_TWO_PRIMARIES", f"{there.name} is still written to: it is not fenced")


def _ask(cluster: Cluster, section: Mapping[str, Any] | None, begun: Callable[[View], bool]) -> None:
    try:
        cluster.configure(section)
    except InDoubt:
        if not begun(cluster.look()):  # read back
            raise


def _await(cluster: Cluster, limits: Limits, done: Callable[[View], bool], otherwise: str) -> View:
    until_s = time.monotonic() + limits.timeout_s
    while True:
        try:
            view = cluster.look()
        except Refused as refused:
            if refused.code != "DB_UNREACHABLE" or time.monotonic() > until_s:
                raise InDoubt(f"{cluster.name}: {refused}") from refused
        else:
            if done(view):
                return view
            if time.monotonic() > until_s:
                raise InDoubt(
                    f"{cluster.name} {otherwise} after {limits.timeout_s:g} s: its leader is {view.leader or 'nobody'}, {view.state}"
                )
        time.sleep(limits.poll_s)


def _written(view: View) -> dict[str, Any]:
    own = {"lsn": lsn_of(view.position), "timeline": view.timeline, "leader": view.leader}
    return {**own, "standby": view.standby, "writes": view.writes, "state": view.state}
