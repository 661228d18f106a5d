"""What a scenario may say about its ground: sites of the sandbox, of two clouds and of one's own, and who answers for names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from drill.model.plan import ZoneProvider
from drill.model.scenario_values import Form, Secret

SiteProvider = Literal["sandbox", "aws", "aliyun", "hosts"]
CLOUDS: Final = ("aws", "aliyun")
_SERVER: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?")


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    if not match or not 0 < int(match[2] or 53) < 65536:
        raise ValueError("expected the address of a name server such as 192.0.2.53 or 192.0.2.53:5353")
    return text


Server = Annotated[str, AfterValidator(_server)]
Domain = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")]


class SelectForm(Form):
    """Which resources of the site's account a drill may touch: those that carry every one of these tags, and no others."""

    tag: dict[str, str] = Field(
        min_length=1, description="Such as {drill: allowed}. Looked at on the resource itself, right before a call."
    )


class DatabaseForm(Form):
    """Where the site's database answers. No password: it is in a libpq password file."""

    host: str = Field(min_length=1)
    port: int = Field(default=5432, ge=1, le=65535, strict=True)
    user: str = Field(min_length=1)
    dbname: str = Field(min_length=1)
    passfile: Secret | None = Field(default=None, description="The path of a libpq password file, as a secret.")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = None


class SiteForm(Form):
    """A place that can be lost or can take over. Further keys are the team's own: expressions over `sites` see them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    provider: str = Field(min_length=1, description=f"One of {', '.join(get_args(SiteProvider))}.")
    region: str = Field(min_length=1)
    select: SelectForm | None = Field(default=None, description="Of a cloud: the opt-in tags.")
    addresses: tuple[str, ...] = Field(default=(), description="Where users of the site arrive: what a DNS switch moves names to.")
    database: DatabaseForm | None = None
    inventory: str | None = Field(default=None, description="An Ansible inventory of the site's database servers, in YAML.")

    def options(self) -> dict[str, Any]:
        """What is written beside provider and region, as a plan holds it."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"provider", "region"})


class ZoneForm(Form):
    """Who answers for the names below a domain. Further keys are the provider's own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    provider: ZoneProvider
    servers: tuple[Server, ...] = Field(default=(), description="Authoritative servers to watch, where the zone's delegation does not say.")
    resolver: Server | None = Field(default=None, description="The resolver that probes ask, as users do; else the machine's own.")

    @field_validator("servers", mode="before")
    @classmethod
    def _many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def options(self) -> dict[str, Any]:
        """The provider's own keys, as a plan holds them."""
        return dict(self.model_extra or {})


def tags_of(options: Mapping[str, Any]) -> dict[str, str]:
    """The opt-in tags of a site, from its options in a plan; empty when it has none."""
    return dict(options.get("select", {}).get("tag", {}))
