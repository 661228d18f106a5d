"""Puts together how a plan's messages leave and how answers come in: its texts at home and abroad, and its other channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from drill.model.channel_order import Outcome, outcomes
from drill.model.errors import PreflightFailed
from drill.model.events import Kind
from drill.model.plan import Plan
from drill.model.plan_channels import Abroad, Channel
from drill.model.ports import Auditor, Messenger, ReplySource, Secrets
from drill.model.wording import Language, Template
from drill.wiring.endpoints import alibaba_endpoint

if TYPE_CHECKING:
    from drill.adapters.sms_aws import AwsAccount
    from drill.wiring.records import Records

ALIYUN: Final = "dysmsapi.aliyuncs.com"
_REPLIES: Final = "dybaseapi.aliyuncs.com"
QUEUES: Final = "1943695596114318.mns.cn-hangzhou.aliyuncs.com"
"""Alibaba's own account, the same for every customer."""
_LOOK_BACK: Final = 5
"""So many drills back, what became of messages says something about the channels of today."""


@dataclass(frozen=True)
class Carrier:
    """Where texts to mainland numbers are handed in, and where answers to them wait. Keys are values, not references."""

    endpoint: str
    protocol: Literal["http", "https"]
    key_id: str
    key_secret: str = field(repr=False)
    queue_endpoint: str = ""
    queue: str = ""
    reply_endpoint: str = ""
    """Who hands out keys to the queue, where that is another host."""
    voice_endpoint: str = "dyvmsapi.aliyuncs.com"
    voice_queue: str = ""
    """Where the reports of calls arrive, when a plan does not say it."""
    white_list: bool = False
    """Every number is on it: notifications to them are not counted."""


@dataclass(frozen=True)
class Post:
    """How messages go and come. `warm` imports and connects ahead of need what is slow to start."""

    messengers: Mapping[str, Messenger]
    replies: ReplySource | None
    auditor: Auditor | None
    warm: tuple[Callable[[], None], ...]
    receipts: ReplySource | None = None
    """Where the carrier tells by itself what became of texts, when the plan wants to hear it."""


def open_post(plan: Plan, secrets: Secrets, carrier: Carrier) -> Post:
    """Everything the plan's `messages` name. Raises: PreflightFailed: a secret is not set, or an address would show its token."""
    from drill.adapters.channels_routed import MergedReplySource, RoutedMessenger
    from drill.adapters.sms_aliyun import AliyunMessenger
    from drill.adapters.sms_aliyun_limits import Terms
    from drill.adapters.sms_aliyun_queue import AliyunReplySource

    sms = plan.messages.sms
    keys = (carrier.key_id, carrier.key_secret)
    sign = secrets.get(sms.sign if sms else "secret:SMS_SIGN")
    domestic = AliyunMessenger(carrier.endpoint, carrier.protocol, *keys, sign, sms.templates if sms else {})
    kind = sms.kind if sms else "notification"
    domestic.terms = Terms("exempt" if carrier.white_list and kind == "notification" else kind, sms.per_second if sms else 0.0)
    queue = AliyunReplySource(
        carrier.reply_endpoint or carrier.endpoint, carrier.protocol, *keys, queue_endpoint=carrier.queue_endpoint, queue=carrier.queue
    )
    providers: dict[str, Any] = {"aliyun": domestic}
    sources: list[Any] = [queue] if sms is None or sms.inbound != "push" else []
    if sms and sms.abroad:
        providers[sms.abroad.provider] = _abroad(sms.abroad, secrets)
        sources += _replies_abroad(sms.abroad, secrets)
    sources += [_reports(row, carrier) for row in plan.messages.channels if row.kind == "voice"]
    messengers = {"sms": RoutedMessenger(providers), **{row.id: _channel(row, secrets, carrier) for row in plan.messages.channels}}
    replies = MergedReplySource(sources) if len(sources) > 1 else next(iter(sources), None)
    warm = tuple(slow.warm for slow in (*providers.values(), *sources))
    told = _receipts(carrier) if sms and sms.receipts == "queue" else None
    return Post(messengers, replies, open_auditor(plan, secrets, carrier), warm, told)


