"""A PostgreSQL of the bench's own: every commit on disk, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drill.sandbox.layout import LOOPBACK, free_ports
from drill.sandbox.postgres import DATABASE, ROLE, PostgresServer
from drill.sandbox.postgres_binaries import find_toolset
from drill.sandbox.postgres_template import cluster_template, reachable_toolset
from drill.sandbox.server_user import give, server_user

_CONNECTIONS = 200


@contextmanager
def own_postgres() -> Iterator[str]:
    """The URL of a server that runs while inside. Raises: PreflightFailed: there is none to run (F03x)."""
    folder = Path(tempfile.mkdtemp(prefix="drill-scale-pg-"))
    folder.chmod(0o755)
    user = server_user()
    give(folder, user)
    tools = reachable_toolset(find_toolset(), user, folder)
    mark = f"drill-scale-{uuid.uuid4().hex[:8]}"
    server = PostgresServer("scale", mark, folder / "scale", free_ports([(LOOPBACK,)])[0], tools, user, mark, fsync=True)
    try:
        server.create(cluster_template(tools, user, folder, mark))
        with (server.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"max_connections = {_CONNECTIONS}\n")
        server.start()
        yield f"postgresql://{ROLE}@{LOOPBACK}:{server.port}/{DATABASE}?sslmode=disable"
    finally:
        server.shut_down()
        shutil.rmtree(folder)
