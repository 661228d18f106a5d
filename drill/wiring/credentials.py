"""Whether this machine has anything to show to a cloud; asks no cloud."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ALIBABA_FILES: Final = ("~/.aliyun/config.json", "~/.alibabacloud/credentials.ini", "~/.alibabacloud/credentials")
_ALIBABA_ROLES: Final = ("ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_ECS_METADATA", "ALIBABA_CLOUD_CREDENTIALS_URI")
CLOUD_OF: Final = {"aws": "aws", "route53": "aws", "arc": "aws", "aliyun": "aliyun", "alidns": "aliyun", "gtm": "aliyun"}
"""The cloud whose credentials a provider of sites or zones needs."""


def lacking(provider: str) -> str:
    """The cloud that a provider needs credentials of and that there are none for here; empty when nothing is lacking."""
    cloud = CLOUD_OF.get(provider, "")
    found = {"aws": _aws, "aliyun": _aliyun}.get(cloud)
    return "" if found is None or found() else cloud


def _aws() -> bool:
    """By the SDK's own chain, without the network: what the SDK would get from a machine's role is seen by its setting."""
    from botocore.session import Session

    asked = ("env", "assume-role", "assume-role-with-web-identity", "sso", "shared-credentials-file", "config-file", "container-role")
    resolver = Session().get_component("credential_provider")
    known = [row for row in resolver.providers if row.METHOD in (*asked, "custom-process")]
    return any(_loads(row) for row in known) or os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "false"


def _loads(provider: object) -> bool:
    from botocore.exceptions import BotoCoreError

    try:
        return provider.load() is not None  # type: ignore[attr-defined]
    except BotoCoreError:
        return False


def _aliyun() -> bool:
    pair = all(os.environ.get(f"ALIBABA_CLOUD_ACCESS_KEY_{part}") for part in ("ID", "SECRET"))
    return pair or any(os.environ.get(name) for name in _ALIBABA_ROLES) or any(Path(name).expanduser().is_file() for name in _ALIBABA_FILES)
