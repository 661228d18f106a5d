"""When a schedule is due: cron lines read by the clock of a time zone, due times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WITH_SECONDS = 6


def check_cron(cron: str, zone: str) -> None:
    """Raises: ValueError: the line cannot be read, never comes due, or the time zone is unknown."""
    next_due(cron, zone, after=datetime(2026, 1, 1, tzinfo=UTC))


def next_due(cron: str, zone: str, *, after: datetime) -> datetime:
    """The first due time after an aware time.

    Raises: ValueError: the line cannot be read, never comes due, or the time zone is unknown.
    """
    from croniter import CroniterError, croniter  # type: ignore[import-untyped]  # 30 ms, and most scenarios have no schedule

    try:
        start = after.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"this machine knows no time zone {zone!r}; expected one such as Asia/Shanghai or UTC") from error
    fields = len(cron.split())
    if fields not in {5, _WITH_SECONDS}:
        raise ValueError(f"expected five fields such as '0 3 * * 2', or six with seconds first, got {fields} in {cron!r}")
    try:
        found: datetime = croniter(cron, start, second_at_beginning=fields == _WITH_SECONDS).get_next(datetime)
    except CroniterError as error:
        raise ValueError(f"{cron!r} is no cron line: {error}") from error
    return found.astimezone(UTC)


def due_between(cron: str, zone: str, *, after: datetime, until: datetime, limit: int) -> tuple[list[datetime], int]:
    """The due times in (after, until], the newest `limit` of them, and how many older ones there were."""
    found: list[datetime] = []
    older, at = 0, after
    while (at := next_due(cron, zone, after=at)) <= until:
        found.append(at)
        if len(found) > limit:
            found.pop(0)
            older += 1
    return found, older
