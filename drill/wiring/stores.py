"""Where a drill's kept output and its Terraform state live: on this machine, or in the database that several machines share."""

from __future__ import annotations

import contextlib
import os
import platform
from typing import TYPE_CHECKING

import sqlalchemy as sa

from drill.adapters.artifacts_files import FileArtifacts
from drill.adapters.database import database_engine
from drill.adapters.loopback import is_loopback
from drill.adapters.terraform_papers import INHERITED
from drill.model.errors import JournalBroken
from drill.model.ports import Artifacts
from drill.settings import SESSION, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drill.adapters.terraform import Scan, TerraformCli


def cloud_environment() -> dict[str, str]:
    """The clouds' credentials of this environment, and a module's and a state's secrets, as Terraform looks for them."""
    return {name: value for name, value in os.environ.items() if INHERITED.fullmatch(name)}


def open_artifacts(settings: Settings, database: sa.Engine | None = None) -> Artifacts:
    """Kept tool output of every drill."""
    if settings.shared:
        from drill.adapters.artifacts_sql import SqlArtifacts

        return SqlArtifacts(database or database_engine(settings.database_url))
    return FileArtifacts(settings.home / "drills")


def scans() -> Mapping[str, Scan]:
    """How each cloud is asked what carries a drill's tags."""
    from drill.adapters.tagged_aliyun import tagged_in_aliyun
    from drill.adapters.tagged_aws import tagged_in_aws
    from drill.wiring.cloud_roles import aliyun_calls, aws_clients

    return {
        "aws": lambda region, tags: tagged_in_aws(aws_clients(region), tags),
        "aliyun": lambda region, tags: tagged_in_aliyun(aliyun_calls(region), tags),
    }


def open_terraform(settings: Settings, *, clouds: bool = True) -> TerraformCli:
    """Terraform with its state in files of its own, or in the database when machines share it; without `clouds` it gets no keys."""
    from drill.adapters.terraform import TerraformCli

    keys = cloud_environment() if clouds else {}
    if not settings.shared:
        return TerraformCli(settings.place, settings.project, settings.mark(), keys, scans=scans())
    from drill.adapters.terraform_shared import SharedTerraform, SqlWorkspaces

    environment = {**keys, "PG_CONN_STR": _state_url(settings), **({SESSION: settings.session} if settings.session else {})}
    workspaces = SqlWorkspaces(database_engine(settings.database_url))
    ours = (settings.place, settings.project, settings.mark())
    return SharedTerraform(*ours, environment=environment, workspaces=workspaces, scans=scans())


def _state_url(settings: Settings) -> str:
    """The database as Terraform wants to hear of it, which insists on TLS unless told otherwise, and a loopback server has none."""
    url = sa.make_url(settings.database_url).set(drivername="postgres")
    if is_loopback(url.host) and "sslmode" not in url.query:
        url = url.update_query_dict({"sslmode": "disable"})
    return url.render_as_string(hide_password=False)


def sandbox_ending(settings: Settings) -> str:
    """What the name of every site of this home's sandbox ends with, in the leases: a sandbox is one home's own."""
    return f"@{platform.node()}:{settings.home}"


def forget_sandbox(settings: Settings) -> None:
    """Give up every lease on this home's sandbox: it is gone. A database that cannot be used binds nobody."""
    from drill.adapters.leases_sql import SqlLeases

    if not settings.shared and not (settings.home / "drill.sqlite").exists():
        return
    with contextlib.suppress(JournalBroken):
        SqlLeases(database_engine(settings.database_url)).clear(sandbox_ending(settings))
