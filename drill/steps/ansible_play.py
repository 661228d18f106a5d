"""The step `ansible.play`: runs any playbook on a site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from drill.model.effects import Effect, Outputs, Verb
from drill.model.playbooks import PlaybookName, play
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class AnsiblePlayParams(Params):
    """What a scenario writes under `ansible.play`."""

    playbook: PlaybookName = Field(description="A file in playbooks/, or in a folder below it.")
    site: str = Field(description="The site whose inventory the playbook gets; its server is in the group pg_target.")
    variables: dict[str, Any] = Field(default_factory=dict, description="Extra variables.")
    undo_playbook: PlaybookName | None = Field(
        default=None, description="What takes it back when the drill is aborted; it must do no harm where nothing was done yet."
    )
    undo_site: str | None = Field(
        default=None, description="The site whose inventory that gets; else the same.", json_schema_extra={"refers": "site"}
    )
    undo_variables: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _undo_has_a_playbook(self) -> Self:
        if self.undo_playbook is None and (self.undo_site is not None or self.undo_variables):
            raise ValueError("expected undo_playbook beside undo_site and undo_variables")
        return self


class AnsiblePlay(Step[AnsiblePlayParams]):
    """Runs a playbook; each task becomes a fact, and what the playbook sets with `set_stats` its outputs.

    The playbook must converge when it is run again: after a crash it is. Without `undo_playbook` an abort leaves what it did.
    """

    kind = "ansible.play"
    params = AnsiblePlayParams
    title = ("Run a playbook", "执行 Ansible 剧本")

    def preview(self, params: AnsiblePlayParams, world: World) -> list[Effect]:
        detail = f"runs {params.playbook} on {params.site}"
        undo = "automatic" if params.undo_playbook else "none"
        effects = [Effect(verb=Verb.UPDATE, target=f"{params.site}/{params.playbook}", detail=detail, undo=undo)]
        if params.undo_playbook and params.undo_site not in {None, params.site}:  # another site, which the limits have to allow too
            back = f"runs {params.undo_playbook} on {params.undo_site}, if the drill is aborted"
            effects.append(Effect(verb=Verb.UPDATE, target=f"{params.undo_site}/{params.undo_playbook}", detail=back))
        return effects

    def run(self, params: AnsiblePlayParams, world: World, attempt: Attempt) -> Outputs:
        if params.undo_playbook and attempt.registered_undo() is None:
            way = {"playbook": params.undo_playbook, "site": params.undo_site or params.site, "variables": params.undo_variables}
            attempt.register_undo(way)
        return play(params.playbook, params.site, world, attempt, params.variables)

    def undo(self, params: AnsiblePlayParams, world: World, attempt: Attempt, undo: Mapping[str, Any]) -> None:
        play(undo["playbook"], undo["site"], world, attempt, undo["variables"])
