"""How messages leave, as a plan holds it: texts at home and abroad, further channels, and what is promised about them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ChannelKind = Literal["smtp", "voice", "dingtalk", "wecom", "feishu", "slack", "webhook"]
AbroadProvider = Literal["aws", "aws-sns", "aliyun-global"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Abroad(_Frozen):
    """Texts to numbers outside mainland China. Origination, keys, and the SQS queues `replies` and `receipts` are secret references."""

    provider: AbroadProvider
    region: str = ""
    origination: str = ""
    replies: str = ""
    receipts: str = ""
    configuration_set: str = ""
    key_id: str = ""
    key_secret: str = ""
    endpoint: str = ""
    per_second: float = 0.0


class SmsSettings(_Frozen):
    """How text messages leave. `templates` maps purpose to language to template code."""

    provider: str
    sign: str
    templates: dict[str, dict[str, str]] = {}
    abroad: Abroad | None = None
    kind: Literal["notification", "code", "exempt"] = "notification"
    """What the carrier audited the templates as: decides how many texts a number gets. `exempt`: it is on the white list."""
    per_second: float = 0.0
    """How many texts a second the account takes; 0: the vendor's own rate."""
    inbound: Literal["queue", "push", "both"] = "queue"
    """How answers come in: fetched from the carrier's queue, or pushed to the web server."""
    receipts: Literal["look-up", "queue"] = "look-up"
    """How the carrier tells what became of a text; one that pushes answers may push receipts too."""


class Channel(_Frozen):
    """A channel beside texts. `url`, `secret`, `user`, `password` and `show` are secret references; the rest is a mail server's."""

    id: str
    kind: ChannelKind
    url: str = ""
    secret: str = ""
    private: bool = False
    """Only the contact reads it: a reply code may stand in it. A mailbox is; a group chat is not."""
    host: str = ""
    port: int = 0
    tls: Literal["tls", "starttls", "none"] = "starttls"
    sender: str = ""
    user: str = ""
    password: str = ""
    per_second: float = 0.0
    """How many messages a second it takes; 0: the vendor's own rate."""
    show: str = ""
    """The number that calls show."""
    queue: str = ""
    """Where the reports of calls arrive."""
    templates: dict[str, dict[str, str]] = {}
    """Of calls: purpose to language to template."""
    thanks: dict[str, str] = {}
    """Of calls: what is spoken after a key, by language."""

    @property
    def reaches(self) -> Literal["number", "mailbox", "all"]:
        """What of a person it needs: a phone number, a mail address, or nothing: a chat is the same for everyone in it."""
        return "mailbox" if self.kind == "smtp" else "number" if self.kind == "voice" else "all"


class MessageObjectives(_Frozen):
    """What is promised about messages. Seconds."""

    start_s: float = 30.0
    """From the start of the drill until a provider has taken the first message about it."""
    switch_s: float = 60.0
    """From the end of a phase that moves the traffic until a receipt says that somebody was told."""
    answer_s: float = 300.0
    """From a question until its answer."""


class Messages(_Frozen):
    """Which channels carry messages, and how."""

    order: Literal["fall-over", "parallel"] = "fall-over"
    sms: SmsSettings | None = None
    channels: tuple[Channel, ...] = ()
    objectives: MessageObjectives = MessageObjectives()
    preflight: str = ""
    """Who is sent one real text before each drill; nobody when empty."""

    def channel(self, name: str) -> Channel | None:
        """The channel of this name; nothing for texts and for names that are not there."""
        return next((row for row in self.channels if row.id == name), None)

    def joins(self, name: str, language: str) -> bool:
        """Whether a text over a channel may ask about several gates: no call, and no text without an audited template for it."""
        row = self.channel(name)
        audited = self.sms.templates if row is None and self.sms else {}
        return (row is None or row.kind != "voice") and (not audited or language in audited.get("joint", {}))

    def private(self, name: str) -> bool:
        """Whether only the contact reads what goes over a channel."""
        row = self.channel(name)
        return row is None or row.private or row.reaches != "all"
