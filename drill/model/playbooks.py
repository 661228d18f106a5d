"""How a step runs a playbook: tasks become facts, its end an output or an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.model.ports import Attempt, PlayResult, TaskEvent, World

REFUSALS: Final = re.compile(
    r"\b(?:PG_[A-Z_]+|DB_(?:UNREACHABLE|STANDBY_NOT_READY|LAG_UNKNOWN|LAG_TOO_HIGH|TWO_PRIMARIES|PEER_NOT_PRIMARY"
    r"|NOT_REPLICATING|STANDBY_BEHIND|DIVERGED|NOT_OPTED_IN|NOT_ALLOWED|NOT_FOUND|SETTINGS))\b"
)
"""The codes with which a playbook's preflight refuses; `DB_` ones are listed, because a message may hold any variable's name."""

_DOUBT: Final = "DB_IN_DOUBT"
"""How a playbook says that an act was asked for and its answer is missing."""

_LOOKING: Final = ("Check ", "Gathering Facts", "Preflight", "Read ")
"""How the names of tasks begin that change nothing, as playbooks/README.md says."""

_FIXES: Final[Mapping[str, str]] = {
    "PG_UNREACHABLE": "Start the database, or correct its address in the inventory.",
    "PG_STANDBY_NOT_READY": "Let the standby stream and replay, then try again.",
    "PG_LAG_UNKNOWN": "Let the primary's position be sampled before the outage, or accept the loss with 'accept_data_loss' and a 'reason'.",
    "PG_LAG_TOO_HIGH": "Let the standby catch up, raise 'max_lag_bytes', or accept the loss with 'accept_data_loss' and a 'reason'.",
    "PG_TWO_PRIMARIES": "Fence the one that must not take writes.",
    "PG_PEER_NOT_PRIMARY": "Give the playbook the site whose peer is the primary.",
    "PG_NOT_STREAMING": "Read the standby's log: it must reach its primary and find its slot there.",
    "PG_STANDBY_BEHIND": "Let the standby catch up, then run the switchover again.",
    "DB_UNREACHABLE": "Start the database, or correct its address, its network or its API's credentials.",
    "DB_STANDBY_NOT_READY": "Let the standby replicate and apply, then try again.",
    "DB_LAG_UNKNOWN": "Let the primary's position be read before the outage, or accept the loss with 'accept_data_loss' and a 'reason'.",
    "DB_LAG_TOO_HIGH": "Let the standby catch up, raise the limit, or accept the loss with 'accept_data_loss' and a 'reason'.",
    "DB_TWO_PRIMARIES": "Fence the one that must not take writes.",
    "DB_PEER_NOT_PRIMARY": "Give the playbook the site whose peer is the primary.",
    "DB_NOT_REPLICATING": "Read the standby's status: it must reach its primary and find its position there.",
    "DB_STANDBY_BEHIND": "Let the standby catch up, then run it again.",
    "DB_DIVERGED": "It holds writes of its own and has no rewind: rebuild it from its peer (give 'my_rebuild_argv').",
    "DB_NOT_OPTED_IN": "Tag the database as sites.<site>.select says, if a drill may touch it.",
    "DB_NOT_ALLOWED": "Give the drill's role the call that the message names: `drill doctor --policy`.",
    "DB_NOT_FOUND": "Correct its name and region in the inventory.",
    "DB_SETTINGS": "Correct the variable that the message names.",
}


def _below(playbook: str) -> str:
    parts = playbook.split("/")
    if not playbook.strip() or playbook.startswith("/") or "\\" in playbook or {"", ".", ".."} & set(parts):
        raise ValueError(f"expected a playbook below playbooks/, such as promote_postgres.yml, got {playbook!r}")
    return playbook


PlaybookName = Annotated[str, AfterValidator(_below)]
"""A path below the playbooks of the project: a scenario plays nothing from elsewhere on the machine."""


def play(playbook: str, site: str, world: World, attempt: Attempt, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run a playbook on the inventory of a site, each task that ran a progress fact, and return what `set_stats` collected.

    Raises: StepError: as `outputs_of`, and when there is no such playbook or inventory; `untouched` when it certainly changed nothing.
    """

    def tell(task: TaskEvent) -> None:
        if task.state == "skipped":
            return  # its name would read as if it had been done
        attempt.progress(task.task, task=task.task, host=task.host, state=task.state, took_s=task.took_s, detail=task.detail)

    result: PlayResult | None = None
    try:
        result = world.ansible.play(
            playbook,
            inventory=world.ground.inventory(site),
            variables=variables,
            check=False,
            timeout_s=attempt.remaining_s(),
            stopping=attempt.stopping,
            on_task=tell,
        )
        return outputs_of(playbook, result)
    except StepError as error:
        error.untouched = isinstance(error, Fatal) if result is None else _changed_nothing(result)  # what cannot be played has not begun
        raise


def _changed_nothing(result: PlayResult) -> bool:
    """Whether a play that came to its own end failed before it changed anything: its preflight refused, or it ended while it looked.

    One that was stopped or ran out of time had a task in hand of which nothing is known.
    """
    if result.state not in {"failed", "unreachable"} or result.changed:
        return False
    broken = [task.task for task in result.tasks if task.state in {"failed", "unreachable"}]
    return bool(refusal_code(result)) or (bool(broken) and all(name.startswith(_LOOKING) for name in broken))


def refusal_code(result: PlayResult) -> str:
    """The `PG_` or `DB_` code with which a playbook's preflight refused; empty when it was not a refusal."""
    match = REFUSALS.match(result.failure)
    return match.group() if match else ""


def outputs_of(playbook: str, result: PlayResult) -> Mapping[str, Any]:
    """What `set_stats` collected in a play that succeeded.

    Raises: Retryable: it was stopped (A190), ran out of time (A132), or did not reach a host or its database (A131).
    Fatal: its preflight refused (A231), or a task failed (A232). InDoubt: it asked for its act and heard no answer (A332).
    """
    if result.state == "successful":
        return result.outputs
    raise _error(playbook, result)


def _error(playbook: str, result: PlayResult) -> StepError:
    code = refusal_code(result)
    if result.state == "stopped":
        return Retryable(
            f"{playbook} was stopped; nothing of it runs any more.", code="A190", fix="Resume the drill, or run the step again."
        )
    if result.state == "timeout":
        return Retryable(f"{playbook} ran out of time; nothing of it runs any more.", code="A132", fix="Give the step a longer 'timeout'.")
    if _DOUBT in result.failure:
        return InDoubt(
            f"{playbook} does not know what it did: {result.failure}", code="A332", fix="Look at the database, then run it again."
        )
    if result.state == "unreachable" or code in {"PG_UNREACHABLE", "DB_UNREACHABLE"}:
        return Retryable(f"{playbook} did not get through: {result.failure}", code="A131", fix=_FIXES["PG_UNREACHABLE"])
    if code:
        fix = _FIXES.get(code, "See the task's message and the playbook's output among the artifacts.")
        return Fatal(f"{playbook} refused: {result.failure}", code="A231", fix=fix)
    return Fatal(f"{playbook} failed: {result.failure}", code="A232", fix="See the playbook's output among the drill's artifacts.")
