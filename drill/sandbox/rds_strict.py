"""moto's RDS, made as strict as the service where a promotion depends on it."""

from __future__ import annotations

import copy
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBInstanceNotFoundError, RDSClientError

_PATCHED = "drill_strict"


def make_strict() -> None:
    """Let a replica have a source only until it is promoted, refuse a second promotion, and miss an instance with the right error.

    moto keeps its databases in the module, so this holds for the whole process.
    """
    backend: Any = models.RDSBackend
    if getattr(backend, _PATCHED, False):
        return
    setattr(backend, _PATCHED, True)
    backend.promote_read_replica = _promote
    plain_replica = backend.create_db_instance_read_replica
    backend.create_db_instance_read_replica = lambda self, db_kwargs: _detached(plain_replica(self, db_kwargs))


def _promote(self: Any, db_kwargs: dict[str, Any]) -> Any:
    name = db_kwargs["db_instance_identifier"]
    if name not in self.databases:
        raise DBInstanceNotFoundError(name)
    database = self.databases[name]
    if not database.is_replica:
        raise RDSClientError("InvalidDBInstanceState", "DB Instance is not a read replica")
    source = self.find_db_from_id(database.source_db_instance_identifier)
    source.replicas = [each for each in source.replicas if each not in {name, database.db_instance_arn}]
    database.is_replica = False
    database.source_db_instance_identifier = None
    return database


def _detached(replica: Any) -> Any:
    """A replica of its own: moto shares tags and groups with the source."""
    replica.tags = copy.deepcopy(replica.tags)
    replica.vpc_security_group_ids = list(replica.vpc_security_group_ids)
    return replica
