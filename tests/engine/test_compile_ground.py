"""What a scenario may say about its ground, and what of it becomes part of a plan."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drill.engine.compile import compile_plan
from drill.engine.compile_checks import scenario_problems
from drill.model.plan import Mode, Plan
from drill.model.scenario import Scenario
from drill.model.scenario_sites import port_of
from drill.steps.base import registry

ALLOWED = {"select": {"tag": {"drill": "allowed"}}}
CLOUD = {"provider": "aliyun", "region": "cn-hangzhou"}
CUT = {"outage": {"acknowledge": "none", "steps": {"blackhole": {"outage.isolate": {"site": "primary"}}}}}


def data(**keys: Any) -> dict[str, Any]:
    return {
        "scenario": "ground",
        "title": "Ground",
        "objectives": {"rto": "8m", "rpo": "30s"},
        "sites": {"primary": {**CLOUD, **ALLOWED}, "standby": {"provider": "aws", "region": "ap-southeast-1"}},
        "limits": {"max_changes": 1, "allow": []},
        "phases": CUT,
        **keys,
    }


def plan(**keys: Any) -> Plan:
    return compile_plan(Scenario.model_validate(data(**keys)), registry(), Mode.LIVE)


def codes(**keys: Any) -> list[tuple[str, str]]:
    return [(row.code, row.fix) for row in scenario_problems(data(**keys), registry())]


def test_a_provider_nobody_knows_is_told_with_the_nearest_one() -> None:
    assert codes(sites={"primary": {"provider": "aliyum", "region": "r"}}) == [("S044", "Did you mean 'aliyun'?")]


def test_a_cloud_site_that_a_step_cuts_off_needs_an_opt_in_tag() -> None:
    assert [code for code, _ in codes(sites={"primary": CLOUD})] == ["S045"]
    assert codes(sites={"primary": {**CLOUD, **ALLOWED}}) == []
    assert codes(sites={"primary": {"provider": "hosts", "region": "r"}}) == []


def test_a_cloud_site_that_nobody_touches_needs_none() -> None:
    assert codes(sites={"primary": {**CLOUD, **ALLOWED}, "standby": {"provider": "aws", "region": "r"}}) == []


def test_what_a_site_says_travels_in_the_plan() -> None:
    database = {"host": "db.example.com", "user": "drill", "dbname": "shop", "passfile": "secret:PGPASSFILE"}
    site = {**CLOUD, **ALLOWED, "addresses": ["192.0.2.1"], "database": database, "vpc": "vpc-1"}

    made = plan(sites={"primary": site}).site("primary")

    assert made.options == {**ALLOWED, "addresses": ["192.0.2.1"], "database": database, "vpc": "vpc-1"}


def test_the_closest_zone_answers_for_a_name() -> None:
    zones = {"example.com": {"provider": "route53"}, "shop.example.com": {"provider": "alidns", "servers": "192.0.2.53:5353"}}

    made = plan(zones=zones)

    assert made.zone_of("api.example.com").provider == "route53"  # type: ignore[union-attr]
    assert made.zone_of("WWW.shop.example.com.").servers == ("192.0.2.53:5353",)  # type: ignore[union-attr]
    assert made.zone_of("badexample.com") is None


def test_a_plan_that_says_nothing_of_zones_keeps_the_digest_it_had() -> None:
    assert "zones" not in plan().model_dump(mode="json")
    assert Plan.model_validate(plan().model_dump(mode="json")) == plan()
    with_zones = plan(zones={"example.com": {"provider": "rfc2136", "primary": "192.0.2.53"}})
    assert Plan.model_validate(with_zones.model_dump(mode="json")).zones[0].options == {"primary": "192.0.2.53"}


def of(engine: str | None) -> dict[str, Any]:
    database = {"host": "db.example.com", "user": "drill", "dbname": "shop", **({"engine": engine} if engine else {})}
    return {"provider": "hosts", "region": "dc-2", "database": database}


def problems(step: dict[str, Any], engine: str | None, **keys: Any) -> list[tuple[str, str]]:
    sites = {"primary": {**of(None), "region": "dc-1"}, "standby": of(engine)}
    phases = {"data": {"acknowledge": "none", "steps": {"fence": {"fence": {"site": "primary"}}, "it": {**step, "after": ["fence"]}}}}
    return codes(sites=sites, phases=phases, **keys)


@pytest.mark.parametrize(
    ("playbook", "engine", "fix"),
    [
        ("promote_postgres.yml", "mysql", "Did you mean 'promote_mysql.yml'?"),
        ("promote_repmgr.yml", "mysql", "Did you mean 'promote_mysql.yml'?"),
        ("promote_mysql.yml", None, "Did you mean 'promote_postgres.yml'? Else write sites.standby.database.engine: mysql."),
        (None, "mysql", "Write playbook: promote_mysql.yml."),
        ("promote_mysql.yml", "mysql", ""),
        ("promote_rds.yml", "mysql", ""),
        (None, None, ""),
    ],
)
def test_a_playbook_of_another_engine_is_told_with_the_right_one(playbook: str | None, engine: str | None, fix: str) -> None:
    step = {"database.promote": {"site": "standby", **({"playbook": playbook} if playbook else {})}}

    assert problems(step, engine) == ([("S050", fix)] if fix else [])


def test_a_replica_of_another_engine_is_none() -> None:
    step = {"verify.replication": {"site": "standby", "from": "primary"}}

    assert [code for code, _ in problems(step, "mysql")] == ["S050"]
    assert problems(step, "postgres") == []


@pytest.mark.parametrize(("engine", "canary"), [("mysql", "postgres"), (None, "mysql"), ("mysql", "mysql"), (None, "postgres")])
def test_a_canary_writes_to_the_engine_that_is_promoted(engine: str | None, canary: str) -> None:
    playbook = f"promote_{engine or 'postgres'}.yml"

    seen = problems({"database.promote": {"site": "standby", "playbook": playbook}}, engine, canary={canary: "secret:DSN"})

    right = engine or "postgres"
    assert seen == ([] if canary == right else [("S050", f"Write canary: {{{right}: secret:NAME}}.")])


@pytest.mark.parametrize("canary", [{}, {"postgres": "secret:A", "mysql": "secret:B"}])
def test_a_canary_has_exactly_one_engine(canary: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="exactly one of: postgres, mysql"):
        plan(canary=canary)


def test_a_canary_keeps_the_digest_it_had_and_names_its_secret() -> None:
    old, new = (plan(canary={engine: "secret:DSN"}).canary for engine in ("postgres", "mysql"))

    assert (old, new) != (None, None)
    assert [canary.secret for canary in (old, new) if canary] == ["secret:DSN"] * 2
    assert old is not None
    assert old.model_dump(mode="json") == {"postgres": "secret:DSN", "every_s": 0.1}


def test_an_engine_nobody_knows_is_refused_and_a_port_is_as_the_engine_has_it() -> None:
    with pytest.raises(ValidationError, match="'postgres' or 'mysql'"):
        plan(sites={"primary": of("oracle")})

    assert [port_of(plan(sites={"primary": of(engine)}).site("primary").options) for engine in ("mysql", None)] == [3306, 5432]


@pytest.mark.parametrize("server", ["ns1.example.com", "192.0.2.53:0", "192.0.2.53:99999", "http://192.0.2.53"])
def test_a_name_server_is_an_address_with_a_port(server: str) -> None:
    with pytest.raises(ValidationError, match="expected the address of a name server"):
        plan(zones={"example.com": {"provider": "rfc2136", "servers": [server]}})


@pytest.mark.parametrize("provider", ["route54", "bind"])
def test_an_unknown_provider_of_a_zone_is_refused(provider: str) -> None:
    with pytest.raises(ValidationError):
        plan(zones={"example.com": {"provider": provider}})


@pytest.mark.parametrize(
    "lever",
    [
        {"strategy": "s-1", "pools": {"primary": "DEFAULT"}},
        {"plan": 7, "primary": "primary", "standby": "standby"},
        {"instance": "gtm-1", "config": "c-1", "pools": {"primary": "p-1"}},
        {"endpoints": {"us-east-1": "https://a.example.com"}, "controls": {"primary": "arn:1"}},
        {"check": "h-1", "primary": "primary", "standby": "standby"},
    ],
)
def test_a_lever_is_one_of_five_things(lever: dict[str, Any]) -> None:
    zones = {"example.com": {"provider": "gtm", "levers": {"shop.example.com": lever}}}
    assert plan(zones=zones).zones[0].options["levers"]["shop.example.com"] == lever

    for half in ({**lever, "strategy": "s-2", "check": "h-2"}, dict(list(lever.items())[:-1])):
        with pytest.raises(ValidationError, match="expected exactly one of"):
            plan(zones={"example.com": {"provider": "gtm", "levers": {"shop.example.com": half}}})


def test_a_zone_that_is_updated_dynamically_names_its_primary() -> None:
    with pytest.raises(ValidationError, match="expected primary"):
        plan(zones={"example.com": {"provider": "rfc2136"}})


def test_how_a_site_is_cut_off_travels_in_the_plan_as_it_was_written() -> None:
    site = {"provider": "hosts", "region": "dc-1", "cut": {"for": "20m", "keep": ["192.0.2.9"]}}

    assert plan(sites={"primary": site}).site("primary").options["cut"] == {"for": 1200.0, "keep": ["192.0.2.9"]}
    site = {"provider": "aliyun", "region": "cn-hangzhou", **ALLOWED, "cut": {"doors": ["slb", "polardb"]}}
    assert plan(sites={"primary": site}).site("primary").options["cut"] == {"doors": ["slb", "polardb"]}
    for wrong in ({"method": "unplug"}, {"held": ["192.0.2.9"]}, {"doors": "perhaps"}, {"doors": ["polar"]}):
        with pytest.raises(ValidationError):
            plan(sites={"primary": {**CLOUD, **ALLOWED, "cut": wrong}})


def test_a_scenario_that_takes_something_away_is_judged_by_its_recovery() -> None:
    unjudged = {"rto": "8m", "rpo": "30s", "rto_binds": "none"}

    assert [code for code, _ in codes(objectives=unjudged)] == ["S047"]
    look = {"look": {"acknowledge": "none", "steps": {"proof": {"probe.until": {"probe": "checkout"}}}}}
    assert codes(objectives=unjudged, phases=look, probes={"checkout": {"tcp": "127.0.0.1:1"}}) == []
