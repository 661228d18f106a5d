"""What everything that looks at a site promises, the real ones and the fakes alike: probes, guards, name servers, what sites say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.ground_described import DescribedGround
from drill.adapters.guards_http import HttpGuards
from drill.adapters.probes import Probes
from drill.adapters.propagation import DnsPropagation
from drill.model.errors import Fatal
from drill.model.plan import Guard, Probe, Site
from drill.model.ports import Ground, GuardRunner, ProbeRunner, Propagation, RecordSet, Sample
from drill.model.propagation import Agreement, PropagationResult, ServerAnswers
from drill.sandbox.blueprint import Blueprint
from drill.sandbox.ground import SandboxGround
from tests.adapters.loopback import OK, say, serving
from tests.adapters.monitoring import alert, monitoring
from tests.fakes import FakeGuards, FakeProbes, FakePropagation, FakeSecrets
from tests.sandbox.name_server import Script, a_record, running_name_servers

BEFORE = RecordSet("shop.drill.test", "A", 1, ("127.0.1.1",))
AFTER = RecordSet("shop.drill.test", "A", 1, ("127.0.2.1",))
Watched = Callable[..., PropagationResult]


@pytest.fixture(params=["fake", "http"])
def asked(request: pytest.FixtureRequest) -> Iterator[ProbeRunner]:
    """A probe `well` of a site `primary`, and one `sick`."""
    if request.param == "fake":
        yield FakeNamedProbes()
        return
    with serving(say(OK)) as well, serving(say(OK.replace(b"200 OK", b"500 No"))) as sick:
        urls = {"well": f"http://127.0.0.1:{well.port}/", "sick": f"http://127.0.0.1:{sick.port}/"}
        rows = {name: Probe.model_validate({"id": name, "timeout_s": 20.0, "http": url}) for name, url in urls.items()}
        yield Probes(rows, None, lambda _address: "primary")


class FakeNamedProbes:
    """The fake, with a script for each probe."""

    def __init__(self) -> None:
        self._probes = {"well": FakeProbes("primary"), "sick": FakeProbes("status 500")}

    def ask(self, probe: str) -> Sample:
        return self._probes[probe].ask(probe)


def test_a_probe_that_is_answered_well_says_where_and_when(asked: ProbeRunner) -> None:
    sample = asked.ask("well")

    assert (sample.ok, sample.error, sample.site) == (True, "", "primary")
    assert sample.address
    assert sample.received_s is not None
    assert sample.received_s >= sample.sent_s


def test_a_probe_that_fails_is_an_answer_and_no_error(asked: ProbeRunner) -> None:
    sample = asked.ask("sick")

    assert not sample.ok
    assert "500" in sample.error


@pytest.fixture(params=["fake", "http"])
def guards(request: pytest.FixtureRequest) -> Iterator[GuardRunner]:
    """A guard for each thing that one look can say; `far` cannot be seen."""
    if request.param == "fake":
        yield FakeGuards(calm=["holds"], worse=["broken"], pager=["firing"], far=["lost"])
        return
    with monitoring() as good, monitoring() as bad, monitoring() as away:
        bad.result, good.alerts, away.status = [], [alert("Down")], 500
        queries = {"calm": good.url, "worse": bad.url, "far": away.url}
        rows = [Guard(id=name, asks="prometheus", url=url, query="up", for_s=20.0) for name, url in queries.items()]
        yield HttpGuards([*rows, Guard(id="pager", asks="alertmanager", url=good.url, alert="Down", for_s=20.0)])


def test_a_look_says_what_was_seen_and_when(guards: GuardRunner) -> None:
    looks = {name: guards.ask(name) for name in ("calm", "worse", "pager", "far")}

    assert {name: look.state for name, look in looks.items()} == {"calm": "holds", "worse": "broken", "pager": "firing", "far": "lost"}
    assert all(look.received_s >= look.sent_s for look in looks.values())
    assert {name for name, look in looks.items() if look.detail} == {"worse", "pager", "far"}


def test_a_guard_that_nobody_knows_is_a_mistake_of_the_plan(guards: GuardRunner) -> None:
    with pytest.raises(Fatal) as refused:
        guards.ask("nobody")

    assert refused.value.code == "A261"


@pytest.fixture(params=["fake", "dns"])
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Watches two servers, of which the second may keep the old answer."""
    with ExitStack() as stack:
        yield lambda **asked: _watch(request.param, stack, **asked)


