"""What a scenario may say about messages: providers of texts, further channels, and what is promised about them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from drill.model.plan_channels import Abroad, AbroadProvider, Channel, ChannelKind, MessageObjectives, Messages, SmsSettings
from drill.model.scenario_values import Form, Id, Secret, Span

Purpose = Literal["gate", "joint", "status", "escalation", "hold", "result"]
Rate = Annotated[float, Field(ge=0, le=10_000, description="Sends a second; 0 is what the provider takes by default.")]
_PORTS: Final = {"tls": 465, "starttls": 587, "none": 25}


class AbroadForm(Form):
    """Texts to numbers outside mainland China; those inside never go this way."""

    provider: AbroadProvider
    region: str = Field(default="", description="Of AWS.")
    origination: Secret | None = Field(default=None, description="The number, pool or sender id that texts come from.")
    replies: Secret | None = Field(default=None, description="The address of the SQS queue that receives answers.")
    configuration_set: str = Field(default="", description="Of AWS: it sends the events of texts to a topic.")
    receipts: Secret | None = Field(default=None, description="The address of the SQS queue that receives these events.")
    key_id: Secret | None = None
    key_secret: Secret | None = Field(default=None, description="Without keys, AWS's own ways to find them are used.")
    endpoint: str = Field(default="", description="A private endpoint instead of the provider's own.")
    per_second: Rate = 0.0

    @model_validator(mode="after")
    def _is_complete(self) -> AbroadForm:
        if self.provider != "aliyun-global" and not self.region:
            raise ValueError("expected the region of AWS, such as region: ap-southeast-1")
        if self.provider == "aliyun-global" and not (self.key_id and self.key_secret):
            raise ValueError("expected key_id and key_secret for aliyun-global")
        if self.provider == "aliyun-global" and self.replies:
            raise ValueError("expected no replies queue: aliyun-global takes no answers")
        if (self.receipts is None) != (not self.configuration_set) or (self.receipts and self.provider != "aws"):
            raise ValueError("expected configuration_set and receipts together, with provider: aws")
        if (self.key_id is None) != (self.key_secret is None):
            raise ValueError("expected both key_id and key_secret, or neither")
        return self


class SmsForm(Form):
    """How text messages leave."""

    provider: str = Field(min_length=1)
    sign: Secret
    templates: dict[Purpose, dict[Literal["en", "zh"], str]] = Field(default={})
    abroad: AbroadForm | None = None
    kind: Literal["notification", "code", "exempt"] = Field(
        default="notification", description="What the templates were audited as; exempt: the numbers are on the account's white list."
    )
    per_second: Rate = 0.0
    inbound: Literal["queue", "push", "both"] = Field(
        default="queue", description="How answers come: from the carrier's queue, or pushed to `drill serve --web`."
    )
    receipts: Literal["look-up", "queue"] = Field(
        default="look-up", description="How we hear what became of a text: by asking, or from the queue …-SmsReport too."
    )

    def settings(self) -> SmsSettings:
        """As a plan holds it."""
        written = self.abroad.model_dump(exclude_none=True) if self.abroad else None
        return SmsSettings(
            provider=self.provider,
            sign=self.sign,
            templates={str(key): {str(language): code for language, code in row.items()} for key, row in self.templates.items()},
            abroad=Abroad(**written) if written else None,
            kind=self.kind,
            per_second=self.per_second,
            inbound=self.inbound,
            receipts=self.receipts,
        )


class MailForm(Form):
    """A mail server that takes mail from us."""

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535, strict=True)
    tls: Literal["tls", "starttls", "none"] = "starttls"
    from_: str = Field(alias="from", pattern=r"^[^\r\n]*[^\s@]+@[^\s@]+$", description="The sender, such as drill@example.com.")
    user: Secret | None = None
    password: Secret | None = None
    per_second: Rate = 0.0

    @model_validator(mode="after")
    def _keeps_its_password(self) -> MailForm:
        if (self.user is None) != (self.password is None):
            raise ValueError("expected both user and password, or neither")
        if self.user and self.tls == "none":
            raise ValueError("expected tls: starttls or tls, since a password goes over this connection")
        return self


class RobotForm(Form):
    """Where a group chat or service takes messages: its whole address, as its console shows it."""

    url: Secret
    secret: Secret | None = Field(default=None, description="Signs what we post, where the chat asks for it.")
    private: bool = Field(default=False, description="Only the contact reads it, so a reply code may stand in it.")
    per_second: Rate = 0.0


class VoiceForm(Form):
    """Calls to mainland numbers through Alibaba Cloud Voice, with the account of the texts; a key answers: 1 yes, 2 no, 9 abort."""

    show: Secret = Field(description="The number that calls show, bought from the provider.")
    queue: str = Field(default="", description="Where the reports of calls arrive: Alicom-Queue-…-VoiceReport.")
    templates: dict[Literal["gate", "joint", "escalation"], dict[Literal["en", "zh"], str]] = Field(min_length=1)
    thanks: dict[Literal["en", "zh"], str] = Field(min_length=1, description="The template spoken after a key.")
    per_second: Rate = 0.0


class ChannelForm(Form):
    """One channel beside texts; exactly one kind."""

    smtp: MailForm | None = None
    voice: VoiceForm | None = None
    dingtalk: RobotForm | None = None
    wecom: RobotForm | None = None
    feishu: RobotForm | None = None
    slack: RobotForm | None = None
    webhook: RobotForm | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> ChannelForm:
        if len(self._written()) != 1:
            raise ValueError(f"expected exactly one of {', '.join(get_args(ChannelKind))}")
        return self

    def _written(self) -> list[ChannelKind]:
        return [kind for kind in get_args(ChannelKind) if getattr(self, kind) is not None]

    def channel(self, name: str) -> Channel:
        """As a plan holds it."""
        [kind] = self._written()
        form = getattr(self, kind)
        fields = form.model_dump(exclude_none=True)
        if isinstance(form, MailForm):
            fields |= {"port": form.port or _PORTS[form.tls], "sender": fields.pop("from_")}
        return Channel(id=name, kind=kind, **fields)


class MessageObjectivesForm(Form):
    """What is promised about messages; the report says whether it was kept."""

    start: Span = Field(default=30.0, description="Until the first message about the start is taken by a provider.")
    switch: Span = Field(default=60.0, description="Until a receipt says that somebody knows the traffic moved.")
    answer: Span = Field(default=300.0, description="Until a person has answered.")


class MessagesForm(Form):
    """Which channels carry messages."""

    order: Literal["fall-over", "parallel"] = "fall-over"
    sms: SmsForm | None = None
    channels: dict[Id, ChannelForm] = Field(default={})
    objectives: MessageObjectivesForm = MessageObjectivesForm()
    preflight: Id | None = Field(default=None, description="A contact who is sent one real text before each drill, to prove that it can.")

    @model_validator(mode="after")
    def _names_no_text(self) -> MessagesForm:
        if "sms" in self.channels:
            raise ValueError("expected another name than sms, which texts have: messages.sms")
        return self

    def messages(self) -> Messages:
        """As a plan holds it."""
        promised = self.objectives
        return Messages(
            order=self.order,
            sms=self.sms.settings() if self.sms else None,
            channels=tuple(form.channel(name) for name, form in self.channels.items()),
            objectives=MessageObjectives(start_s=promised.start, switch_s=promised.switch, answer_s=promised.answer),
            preflight=self.preflight or "",
        )
