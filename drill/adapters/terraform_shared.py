"""Terraform for drills that may move to another machine: its state in Postgres, and what each workspace was made from beside it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from drill.adapters.database import create_tables
from drill.adapters.database_errors import riding_out
from drill.adapters.terraform import TerraformCli
from drill.adapters.terraform_binary import terraform_argv
from drill.adapters.terraform_events import failure_of
from drill.adapters.terraform_module import Laid, find_laid, lay
from drill.adapters.terraform_process import Command
from drill.adapters.terraform_state import State, parse_state
from drill.model.ports import Workspace

_PATIENCE_S: Final = 60.0
_LOOK_LIMIT_S: Final = 60.0
_PULLED: Final = "pulled"
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

    `environment` has PG_CONN_STR without its password: `password` is handed over in a private file that lives as long as each command.
    The database's own lock keeps two Terraforms of one workspace apart, whichever machines they run on. Terraform writes such a state only
    now and then and when it ends: one that is killed with its host leaves what it was making to the idempotent commands of the next.
    """

    def __init__(
        self, home: Path, project: Path, mark: str, *, environment: Mapping[str, str], workspaces: SqlWorkspaces, password: str = ""
    ) -> None:
        super().__init__(home, project, mark, environment)
        self._workspaces = workspaces
        self._password = password

    def _command(self, laid: Laid) -> Command:
        papers = {"PGPASSFILE": passfile(self._password)} if self._password else {}
        return Command(
            terraform_argv(),
            laid.directory,
            mark=self._mark,
            environment=self._environment,
            grace_s=self._grace_s,
            papers=papers,
            secrets=[self._password],
        )

    def _lay_out(self, workspace: Workspace, place: Path) -> Laid:
        whole = workspace if workspace.module else self._workspaces.recall(workspace.drill, workspace.step) or workspace
        self._workspaces.keep(whole)
        return self._lay_in_schema(whole, place)

    def _lay_in_schema(self, workspace: Workspace, place: Path) -> Laid:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        schema = _schema(workspace)
        return lay(self._project / workspace.module, place, workspace.variables, plugins=self._plugins, schema=schema)

    def _find(self, workspace: Workspace) -> Laid | None:
        place = self._place(workspace)
        if (laid := find_laid(place)) is not None:
            return laid
        made = self._workspaces.recall(workspace.drill, workspace.step)
        return self._lay_in_schema(made, place) if made else None

    def _state(self, laid: Laid) -> State | None:
        until_s = time.monotonic() + _LOOK_LIMIT_S
        stopping: Callable[[], bool] = lambda: time.monotonic() > until_s  # noqa: E731 - one condition, used twice
        if not (laid.directory / ".terraform" / "terraform.tfstate").exists():
            self._init(laid, stopping)
        ended = self._command(laid).run("state", "pull", stopping=stopping, log=_PULLED)
        if ended.code != 0:
            raise failure_of(ended, "state pull")
        pulled = laid.directory / f"{_PULLED}.jsonl"
        try:
            return parse_state(pulled)
        finally:
            pulled.unlink()  # it holds every value, sensitive or not

    def _remember(self, laid: Laid) -> None:
        """Nothing: the database keeps it."""


def passfile(password: str) -> str:
    """The file in which PostgreSQL's clients look a password up: this one for every server, database and user."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n"


def _schema(workspace: Workspace) -> str:
    """A schema's name of at most 63 letters, readable and unique."""
    name = f"{workspace.drill}/{workspace.step}"
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower())[:40].strip("_")
    return f"tf_{plain}_{hashlib.sha256(name.encode()).hexdigest()[:10]}"
