"""How a managed database is promoted and fenced, whoever manages it: look, refuse, act once, read back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Refused(Exception):
    """It must not or cannot be done; nothing was changed. `code` is one that playbooks/README.md lists."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class InDoubt(Exception):
    """The act was asked for, and its answer is missing or unknown."""


@dataclass(frozen=True)
class State:
    """One database as its provider describes it now."""

    role: str
    """`primary`, `replica`, or `changing` while the provider works on it."""
    ready: bool
    status: str
    tags: Mapping[str, str] = field(default_factory=dict)
    lag_s: float | None = None
    """The last known seconds it was behind; None is unknown, not none."""
    source: str = ""
    position: str = ""


class Database(Protocol):
    """One managed replica and the way to make a primary of it."""

    engine: str
    undo: str
    """`failback`, or `rebuild` when it can never follow again."""

    def look(self) -> State:
        """What it is now. Raises: Refused."""

    def source_takes_writes(self) -> bool | None:
        """Whether the old primary may still take writes; None when that cannot be seen. Raises: Refused."""

    def promote(self, *, forced: bool) -> None:
        """Ask the provider for it, once. Raises: Refused: it said no. InDoubt: it said nothing."""


@dataclass(frozen=True)
class Limits:
    """What a promotion may lose, and who accepted more."""

    tags: Mapping[str, str]
    max_lag_s: float = 5.0
    accept_data_loss: bool = False
    accept_unseen_source: str = ""
    """Why the old primary counts as fenced although nobody can see it."""
    timeout_s: float = 900.0
    poll_s: float = 5.0


def check_opted_in(tags: Mapping[str, str], wanted: Mapping[str, str], name: str) -> None:
    """Raises: Refused: the resource does not carry every tag that lets a drill touch it, or none is asked for."""
    if not wanted:
        raise Refused("DB_SETTINGS", "db_tags is empty: say which tags let a drill touch the database")
    missing = [f"{key}={value}" for key, value in wanted.items() if tags.get(key) != value]
    if missing:
        raise Refused("DB_NOT_OPTED_IN", f"{name} does not carry {', '.join(missing)}")


def promote(
    database: Database,
    name: str,
    limits: Limits,
    *,
    check: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Make it the primary and report. In a check nothing is asked for. Raises: Refused. InDoubt."""
    before = database.look()
    check_opted_in(before.tags, limits.tags, name)
    already = before.role == "primary"
    if not already:
        _refuse_unfit(before, name, limits)
    if not check:
        _refuse_two_primaries(database, limits)
    changed = False
    if before.role == "replica" and not check:
        check_opted_in(database.look().tags, limits.tags, name)
        _ask(database, forced=limits.accept_data_loss)
        changed = True
    after = before if check else _await_primary(database, name, limits, clock, sleep)
    return {
        "changed": changed,
        "engine": database.engine,
        "host": name,
        "already_promoted": already,
        "lag_s": None if already else before.lag_s,
        "lag_known": already or before.lag_s is not None,
        "undo": database.undo,
        "before": _written(before),
        "after": _written(after),
        "check_mode": check,
    }


def _refuse_unfit(before: State, name: str, limits: Limits) -> None:
    if before.role == "changing":
        return  # an earlier run asked for it; this one waits for its end
    if not before.ready:
        raise Refused("DB_STANDBY_NOT_READY", f"{name} is {before.status}")
    if limits.accept_data_loss:
        return
    if before.lag_s is None:
        raise Refused("DB_LAG_UNKNOWN", f"the provider does not say how far {name} is behind")
    if before.lag_s > limits.max_lag_s:
        raise Refused("DB_LAG_TOO_HIGH", f"lag_s={before.lag_s:g} limit={limits.max_lag_s:g}")


def _refuse_two_primaries(database: Database, limits: Limits) -> None:
    writable = database.source_takes_writes()
    if writable:
        raise Refused("DB_TWO_PRIMARIES", "the old primary may still take writes: it is not fenced")
    if writable is None and not limits.accept_unseen_source.strip():
        raise Refused("DB_TWO_PRIMARIES", "nobody can see whether the old primary is fenced; db_accept_unseen_source needs a reason")


def _ask(database: Database, *, forced: bool) -> None:
    try:
        database.promote(forced=forced)
    except InDoubt:
        if database.look().role == "replica":  # read back: it has not begun
            raise


def _await_primary(database: Database, name: str, limits: Limits, clock: Callable[[], float], sleep: Callable[[float], None]) -> State:
    until_s = clock() + limits.timeout_s
    while True:
        try:
            state = database.look()
        except Refused as refused:
            if refused.code != "DB_UNREACHABLE" or clock() > until_s:
                raise InDoubt(f"{name} was to be promoted; then: {refused}") from refused
        else:
            if state.role == "primary" and state.ready:
                return state
            if clock() > until_s:
                raise InDoubt(f"{name} is still {state.role}, {state.status}, after {limits.timeout_s:g} s")
        sleep(limits.poll_s)


def _written(state: State) -> dict[str, Any]:
    return {"role": state.role, "status": state.status, "source": state.source, "position": state.position, "lag_s": state.lag_s}


def answer(module: Any, work: Callable[[], Mapping[str, Any]]) -> None:
    """End the module with what the work returned, or with the one line that says why not."""
    try:
        result = work()
    except Refused as refused:
        module.fail_json(msg=str(refused))
    except InDoubt as doubt:
        module.fail_json(msg=f"DB_IN_DOUBT {doubt}")
    except ValueError as error:
        module.fail_json(msg=f"DB_SETTINGS {error}")
    else:
        module.exit_json(changed=bool(result.get("changed")), report={key: value for key, value in result.items() if key != "changed"})
