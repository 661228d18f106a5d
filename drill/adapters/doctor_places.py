"""Where something stands, as far as its address or its resource name says it: cloud and region."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_REGION: Final = r"[a-z]{2}(?:-[a-z]+)+(?:-\d+)?"
_HOST: Final = re.compile(r"(?<![\w.-])((?:[\w-]+\.)+(?:amazonaws\.com(?:\.cn)?|aliyuncs\.com))(?![\w-]|\.\w)", re.IGNORECASE)
_AWS_NAME: Final = re.compile(rf"\barn:aws[\w-]*:[\w-]+:({_REGION}):")
_ALIYUN_NAME: Final = re.compile(rf"\bacs:[\w-]+:({_REGION}):")
_AWS_LABEL: Final = re.compile(r"(?:s3-)?((?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov)?-[a-z]+-\d)")
_ALIYUN_LABEL: Final = re.compile(r"(?:[a-z]+-)?((?:cn|ap|us|eu|me|na)-[a-z]+(?:-(?!internal)[a-z]+)?(?:-\d+)?)(?:-internal)?")


class Place(NamedTuple):
    """One region of one cloud: `aws` or `aliyun`, and the region's id."""

    provider: str
    region: str


def places_in(text: str) -> list[Place]:
    """Every region that a text names by a cloud's host name or resource name (ARN, ACS), in order; a host of no one region counts not."""
    found = [(match.start(), Place("aws", match[1])) for match in _AWS_NAME.finditer(text)]
    found += [(match.start(), Place("aliyun", match[1])) for match in _ALIYUN_NAME.finditer(text)]
    found += [(match.start(), place) for match in _HOST.finditer(text) if (place := _of_host(match[1].lower())) is not None]
    return [place for _, place in sorted(found)]


def _of_host(host: str) -> Place | None:
    provider, label = ("aliyun", _ALIYUN_LABEL) if host.endswith("aliyuncs.com") else ("aws", _AWS_LABEL)
    regions = [match[1] for part in host.split(".")[::-1] if (match := label.fullmatch(part))]
    return Place(provider, regions[0]) if regions else None
