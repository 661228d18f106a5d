"""The doors of Alibaba Cloud: listeners of three sorts of load balancers and allow-lists of two sorts of databases, and what stays open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from drill.adapters.outage_aliyun import DOORS, AliyunSite, aliyun_outage, doors_of
from drill.adapters.outage_aliyun_calls import AliyunCalls, Missing, own_host
from drill.adapters.outage_parts import DATABASE_TAG
from drill.adapters.sms_aliyun_sdk import Account
from drill.model.errors import Fatal, InDoubt, Retryable, StepError
from drill.sandbox.alidns_api import AlidnsRefused
from drill.sandbox.alidns_http import AlidnsServer
from drill.sandbox.balancers import BalancersApi
from drill.sandbox.ecs_doors import Balancer
from drill.sandbox.polardb_lists import Cluster
from tests.clouds.outage_aliyun_site import Aliyun
from tests.clouds.outage_calls import CAP, OPT_IN
from tests.clouds.outage_grounds import cloud

LISTENERS = {"lsn-alb-shop-443", "lsn-alb-shop-80", "lsn-nlb-shop@6379"}
OPEN = {"default": "10.0.0.0/8,192.168.1.1", "dts_ips": "100.104.0.0/16"}


@pytest.fixture
def ground() -> Iterator[Aliyun]:
    with cloud("aliyun:security-group") as found:
        assert isinstance(found, Aliyun)
        yield found


def cut(ground: Aliyun) -> Mapping[str, Any]:
    outage = ground.outage()
    return outage.isolate("primary", outage.snapshot("primary"))


def test_every_running_listener_of_a_load_balancer_that_opted_in_is_stopped_and_no_other(ground: Aliyun) -> None:
    before = ground.state()["listeners"]

    cut(ground)

    after = ground.state()["listeners"]
    assert {name for name, status in after.items() if status != before[name]} == LISTENERS
    assert {after[name] for name in LISTENERS} == {"Stopped"}


def test_every_list_of_a_polardb_cluster_that_asks_for_it_lets_nobody_in_but_the_services_own(ground: Aliyun) -> None:
    cut(ground)

    assert ground.polardb.clusters["pc-orders"].lists == {"default": "127.0.0.1", "dts_ips": OPEN["dts_ips"]}
    assert ground.polardb.clusters["pc-fenced"].lists == ground.polardb.clusters["pc-spared"].lists == OPEN


def test_a_preview_says_which_port_of_which_load_balancer_a_listener_is(ground: Aliyun) -> None:
    effects = {effect.target: effect for effect in ground.outage().preview("primary")}

    assert effects["primary/lsn-alb-shop-443"].detail == "StopListener (HTTPS 443 of alb-shop)"


@pytest.mark.parametrize("busy", ["alb", "polardb"])
def test_a_door_that_is_busy_for_a_moment_is_waited_for(ground: Aliyun, busy: str) -> None:
    ground.alb.balancers["alb-shop"].busy = 3 if busy == "alb" else 0
    ground.polardb.clusters["pc-orders"].refusals = 3 if busy == "polardb" else 0

    cut(ground)

    assert ground.outage().preview("primary") == []


@pytest.mark.parametrize("busy", ["alb", "polardb"])
def test_a_door_that_stays_busy_may_be_tried_again_and_everything_comes_back(ground: Aliyun, busy: str) -> None:
    before, snapshot = ground.state(), ground.outage().snapshot("primary")
    ground.alb.balancers["alb-shop"].busy = 100 if busy == "alb" else 0
    ground.polardb.clusters["pc-orders"].refusals = 100 if busy == "polardb" else 0

    with pytest.raises(Retryable) as failed:
        ground.outage().isolate("primary", snapshot)
    ground.alb.balancers["alb-shop"].busy = ground.polardb.clusters["pc-orders"].refusals = 0
    ground.outage().restore("primary", snapshot)

    assert failed.value.code == "A124"
    assert ground.state() == before


@pytest.mark.parametrize("fault", ["lost", "garbage"])
@pytest.mark.parametrize("action", ["StopListener", "ModifyDBClusterAccessWhitelist"])
def test_a_change_of_a_door_whose_answer_was_lost_is_read_back_and_not_repeated(ground: Aliyun, action: str, fault: Any) -> None:
    ground.server.order(action, fault)

    cut(ground)

    assert ground.server.log.count(action) == (len(LISTENERS) if action == "StopListener" else 1)
    assert ground.outage().preview("primary") == []


@pytest.mark.parametrize("action", ["StopListener", "ModifyDBClusterAccessWhitelist"])
def test_a_change_of_a_door_that_was_not_carried_out_is_in_doubt_until_it_is_tried_again(ground: Aliyun, action: str) -> None:
    before, snapshot = ground.state(), ground.outage().snapshot("primary")
    ground.server.order(action, "gone")

    with pytest.raises(InDoubt) as doubt:
        ground.outage().isolate("primary", snapshot)
    ground.outage().isolate("primary", snapshot)
    assert ground.outage().preview("primary") == []
    ground.outage().restore("primary", snapshot)

    assert doubt.value.code == "A350"
    assert ground.state() == before


def test_the_cut_is_over_only_when_every_listener_has_stopped(ground: Aliyun) -> None:
    cut(ground)

    assert {row.status for api in (ground.alb, ground.nlb) for row in listeners(api) if row.id in LISTENERS} == {"Stopped"}


def listeners(api: BalancersApi) -> list[Any]:
    return [row for each in api.balancers.values() for row in each.listeners.values()]


@pytest.mark.parametrize("door", ["alb-shop", "nlb-shop", "lb-shop", "rm-orders", "pc-orders"])
def test_a_door_that_lost_its_tag_since_it_was_written_down_stops_the_cut_before_any_is_touched(ground: Aliyun, door: str) -> None:
    snapshot = ground.outage().snapshot("primary")
    held: Mapping[str, Any] = {
        **ground.alb.balancers,
        **ground.nlb.balancers,
        **ground.slb.balancers,
        **ground.rds.databases,
        **ground.polardb.clusters,
    }
    del held[door].tags["drill"]
    before = ground.state()

    with pytest.raises(Fatal) as refused:
        ground.outage().isolate("primary", snapshot)

    assert refused.value.code == "A213"
    assert ground.state() == before
    assert ground.calls.made == []


def test_doors_count_against_the_cap(ground: Aliyun) -> None:
    ground.alb.add("alb-more", OPT_IN, *(("HTTP", port, "Running") for port in range(CAP)))
    before = ground.state()

    with pytest.raises(Fatal) as refused:
        cut(ground)

    assert refused.value.code == "A215"
    assert ground.state() == before


def test_what_opted_in_and_stays_open_is_named(ground: Aliyun) -> None:
    ground.rds.databases["rm-orders"].groups = ("sg-batch",)
    ground.polardb.clusters["pc-orders"].groups = ("sg-apps", "sg-batch")

    told = cut(ground)["not_cut"]

    assert "the database rm-fenced, which is left to a fence: it does not carry drill-cut: yes" in told
    assert "the PolarDB cluster pc-fenced, which is left to a fence: it does not carry drill-cut: yes" in told
    assert "the members of sg-batch, which the database rm-orders lets in beside its allow-lists" in told
    assert "the members of sg-apps, sg-batch, which the PolarDB cluster pc-orders lets in beside its allow-lists" in told
    assert not any("spared" in text for text in told)


def test_caches_and_buckets_that_opted_in_are_named_and_what_no_part_of_a_site_lives_in_is_not(ground: Aliyun) -> None:
    here = f"arn:acs:%s:{ground.region}:1234567890123456:%s"
    for service, name in (("kvstore", "instance/r-carts"), ("oss", "shop-files"), ("kms", "key/1"), ("ecs", "instance/i-1")):
        ground.tagged.resources[here % (service, name)] = dict(OPT_IN)
    ground.tagged.resources[here % ("oss", "spared")] = {}

    told = cut(ground)["not_cut"]

    assert [text for text in told if "no outage touches" in text] == [
        "kvstore, of which no outage touches anything: instance/r-carts",
        "oss, of which no outage touches anything: shop-files",
    ]


def test_doors_of_products_that_a_site_leaves_out_are_neither_asked_nor_touched_but_named(ground: Aliyun) -> None:
    site = {"primary": AliyunSite(ground.region, OPT_IN, CAP, doors=("slb",))}
    outage = aliyun_outage(site, ground.opened, poll_s=0.01)

    found = outage.isolate("primary", outage.snapshot("primary"))

    assert {row.partition(" ")[0] for row in found["cut"]} == {"machine", "listener"}
    assert "clusters of PolarDB: they are left out by cut.doors" in found["not_cut"]
    assert not {"ListLoadBalancers", "DescribeDBClusters", "DescribeDBInstances"} & set(ground.server.log)


@pytest.mark.parametrize(("said", "shut"), [({}, DOORS), (True, DOORS), (False, ()), (["polardb", "slb"], ("slb", "polardb"))])
def test_a_site_says_which_doors_are_shut(said: Any, shut: tuple[str, ...]) -> None:
    assert doors_of({} if said == {} else {"cut": {"doors": said}}) == shut


def test_more_doors_than_one_page_are_all_found(ground: Aliyun) -> None:
    ground.alb._page = 7
    for number in range(45):
        ground.alb.add(f"alb-{number}", OPT_IN, ("HTTP", 80, "Running"))
        ground.slb.balancers[f"lb-{number}"] = Balancer(f"lb-{number}", OPT_IN, {("http", 80): "running"})
    for number in range(60):
        ground.polardb.clusters[f"pc-{number}"] = Cluster(f"pc-{number}", {**OPT_IN, **DATABASE_TAG}, dict(OPEN))

    targets = [effect.target for effect in ground.outage().preview("primary")]

    assert sum(target.startswith("primary/lsn-alb-") for target in targets) == 47
    assert sum(target.startswith("primary/pc-") for target in targets) == 61


@pytest.mark.parametrize(
    ("product", "region", "host"),
    [
        ("alb", "cn-hangzhou", "alb.cn-hangzhou.aliyuncs.com"),
        ("nlb", "eu-central-1", "nlb.eu-central-1.aliyuncs.com"),
        ("polardb", "cn-hangzhou", "polardb.aliyuncs.com"),
        ("polardb", "eu-central-1", "polardb.eu-central-1.aliyuncs.com"),
    ],
)
def test_each_product_is_asked_at_its_own_address(product: str, region: str, host: str) -> None:
    assert own_host(product, region) == host


@dataclass(frozen=True)
class Refusing:
    """A network load balancer that refuses (as Actions of the server)."""

    code: str
    version = "2022-04-30"
    actions = frozenset({"StopListener"})

    def call(self, _action: str, _query: Mapping[str, Any]) -> dict[str, Any]:
        raise AlidnsRefused(self.code)


@pytest.mark.parametrize(
    ("code", "sort", "ours"),
    [
        ("IncorrectStatus.listener", Retryable, "A124"),
        ("ResourceInConfiguring.Listener", Retryable, "A124"),
        ("SystemBusy", Retryable, "A124"),
        ("IncorrectDBInstanceState", Retryable, "A124"),
        ("OperationDenied.DBClusterStatus", Retryable, "A124"),
        ("ResourceNotFound.listener", Missing, "A214"),
        ("InvalidDBClusterId.NotFound", Missing, "A214"),
        ("Forbidden.RAM", Fatal, "A224"),
        ("OperationDenied.ListenerLocked", Fatal, "A222"),
    ],
)
def test_what_a_door_answers_is_told_in_our_words(code: str, sort: type[StepError], ours: str) -> None:
    server = AlidnsServer([Refusing(code)], {"key": "secret"})
    server.start()
    try:
        calls = AliyunCalls("cn-hangzhou", lambda _product, _host: Account(server.endpoint, "http", "key", "secret"), sleep=lambda _s: None)
        with pytest.raises(sort) as refused:
            calls.insist("nlb", "StopListener", {"ListenerId": "lsn-1"})
    finally:
        server.end()

    assert (type(refused.value), refused.value.code) == (sort, ours)
    assert refused.value.fix


@pytest.mark.parametrize(("product", "where"), [("alb", "query"), ("nlb", "body")])
def test_a_stop_says_what_it_stops_where_the_products_own_sdk_does(monkeypatch: pytest.MonkeyPatch, product: str, where: str) -> None:
    sent: list[Any] = []

    def call_api(_client: object, _call: object, request: Any, _how: object) -> dict[str, Any]:
        sent.append(request)
        return {"body": {"JobId": "1", "RequestId": "1"}}

    monkeypatch.setattr("alibabacloud_tea_openapi.client.Client.call_api", call_api)
    calls = AliyunCalls("cn-hangzhou", lambda _product, _host: Account("127.0.0.1:1", "http", "key", "secret"))

    calls.write(product, "StopListener", {"ListenerId": "lsn-1"})

    assert getattr(sent[0], where) == {"ListenerId": "lsn-1"}
    assert not getattr(sent[0], "body" if where == "query" else "query")