def _watch(
    kind: str, stack: ExitStack, *, lags: bool, within_s: float, stopping: bool = False, on_change: Callable[[ServerAnswers], None]
) -> PropagationResult:
    old, new = a_record("127.0.1.1"), a_record("127.0.2.1")
    servers = [("127.0.0.1", 1), ("127.0.0.1", 2)]
    watcher: Propagation = FakePropagation(lagging=["127.0.0.1:2"] if lags else [])
    if kind == "dns":
        servers, watcher = stack.enter_context(running_name_servers([Script(new), Script(old if lags else new)])), DnsPropagation()
    agreement = Agreement(need=3, every_s=0.02, within_s=within_s)
    return watcher.watch(servers, AFTER, BEFORE, agreement=agreement, stopping=lambda: stopping, on_change=on_change)


def test_servers_that_all_turned_have_settled_and_each_was_told(watched: Watched) -> None:
    told: list[ServerAnswers] = []

    result = watched(lags=False, within_s=30.0, on_change=told.append)

    assert result.settled
    assert {row.server for row in told} == {row.server for row in result.servers}
    assert all((row.state, row.values, row.in_a_row >= 3) == ("new", ("127.0.2.1",), True) for row in result.servers)


def test_a_server_that_keeps_the_old_answer_is_named_when_the_time_is_over(watched: Watched) -> None:
    result = watched(lags=True, within_s=2.0, on_change=lambda _row: None)

    assert not result.settled
    assert [row.state for row in result.servers] == ["new", "old"]
    assert result.servers[1].values == BEFORE.values


@pytest.fixture(params=["described", "sandbox"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    if request.param == "sandbox":
        return SandboxGround(Blueprint(), {"primary": "a", "standby": "b"})
    options: dict[str, Any] = {
        "addresses": ["127.0.1.1"],
        "database": {"host": "127.0.0.1", "port": 5432, "user": "drill", "dbname": "shop"},
    }
    sites = [Site(id=name, provider="hosts", region=region, options=options) for name, region in (("primary", "a"), ("standby", "b"))]
    return DescribedGround(sites, project=tmp_path, secrets=FakeSecrets({}), last_lsn=str)


def test_a_site_says_its_region_its_addresses_and_where_its_database_is(ground: Ground) -> None:
    seen, access = ground.attributes("standby"), ground.database("standby")

    assert seen["region"] == "b"
    assert all(isinstance(address, str) for address in seen["addresses"])
    assert (seen["pg_port"], access.engine) == (access.port, "postgres")
    assert "password" not in access.conninfo()
    assert isinstance(ground.last_primary_lsn(), str)


def test_an_inventory_has_the_site_in_one_group_and_the_other_one_in_the_next(ground: Ground) -> None:
    for site, other in (("primary", "standby"), ("standby", "primary")):
        groups = ground.inventory(site)["all"]["children"]

        assert (list(groups["pg_target"]["hosts"]), list(groups["pg_peer"]["hosts"])) == ([site], [other])
        assert "host=127.0.0.1" in groups["pg_target"]["hosts"][site]["pg_conninfo"]


@pytest.mark.parametrize("look", ["attributes", "database", "inventory"])
def test_a_site_that_is_not_there_is_told_with_those_that_are(ground: Ground, look: str) -> None:
    with pytest.raises(Fatal, match="elsewhere") as refused:
        getattr(ground, look)("elsewhere")

    assert refused.value.code == "A250"
    assert "primary, standby" in refused.value.fix
