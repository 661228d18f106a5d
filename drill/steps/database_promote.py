"""The step `database.promote`: makes the standby the primary. There is no way back from here but failback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from drill.model.durations import Duration, format_duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal, StepError
from drill.model.playbooks import PlaybookName, outputs_of, play
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step

_PREVIEW_TIMEOUT_S: Final = 60.0
_REBUILT: Final = frozenset({"promote_rds.yml", "promote_aliyun_rds.yml"})
"""Promotions that end a replication for ever: afterwards there is no replica any more, only two databases."""


class DatabasePromoteParams(Params):
    """What a scenario writes under `database.promote`."""

    site: str = Field(description="The site whose database becomes the primary.")
    playbook: PlaybookName = Field(default="promote_postgres.yml", description="A file in playbooks/; it reports `db_promote`.")
    max_lag_bytes: int = Field(default=1_048_576, ge=0, description="Most bytes the standby may lack, where lag is counted in bytes.")
    max_lag_transactions: int = Field(default=1000, ge=0, description="Most transactions the standby may lack, where they are counted.")
    max_lag: Duration = Field(default=5.0, description="Most time the standby may be behind, where its lag is a time.")
    within: Duration = Field(default=60.0, description="How long the database may take to end its recovery.")
    accept_data_loss: bool = Field(default=False, description="Promote although the lag is unknown or too high.")
    reason: str = Field(default="", description="Why the loss is accepted, and by whom.")
    variables: dict[str, Any] = Field(default_factory=dict, description="Extra variables for the playbook.")
    undo: Literal["failback", "rebuild"] = Field(
        default="failback", description="How it goes home: by failback, or only by building a new replica, as a promoted RDS replica does."
    )
    rebuild: Duration | None = Field(default=None, description="How long it takes to build the new replica, for `undo: rebuild`.")

    @model_validator(mode="after")
    def _a_loss_needs_a_reason(self) -> Self:
        if self.accept_data_loss and not self.reason.strip():
            raise ValueError("accept_data_loss needs a 'reason': who accepts the loss, and why")
        return self

    @model_validator(mode="after")
    def _what_cannot_be_taken_back_says_so(self) -> Self:
        if self.playbook in _REBUILT and self.undo != "rebuild":
            raise ValueError(
                f"{self.playbook} cannot be undone in place: write 'undo: rebuild' and 'rebuild: 40m', the time a new replica takes"
            )
        if (self.undo == "rebuild") != (self.rebuild is not None):
            raise ValueError("'undo: rebuild' and 'rebuild: <time>' go together: how long a new replica takes")
        return self


class DatabasePromote(Step[DatabasePromoteParams]):
    """Promotes a standby that is fit for it. Run again, it reads the database and goes on, or finds nothing to do."""

    kind = "database.promote"
    params = DatabasePromoteParams
    title = ("Promote the standby database", "提升备库为主库")
    marks: ClassVar[frozenset[str]] = frozenset({"promote"})
    no_return = True
    default_timeout_s = 300.0

    def preview(self, params: DatabasePromoteParams, world: World) -> list[Effect]:
        """Ask the database, changing nothing. Raises: StepError: the standby is not fit for a promotion now."""
        result = world.ansible.play(
            params.playbook,
            inventory=world.ground.inventory(params.site),
            variables=_variables(params, world),
            check=True,
            timeout_s=_PREVIEW_TIMEOUT_S,
            stopping=lambda: False,
            on_task=lambda _: None,
        )
        report = _report(outputs_of(params.playbook, result))
        if report.get("already_promoted"):
            return []
        if report.get("undo", params.undo) != params.undo:
            said = report["undo"]
            fix = f"Write 'undo: {said}'" + (" and 'rebuild: <time>' under the step." if said == "rebuild" else " under the step.")
            raise Fatal(f"{params.playbook} says that this promotion goes home by {said}, not by {params.undo}.", code="A237", fix=fix)
        detail = f"{params.playbook} makes the database of {params.site} writable{_way_home(params)}"
        return [Effect(verb=Verb.UPDATE, target=f"{params.site}/database", detail=detail, undo=params.undo, marks=frozenset({"promote"}))]

    def run(self, params: DatabasePromoteParams, world: World, attempt: Attempt) -> Outputs:
        attempt.register_undo({"undo": params.undo, "site": params.site})
        if params.accept_data_loss:
            attempt.progress("a loss of data is accepted", reason=params.reason)
        report = _report(play(params.playbook, params.site, world, attempt, _known(params, world)))
        if not report:
            raise Fatal(
                f"{params.playbook} does not say what became of the database.",
                code="A233",
                fix="End the playbook with set_stats: db_promote, as playbooks/README.md says.",
            )
        return {**_outputs(report), "site": params.site, "data_loss_accepted": params.reason if params.accept_data_loss else ""}

    def undo(self, params: DatabasePromoteParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        if self._still_standby(params, world):
            attempt.progress(f"the database of {undo['site']} was never promoted")
            return
        raise Fatal(
            f"the database of {undo['site']} was promoted; a promotion cannot be taken back.",
            code="A234",
            fix="It goes home by failback: 'drill failback'." if params.undo == "failback" else f"Build a new replica{_takes(params)}.",
        )

    def _still_standby(self, params: DatabasePromoteParams, world: World) -> bool:
        """Whether it can be seen that the promotion never came about; what cannot be seen counts as promoted."""
        try:
            return bool(self.preview(params, world))
        except StepError:
            return False


def _known(params: DatabasePromoteParams, world: World) -> dict[str, Any]:
    """The playbook's variables. Raises: StepError: the ground does not tell them, and nothing was changed."""
    try:
        return _variables(params, world)
    except StepError as error:
        error.untouched = True
        raise


def _variables(params: DatabasePromoteParams, world: World) -> dict[str, Any]:
    position = world.ground.last_primary_lsn()
    return {
        "pg_primary_last_lsn": position,
        "db_primary_last_position": position,
        "pg_max_lag_bytes": params.max_lag_bytes,
        "pg_accept_data_loss": params.accept_data_loss,
        "pg_promote_timeout_s": max(1, round(params.within)),
        "db_max_lag_bytes": params.max_lag_bytes,
        "db_max_lag_transactions": params.max_lag_transactions,
        "db_max_lag_s": params.max_lag,
        "db_accept_data_loss": params.accept_data_loss,
        "db_promote_timeout_s": max(1, round(params.within)),
        **params.variables,
    }


def _report(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the playbook says of the database, whatever its engine; empty when it says nothing."""
    said: Mapping[str, Any] = outputs.get("db_promote") or outputs.get("pg_promote") or {}
    return said


def _outputs(report: Mapping[str, Any]) -> dict[str, Any]:
    """One shape for every engine: `lsn` is the position (LSN or GTID); what an engine does not count is None."""
    after = report.get("after") or {}
    return {
        "engine": report.get("engine", "postgresql"),
        "lsn": after.get("lsn", after.get("position")),
        "timeline": after.get("timeline"),
        "lag_bytes": report.get("lag_bytes"),
        "lag_transactions": report.get("lag_transactions"),
        "lag_s": report.get("lag_s"),
        "lag_known": bool(report.get("lag_known")),
        "already_promoted": bool(report.get("already_promoted")),
    }


def _way_home(params: DatabasePromoteParams) -> str:
    return "" if params.undo == "failback" else f"; it cannot be undone in place: a new replica is built{_takes(params)}"


def _takes(params: DatabasePromoteParams) -> str:
    return f", which takes about {format_duration(params.rebuild)}" if params.rebuild else ""