def _receipts(carrier: Carrier) -> ReplySource:
    from drill.adapters.sms_aliyun_queue import AliyunReplySource

    queue = carrier.queue.removesuffix("SmsUp") + "SmsReport"
    keys = (carrier.key_id, carrier.key_secret)
    return AliyunReplySource(
        carrier.reply_endpoint or carrier.endpoint,
        carrier.protocol,
        *keys,
        queue_endpoint=carrier.queue_endpoint,
        queue=queue,
        kind="SmsReport",
    )


def channels_alone(plan: Plan, secrets: Secrets) -> dict[str, Messenger]:
    """The plan's channels that need no carrier of texts. Raises: PreflightFailed: a secret is not set (F010)."""
    return {row.id: _channel(row, secrets, Carrier("", "https", "", "")) for row in plan.messages.channels if row.kind != "voice"}


def no_post() -> Post:
    """Messages go and come through senders elsewhere: nothing of it is here."""
    return Post({}, None, None, ())


def open_auditor(plan: Plan, secrets: Secrets, carrier: Carrier) -> Auditor:
    """What the provider's audit says of the plan's sign and templates. Raises: PreflightFailed: a secret is not set."""
    from drill.adapters.sms_aliyun_audit import AliyunAudit
    from drill.adapters.sms_aliyun_sdk import Account

    sms = plan.messages.sms
    account = Account(carrier.endpoint, carrier.protocol, carrier.key_id, carrier.key_secret)
    sign = secrets.get(sms.sign if sms else "secret:SMS_SIGN")
    return AliyunAudit(account, sign=sign, templates=sms.templates if sms else {}, needed=lambda template: sends(plan, template))


def sends(plan: Plan, template: Template) -> bool:
    """Whether a plan may send a text: in a language somebody is texted in, and for a reason it has."""
    languages = {contact.language for contact in plan.contacts if "sms" in contact.channels}
    reasons = {
        "gate": any(len(gate.phases) == 1 for gate in plan.gates),
        "joint": any(len(gate.phases) > 1 for gate in plan.gates) or _may_join(plan, template.language),
        "escalation": any(gate.then for gate in plan.gates),
        "status": any(phase.notify for phase in plan.all_phases()),
    }
    return template.language in languages and reasons.get(template.purpose, True)


def _may_join(plan: Plan, language: Language) -> bool:
    """Whether two questions to one person may go out as one, if they come close: it has a template for it then."""
    asked = [contact for gate in plan.gates if gate.by == "person" and not gate.by_hand for contact in {*gate.ask, *gate.then}]
    texted = {contact.id for contact in plan.contacts if contact.language == language and "sms" in contact.channels}
    written = plan.messages.sms is not None and language in plan.messages.sms.templates.get("joint", {})
    return written and any(asked.count(contact) > 1 for contact in texted)


def past_outcomes(records: Records, drill: str, plan: Plan) -> list[Outcome]:
    """What became of the messages of the last drills in the same mode, oldest first: a sandbox's carrier says nothing about a real one."""
    earlier = [name for name in records.journal.drills() if name != drill][-_LOOK_BACK:]
    kinds = frozenset({Kind.DRILL_PLANNED, Kind.MESSAGE_SENT, Kind.MESSAGE_DELIVERED})
    found: list[Outcome] = []
    for name in earlier:
        facts = records.journal.read(name, kinds=kinds)
        if facts and facts[0].data.get("plan", {}).get("mode") == plan.mode:
            found += outcomes(facts)
    return found


def live_carrier(plan: Plan, secrets: Secrets, *, hears: bool = False) -> Carrier:
    """Alibaba's own service, with the secrets SMS_KEY_ID and SMS_KEY_SECRET; `hears` also needs SMS_QUEUE, where answers wait.

    Raises: PreflightFailed: one is not set (F010), texts go through another provider (F042), or an endpoint may not be used (F045).
    """
    sms = plan.messages.sms
    if sms is None or sms.provider != "aliyun":
        named = sms.provider if sms else "none"
        raise PreflightFailed(
            f"messages.sms.provider is {named}: there is no audit to read.", code="F042", fix="Only aliyun audits signs and templates."
        )
    texts, replies = alibaba_endpoint("dysmsapi", ALIYUN), alibaba_endpoint("dybaseapi", _REPLIES)
    queues, voice = alibaba_endpoint("mns", QUEUES), alibaba_endpoint("dyvmsapi", Carrier.voice_endpoint)
    return Carrier(
        texts.host,
        texts.protocol,
        secrets.get("SMS_KEY_ID"),
        secrets.get("SMS_KEY_SECRET"),
        queue_endpoint=f"{queues.protocol}://{queues.host}",
        queue=secrets.get("SMS_QUEUE") if hears and sms.inbound != "push" else "",
        reply_endpoint=replies.host,
        voice_endpoint=voice.host,
    )


