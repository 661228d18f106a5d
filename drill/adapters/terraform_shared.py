"""Terraform for drills that may move to another machine: its state in Postgres, and what each workspace was made from beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import riding_out
from drill.adapters.terraform import NO_SCANS, Scan, TerraformCli
from drill.adapters.terraform_backend import schema_backend
from drill.adapters.terraform_module import Laid, find_laid
from drill.model.errors import Fatal
from drill.model.ports import Workspace

_PATIENCE_S: Final = 60.0
_metadata = sa.MetaData()
_workspaces = sa.Table(
    "terraform_workspace",
    _metadata,
    sa.Column("drill", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("module", sa.Text, nullable=False),
    sa.Column("variables", sa.Text, nullable=False),
)


class SqlWorkspaces:
    """The module and variables of each workspace, so that any machine can lay it out again. Variables hold no secret."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)

    def keep(self, workspace: Workspace) -> None:
        """Remember what a workspace is made from; the newest word counts."""
        riding_out(lambda: self._keep(workspace), patience_s=_PATIENCE_S)

    def _keep(self, workspace: Workspace) -> None:
        mine = (_workspaces.c.drill == workspace.drill) & (_workspaces.c.step == workspace.step)
        variables = json.dumps(dict(workspace.variables))
        row = {"drill": workspace.drill, "step": workspace.step, "module": workspace.module, "variables": variables}
        with self._engine.begin() as connection:
            connection.execute(_workspaces.delete().where(mine))
            connection.execute(_workspaces.insert().values(row))

    def recall(self, drill: str, step: str) -> Workspace | None:
        """The workspace as it was made; nothing when it never was."""
        return riding_out(lambda: self._recall(drill, step), patience_s=_PATIENCE_S)

    def _recall(self, drill: str, step: str) -> Workspace | None:
        query = sa.select(_workspaces).where(_workspaces.c.drill == drill, _workspaces.c.step == step)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Workspace(drill, step, row.module, json.loads(row.variables)) if row else None


class SharedTerraform(TerraformCli):
    """As its parent, with one schema of the shared Postgres per workspace instead of a state file.

    `environment` has PG_CONN_STR: its password is handed over in a private file that lives as long as each command.
    The database's own lock keeps two Terraforms of one workspace apart, whichever machines they run on. Terraform writes such a state only
    now and then and when it ends: one that is killed with its host leaves what it was making to the idempotent commands of the next.
    """

    def __init__(
        self,
        home: Path,
        project: Path,
        mark: str,
        *,
        environment: Mapping[str, str],
        workspaces: SqlWorkspaces,
        scans: Mapping[str, Scan] = NO_SCANS,
    ) -> None:
        super().__init__(home, project, mark, environment, scans=scans)
        self._workspaces = workspaces

    def _lay_out(self, workspace: Workspace, place: Path) -> Laid:
        whole = workspace if workspace.module else self._workspaces.recall(workspace.drill, workspace.step) or workspace
        self._workspaces.keep(whole)
        return self._lay_in_schema(whole, place)

    def _lay_in_schema(self, workspace: Workspace, place: Path) -> Laid:
        if workspace.backend:
            fix = "Leave `backend` out: the drills' database keeps the state, so that another machine can go on with it."
            raise Fatal(f"{workspace.step} keeps its state elsewhere.", code="A247", fix=fix)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._lay(workspace, place, backend=schema_backend(workspace))

    def _find(self, workspace: Workspace) -> Laid | None:
        place = self._place(workspace)
        if (laid := find_laid(place)) is not None:
            return laid
        made = self._workspaces.recall(workspace.drill, workspace.step)
        return self._lay_in_schema(made, place) if made else None

    def _remember(self, laid: Laid) -> None:
        """Nothing: the database keeps it, and another machine may go on with it."""
