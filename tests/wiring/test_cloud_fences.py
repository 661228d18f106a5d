"""Which fence a cloud's site has follows from its database: managed ones by playbook, the others by their machines."""

from __future__ import annotations

from typing import Any

import pytest

from drill.model.plan import Site
from drill.wiring.cloud_roles import aliyun_fences, aws_fences
from tests.engine.drilling import phase_of, plan_of, step_of


class Seen(Exception):
    """Stands for the first question to the outside."""


class Outside:
    """Says that it was asked (parts of ports Ansible and Ground)."""

    def inventory(self, site: str) -> Any:
        return {"all": {"children": {"pg_target": {"hosts": {site: {}}}}}}

    def play(self, playbook: str, **_: Any) -> Any:
        raise Seen(playbook)


@pytest.mark.parametrize(
    ("provider", "engine", "playbook"), [("aws", "rds", "fence_rds.yml"), ("aliyun", "aliyun_rds", "fence_aliyun_rds.yml")]
)
def test_a_managed_database_is_fenced_by_the_playbook_of_its_engine(provider: str, engine: str, playbook: str) -> None:
    database = {"host": "db.example.com", "user": "drill", "dbname": "app", "managed": engine}
    site = Site(id="primary", provider=provider, region="r", options={"select": {"tag": {"drill": "allowed"}}, "database": database})
    plan = plan_of(phase_of("a", step_of("a.x"))).model_copy(update={"sites": (site,)})
    outside: Any = Outside()
    fences = aws_fences if provider == "aws" else aliyun_fences

    with pytest.raises(Seen, match=playbook):
        fences(plan, outside, outside).preview("primary")
