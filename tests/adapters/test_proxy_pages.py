"""A page that a proxy puts in the place of a cloud's answer is no answer: it never reads as "nothing there", "sent" or "all well"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from drill.adapters.dns_alidns import AlidnsDns
from drill.adapters.dns_alidns_calls import AlidnsCalls
from drill.adapters.doctor_aliyun import AliyunLooks
from drill.adapters.doctor_aws import AwsLooks
from drill.adapters.file_locks import FileLocks
from drill.adapters.gtm_access import GtmAccessMode, generation_of
from drill.adapters.gtm_plans import GtmRecoveryPlan
from drill.adapters.gtm_pools import GtmPools
from drill.adapters.outage_aliyun import AliyunSite, aliyun_fence, aliyun_outage
from drill.adapters.outage_aliyun_calls import AliyunCalls
from drill.adapters.outage_aws import AwsSite, aws_fence, aws_outage
from drill.adapters.outage_aws_client import AwsClients
from drill.adapters.outage_aws_fis import Experiment, FisOutage
from drill.adapters.sms_aliyun import AliyunMessenger
from drill.adapters.sms_aliyun_audit import AliyunAudit
from drill.adapters.sms_aliyun_global import AliyunGlobalMessenger
from drill.adapters.sms_aliyun_queue import AliyunReplySource
from drill.adapters.sms_aliyun_sdk import Account
from drill.adapters.sms_aws import AwsAccount, AwsMessenger, AwsSnsMessenger
from drill.adapters.sms_aws_replies import AwsReplySource
from drill.adapters.tagged_aliyun import tagged_in_aliyun
from drill.adapters.tagged_aws import tagged_in_aws
from drill.adapters.voice_aliyun import Script, VoiceMessenger
from drill.model.errors import InDoubt, Retryable
from drill.model.ports import InboundMessage, Messenger, OutboundMessage
from tests.adapters.portal import PAGES, Portal, portal

TAGS = {"drill": "allowed"}
AWS, ALIYUN = "ap-southeast-1", "cn-hangzhou"
TEXTS = {purpose: {"en": "SMS_1"} for purpose in ("gate", "status")}
Act = Callable[[], object]


@pytest.fixture(scope="module")
def serving() -> Iterator[Portal]:
    with portal() as opened:
        yield opened


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, serving: Portal) -> str:
    serving.page = PAGES[request.param]
    return str(request.param)


@pytest.fixture(scope="module")
def asked(serving: Portal, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Act]:
    """Everything that a drill asks a cloud, by what it is told by the answer."""
    at, url = f"127.0.0.1:{serving.server_port}", f"http://127.0.0.1:{serving.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        account = Account(at, "http", "key", "secret", 2000, 2000)
        return {**_aws(url), **_aliyun(account), **_names(account, tmp_path_factory.mktemp("locks")), **_replies(at, url, account)}


def _aws(url: str) -> dict[str, Act]:
    clients = cache(lambda region: AwsClients(region, lambda _service: url))
    for service in ("ec2", "iam", "sts", "fis", "service-quotas"):
        clients(AWS).of(service)
    site = {"primary": AwsSite(AWS, TAGS, 5)}
    ground: Any = None
    looks = AwsLooks(AWS, clients)
    fis = FisOutage({"primary": Experiment(AWS, "EXT1", TAGS)}, clients)
    return {
        "aws subnets": lambda: aws_outage(site, clients).preview("primary"),
        "aws cut or not": lambda: aws_outage(site, clients).isolated("primary"),
        "aws fenced machines": lambda: aws_fence(site, ground, ["primary"], clients).release("primary"),
        "aws experiments": lambda: fis.isolated("primary"),
        "aws leftovers": lambda: tagged_in_aws(clients(AWS), TAGS),
        "aws identity": looks.identity,
        "aws regions": looks.regions,
        "aws quota": lambda: looks.quota(AWS, "t3.micro"),
        "aws image": lambda: looks.has_image(AWS, "ami-1"),
    }


def _aliyun(account: Account) -> dict[str, Act]:
    calls = cache(lambda region: AliyunCalls(region, lambda _product, _host: account, sleep=lambda _s: None))
    site = {"primary": AliyunSite(ALIYUN, TAGS, 5)}
    ground: Any = None
    looks = AliyunLooks(ALIYUN, calls)
    return {
        "aliyun machines": lambda: aliyun_outage(site, calls).preview("primary"),
        "aliyun cut or not": lambda: aliyun_outage(site, calls).isolated("primary"),
        "aliyun fenced machines": lambda: aliyun_fence(site, ground, ["primary"], calls).release("primary"),
        "aliyun leftovers": lambda: tagged_in_aliyun(calls(ALIYUN), TAGS),
        "aliyun identity": looks.identity,
        "aliyun regions": looks.regions,
        "aliyun quota": lambda: looks.quota(ALIYUN, "ecs.t6"),
        "aliyun image": lambda: looks.has_image(ALIYUN, "m-1"),
        "aliyun change": lambda: _in_doubt(lambda: calls(ALIYUN).write("ecs", "CreateSecurityGroup", {})),
    }


def _names(account: Account, locks: Path) -> dict[str, Act]:
    calls = AlidnsCalls(account, sleep=lambda _s: None)
    dns = AlidnsDns("drill.test", calls, FileLocks(locks))
    access = GtmAccessMode("n", calls, "strategy", {"DEFAULT": "primary", "FAILOVER": "standby"}, generation=2)
    return {
        "alidns records": lambda: dns.read("shop.drill.test"),
        "alidns servers": lambda: dns.servers("shop.drill.test"),
        "alidns change": lambda: _in_doubt(lambda: calls.write("UpdateDomainRecord")),
        "gtm access": access.read,
        "gtm plan": GtmRecoveryPlan("n", calls, 1, primary="primary", standby="standby").read,
        "gtm pools": GtmPools("n", calls, "gtm-1", "config", {"primary": "a", "standby": "b"}).read,
        "gtm generation": lambda: generation_of(calls, "gtm-1"),
    }


def _replies(at: str, url: str, account: Account) -> dict[str, Act]:
    queue = AliyunReplySource(at, "http", "key", "secret", queue_endpoint=url, queue="q")
    parcels = AwsReplySource(AwsAccount(AWS, url, "k", "s"), queue_url=f"{url}/q")
    answer = InboundMessage("1", "+8613900000001", "1 4821", None, "handle")
    return {
        "aliyun answers": lambda: queue.receive(0),
        "aliyun answer done": lambda: queue.done(answer),
        "aliyun audit": AliyunAudit(account, sign="sign", templates=TEXTS).audit,
        "aws answers": lambda: parcels.receive(0),
        "aws answer done": lambda: parcels.done(answer),
    }


def _in_doubt(change: Act) -> None:
    """What is in doubt counts like what may be tried again: neither says that it was done."""
    try:
        change()
    except InDoubt as doubt:
        raise Retryable(str(doubt), code=doubt.code) from doubt


def test_whatever_is_asked_says_that_the_cloud_does_not_answer(page: str, asked: dict[str, Act]) -> None:
    said: dict[str, str] = {}
    for what, ask in asked.items():
        try:
            said[what] = f"took {page} for {ask()!r}"
        except Retryable:
            continue

    assert said == {}


def test_a_text_whose_answer_is_a_page_may_have_been_sent_and_is_not_called_accepted(page: str, serving: Portal) -> None:
    at, url = f"127.0.0.1:{serving.server_port}", f"http://127.0.0.1:{serving.server_port}"
    account = Account(at, "http", "key", "secret", 2000, 2000)
    home = OutboundMessage(
        "d-1:status/go:lead:x:0", "lead", "+8613900000001", "en", "status", dict.fromkeys(("drill", "phase", "state", "took"), "x")
    )
    abroad = OutboundMessage(home.id, "lead", "+14155550101", "en", "status", home.variables)
    ways: list[tuple[Messenger, OutboundMessage]] = [
        (AliyunMessenger(at, "http", "key", "secret", "sign", TEXTS), home),
        (VoiceMessenger(account, Script("4001", {"gate": {"en": "TTS_1"}}, {"en": "TTS_2"})), replace(home, purpose="gate")),
        (AliyunGlobalMessenger(account), abroad),
        (AwsMessenger(AwsAccount(AWS, url, "k", "s")), abroad),
        (AwsSnsMessenger(AwsAccount(AWS, url, "k", "s")), abroad),
    ]

    said = {result.provider: (result.state, result.code) for way, text in ways for result in [way.send(text)]}

    assert said == dict.fromkeys(said, ("in_doubt", "no-answer")), page
    assert all(way.look_up(text) == "unknown" for way, text in ways)
