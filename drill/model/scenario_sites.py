"""What a scenario may say about its ground: sites of the sandbox, of two clouds and of one's own, and who answers for names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from drill.model.plan import Zone, ZoneProvider
from drill.model.ports_ground import PORTS, Engine
from drill.model.scenario_values import Form, Secret, Span

SiteProvider = Literal["sandbox", "aws", "aliyun", "hosts"]
CLOUDS: Final = ("aws", "aliyun")
_SERVER: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?")


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    if not match or not 0 < int(match[2] or 53) < 65536:
        raise ValueError("expected the address of a name server such as 192.0.2.53 or 192.0.2.53:5353")
    return text


Server = Annotated[str, AfterValidator(_server)]
Door = Literal["slb", "alb", "nlb", "rds", "polardb"]


def _doors(said: object) -> str:
    return "some" if isinstance(said, list | tuple) else "all"


Doors = Annotated[Annotated[bool, Tag("all")] | Annotated[tuple[Door, ...], Tag("some")], Discriminator(_doors)]
Held = Annotated[str, Field(pattern=r"^[^\s:]+:\d{1,5}$")]
Domain = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")]


class SelectForm(Form):
    """Which resources of the site's account a drill may touch: those that carry every one of these tags, and no others."""

    tag: dict[str, str] = Field(
        min_length=1, description="Such as {drill: allowed}. Looked at on the resource itself, right before a call."
    )


class CutForm(Form):
    """How a site is cut off."""

    method: Literal["network-acl", "security-group"] | None = Field(
        default=None, description="Of AWS: the network ACL of subnets (default; cuts open connections too), or the groups of interfaces."
    )
    held: tuple[Held, ...] = Field(
        default=(), description="Addresses with a port: a connection held open to each must be dead after the cut."
    )
    doors: Doors = Field(
        default=True,
        description="Of Alibaba Cloud: shut tagged listeners and database allow-lists too; or only those of [slb, alb, nlb, rds, polardb].",
    )
    fis: str | None = Field(default=None, description="Of AWS: the id of a FIS experiment template, for outage.fis.")
    keep: tuple[str, ...] = Field(
        default=(), description="Of hosts: addresses that stay connected, beside the one they are worked on from."
    )
    for_: Span = Field(default=1800.0, alias="for", description="Of hosts: when they come back by themselves, whatever happens.")


class DatabaseForm(Form):
    """Where the site's database answers. No password: it is in a file."""

    engine: Engine = Field(default="postgres", description="`mysql` is MariaDB too.")
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535, strict=True, description="Else 5432, or 3306 of MySQL.")
    user: str = Field(min_length=1)
    dbname: str = Field(min_length=1)
    passfile: Secret | None = Field(
        default=None, description="The path of a password file of libpq or an option file of MySQL, as a secret."
    )
    starts_at_boot: bool = Field(
        default=True, description="Whether it takes writes as soon as its machine starts; false: a playbook starts it."
    )
    managed: Literal["rds", "aliyun_rds"] | None = Field(
        default=None, description="The provider's managed database, fenced by fence_rds.yml or fence_aliyun_rds.yml; else its machines are."
    )
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = None


class SiteForm(Form):
    """A place that can be lost or can take over. Further keys are the team's own: expressions over `sites` see them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    provider: str = Field(min_length=1, description=f"One of {', '.join(get_args(SiteProvider))}.")
    region: str = Field(min_length=1)
    select: SelectForm | None = Field(default=None, description="Of a cloud: the opt-in tags.")
    cut: CutForm | None = Field(default=None, description="How it is cut off.")
    addresses: tuple[str, ...] = Field(default=(), description="Where users of the site arrive: what a DNS switch moves names to.")
    database: DatabaseForm | None = None
    inventory: str | None = Field(default=None, description="An Ansible inventory of the site's database servers, in YAML.")

    def options(self) -> dict[str, Any]:
        """What is written beside provider and region, as a plan holds it."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude={"provider", "region"})


class KeyForm(Form):
    """The key that signs dynamic updates."""

    name: str = Field(min_length=1)
    secret: Secret = Field(description="In base64, as the server's configuration has it.")
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"


