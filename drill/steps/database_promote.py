"""The step `database.promote`: makes the standby the primary. There is no way back from here but failback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from drill.model.durations import Duration
from drill.model.effects import Effect, Outputs, Verb
from drill.model.errors import Fatal, StepError
from drill.model.playbooks import PlaybookName, outputs_of, play
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step

_PREVIEW_TIMEOUT_S = 60.0


class DatabasePromoteParams(Params):
    """What a scenario writes under `database.promote`."""

    site: str = Field(description="The site whose database becomes the primary.")
    playbook: PlaybookName = Field(default="promote_postgres.yml", description="A file in playbooks/; it reports `pg_promote`.")
    max_lag_bytes: int = Field(default=1_048_576, ge=0, description="Most bytes the standby may lack.")
    within: Duration = Field(default=60.0, description="How long the database may take to end its recovery.")
    accept_data_loss: bool = Field(default=False, description="Promote although the lag is unknown or too high.")
    reason: str = Field(default="", description="Why the loss is accepted, and by whom.")

    @model_validator(mode="after")
    def _a_loss_needs_a_reason(self) -> Self:
        if self.accept_data_loss and not self.reason.strip():
            raise ValueError("accept_data_loss needs a 'reason': who accepts the loss, and why")
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
        if outputs_of(params.playbook, result).get("pg_promote", {}).get("already_promoted"):
            return []
        detail = f"{params.playbook} makes the database of {params.site} writable"
        return [Effect(verb=Verb.UPDATE, target=f"{params.site}/database", detail=detail, undo="failback", marks=frozenset({"promote"}))]

    def run(self, params: DatabasePromoteParams, world: World, attempt: Attempt) -> Outputs:
        attempt.register_undo({"undo": "failback", "site": params.site})
        if params.accept_data_loss:
            attempt.progress("a loss of data is accepted", reason=params.reason)
        report = play(params.playbook, params.site, world, attempt, _known(params, world)).get("pg_promote")
        if not report:
            raise Fatal(
                f"{params.playbook} does not say what became of the database.",
                code="A233",
                fix="End the playbook with set_stats: pg_promote, as promote_postgres.yml does.",
            )
        return {
            "site": params.site,
            "lsn": report["after"]["lsn"],
            "timeline": report["after"]["timeline"],
            "lag_bytes": report["lag_bytes"],
            "lag_known": report["lag_known"],
            "already_promoted": report["already_promoted"],
            "data_loss_accepted": params.reason if params.accept_data_loss else "",
        }

    def undo(self, params: DatabasePromoteParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        if self._still_standby(params, world):
            attempt.progress(f"the database of {undo['site']} was never promoted")
            return
        raise Fatal(
            f"the database of {undo['site']} was promoted; a promotion cannot be taken back.",
            code="A234",
            fix="It goes home by failback: 'drill failback'.",
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
    return {
        "pg_primary_last_lsn": world.ground.last_primary_lsn(),
        "pg_max_lag_bytes": params.max_lag_bytes,
        "pg_accept_data_loss": params.accept_data_loss,
        "pg_promote_timeout_s": max(1, round(params.within)),
    }