def _abroad(abroad: Abroad, secrets: Secrets) -> Messenger:
    from drill.adapters.sms_aliyun_global import ENDPOINT, AliyunGlobalMessenger
    from drill.adapters.sms_aliyun_sdk import Account
    from drill.adapters.sms_aws import AwsMessenger, AwsSnsMessenger
    from drill.adapters.sms_aws_receipts import AwsReceipts

    sender = secrets.get(abroad.origination) if abroad.origination else ""
    if abroad.provider == "aliyun-global":
        protocol: Literal["http", "https"] = "http" if abroad.endpoint.startswith("http://") else "https"
        keys = (secrets.get(abroad.key_id), secrets.get(abroad.key_secret))
        account = Account(abroad.endpoint or ENDPOINT, protocol, *keys)
        return AliyunGlobalMessenger(account, sender=sender, per_second=abroad.per_second)
    if abroad.provider == "aws-sns":
        return AwsSnsMessenger(_aws(abroad, secrets), origination=sender, per_second=abroad.per_second)
    receipts = AwsReceipts(_aws(abroad, secrets), queue_url=secrets.get(abroad.receipts)) if abroad.receipts else None
    events: dict[str, Any] = {"configuration_set": abroad.configuration_set, "receipts": receipts}
    return AwsMessenger(_aws(abroad, secrets), origination=sender, per_second=abroad.per_second, **events)


def _replies_abroad(abroad: Abroad, secrets: Secrets) -> list[ReplySource]:
    if not abroad.replies:
        return []
    from drill.adapters.sms_aws_replies import AwsReplySource

    return [AwsReplySource(_aws(abroad, secrets), queue_url=secrets.get(abroad.replies))]


def _aws(abroad: Abroad, secrets: Secrets) -> AwsAccount:
    from drill.adapters.sms_aws import AwsAccount

    keys = (secrets.get(abroad.key_id), secrets.get(abroad.key_secret)) if abroad.key_id else (None, None)
    return AwsAccount(abroad.region, abroad.endpoint or None, *keys)


def _voice(row: Channel, secrets: Secrets, carrier: Carrier) -> Messenger:
    from drill.adapters.sms_aliyun_sdk import Account
    from drill.adapters.voice_aliyun import Script, VoiceMessenger

    account = Account(carrier.voice_endpoint, carrier.protocol, carrier.key_id, carrier.key_secret)
    script = Script(secrets.get(row.show), row.templates, row.thanks)
    return VoiceMessenger(account, script, channel=row.id, per_second=row.per_second)


def _reports(row: Channel, carrier: Carrier) -> ReplySource:
    from drill.adapters.voice_aliyun_reports import VoiceReportSource

    keys, queue = (carrier.key_id, carrier.key_secret), row.queue or carrier.voice_queue
    return VoiceReportSource(
        carrier.reply_endpoint or carrier.endpoint, carrier.protocol, *keys, queue_endpoint=carrier.queue_endpoint, queue=queue
    )


def _channel(row: Channel, secrets: Secrets, carrier: Carrier) -> Messenger:
    from drill.adapters.channels_robots import Robot, RobotMessenger
    from drill.adapters.channels_smtp import MailServer, SmtpMessenger

    def value(reference: str) -> str:
        return secrets.get(reference) if reference else ""

    if row.kind == "smtp":
        server = MailServer(row.host, row.port, row.sender, row.tls, user=value(row.user), password=value(row.password))
        return SmtpMessenger(server, channel=row.id, per_second=row.per_second)
    if row.kind == "voice":
        return _voice(row, secrets, carrier)
    robot = Robot(row.id, row.kind, value(row.url), secret=value(row.secret), private=row.private)
    return RobotMessenger(robot, per_second=row.per_second)