_WHOLE: Final = (
    ("strategy", "pools"),
    ("plan", "primary", "standby"),
    ("instance", "config", "pools"),
    ("endpoints", "controls"),
    ("check", "primary", "standby"),
)
"""What makes a lever: an access mode, a recovery plan or the pools of Alibaba GTM, routing controls of ARC, a Route 53 health check."""


class LeverForm(Form):
    """What steers one name by health: an access strategy, a recovery plan, an instance's pools, routing controls, or a health check."""

    strategy: str | None = Field(default=None, description="Alibaba GTM 1.0 and 2.0: an access strategy.")
    generation: Literal[1, 2] = Field(default=2, description="Of a strategy: which GTM it is of.")
    plan: int | None = Field(default=None, description="Alibaba GTM 1.0: a recovery plan.")
    instance: str | None = Field(default=None, description="Alibaba GTM 3.0.")
    config: str | None = Field(default=None, description="Alibaba GTM 3.0: the configuration of the instance.")
    pools: dict[str, str] | None = Field(default=None, description="Pool of each site; of a strategy: DEFAULT or FAILOVER.")
    endpoints: dict[str, str] | None = Field(default=None, description="ARC: address of each endpoint of the cluster, by region.")
    controls: dict[str, str] | None = Field(default=None, description="ARC: routing control of each site.")
    check: str | None = Field(default=None, description="Route 53: the health check of the primary record.")
    primary: str | None = Field(default=None, json_schema_extra={"refers": "site"})
    standby: str | None = Field(default=None, json_schema_extra={"refers": "site"})

    @model_validator(mode="after")
    def _is_one_thing(self) -> LeverForm:
        written = self.model_fields_set - {"generation"}
        if not any(written == set(whole) for whole in _WHOLE):
            raise ValueError(f"expected exactly one of: {'; '.join(', '.join(whole) for whole in _WHOLE)}")
        return self


class ZoneForm(Form):
    """Who answers for the names below a domain."""

    provider: ZoneProvider
    servers: tuple[Server, ...] = Field(default=(), description="Authoritative servers to watch, where the zone's delegation does not say.")
    resolver: Server | None = Field(
        default=None, description="The resolver that probes ask, as users do; else the first of `resolvers`, else the machine's own."
    )
    resolvers: tuple[Server, ...] = Field(
        default=(), description="Resolvers of users: dns.switch and dns.restore watch that each follows, and name those that stay stale."
    )
    region: str | None = Field(
        default=None, pattern=r"^[a-z]{2}(-[a-z]+)+(-\d+)?$", description="Of alidns and gtm: whose API is called; else cn-hangzhou."
    )
    primary: Server | None = Field(default=None, description="Of rfc2136: the server that takes updates; else the first of `servers`.")
    key: KeyForm | None = Field(default=None, description="Of rfc2136: the key that signs updates.")
    levers: dict[Domain, LeverForm] = Field(default={}, description="What steers names of the zone by health: for gslb.switch.")

    @field_validator("servers", "resolvers", mode="before")
    @classmethod
    def _many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_changed(self) -> ZoneForm:
        if self.provider == "rfc2136" and not (self.primary or self.servers):
            raise ValueError("expected primary: the server that takes updates of the zone")
        if self.region and self.provider not in {"alidns", "gtm"}:
            raise ValueError(f"expected no region: {self.provider} has none to choose")
        return self

    def zone(self, name: str) -> Zone:
        """As a plan holds it."""
        options = self.model_dump(mode="json", exclude_unset=True, include={"primary", "key", "levers", "region"})
        asked = self.resolver or next(iter(self.resolvers), "")
        return Zone(id=name, provider=self.provider, servers=self.servers, resolver=asked, options=options)


def engine_of(options: Mapping[str, Any]) -> Engine:
    """What kind of database a site has, from its options in a plan or in a file."""
    engine: Engine = options.get("database", {}).get("engine", "postgres")
    return engine


def port_of(options: Mapping[str, Any]) -> int:
    """Where a site's database listens."""
    return int(options.get("database", {}).get("port") or PORTS[engine_of(options)])


def tags_of(options: Mapping[str, Any]) -> dict[str, str]:
    """The opt-in tags of a site, from its options in a plan; empty when it has none."""
    return dict(options.get("select", {}).get("tag", {}))
