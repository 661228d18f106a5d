"""The step `ansible.play`: runs any playbook on a site."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from drill.model.effects import Effect, Outputs, Verb
from drill.model.playbooks import PlaybookName, play
from drill.model.ports import Attempt, World
from drill.steps.base import Params, Step


class AnsiblePlayParams(Params):
    """What a scenario writes under `ansible.play`."""

    playbook: PlaybookName = Field(description="A file in playbooks/, or in a folder below it.")
    site: str = Field(description="The site whose inventory the playbook gets; its server is in the group pg_target.")
    variables: dict[str, Any] = Field(default_factory=dict, description="Extra variables.")


class AnsiblePlay(Step[AnsiblePlayParams]):
    """Runs a playbook; each task becomes a fact, and what the playbook sets with `set_stats` its outputs.

    The playbook must converge when it is run again: after a crash it is.
    """

    kind = "ansible.play"
    params = AnsiblePlayParams
    title = ("Run a playbook", "执行 Ansible 剧本")

    def preview(self, params: AnsiblePlayParams, world: World) -> list[Effect]:
        return [Effect(verb=Verb.UPDATE, target=f"{params.site}/{params.playbook}", detail=f"runs {params.playbook} on {params.site}")]

    def run(self, params: AnsiblePlayParams, world: World, attempt: Attempt) -> Outputs:
        return play(params.playbook, params.site, world, attempt, params.variables)
