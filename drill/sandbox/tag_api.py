"""The tag service of one region of Alibaba Cloud, in memory: which resources of all products carry which tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from drill.sandbox.alidns_api import AlidnsRefused

_MOST_TAGS: Final = 10
_LARGEST_PAGE: Final = 1000


class TagApi:
    """Actions of the tag service (as Actions of the server). `resources`: tags by ARN; `page` makes pages smaller than asked for."""

    version: Final = "2018-08-28"
    actions: Final = frozenset({"ListTagResources"})

    def __init__(self, region: str, *, page: int = _LARGEST_PAGE) -> None:
        self.region = region
        self.resources: dict[str, dict[str, str]] = {}
        self._page = page

    def call(self, _action: str, query: Mapping[str, Any]) -> dict[str, Any]:
        if query.get("RegionId") != self.region:
            raise AlidnsRefused("InvalidRegionId", "The specified region ID is invalid.", 400)
        size = int(query.get("PageSize", 50))
        wanted = _wanted(query)
        if not 0 < size <= _LARGEST_PAGE:
            raise AlidnsRefused("InvalidParameter.PageSize", "The specified page size is invalid.", 400)
        rows = sorted((arn, tags) for arn, tags in self.resources.items() if wanted.items() <= tags.items())
        at, size = int(query.get("NextToken") or 0), min(size, self._page)
        shown = [{"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} for arn, tags in rows]
        more = str(at + size) if at + size < len(rows) else ""
        return {"TagResources": shown[at : at + size], "NextToken": more}


def _wanted(query: Mapping[str, Any]) -> dict[str, str]:
    try:
        found = json.loads(query["Tags"])
    except (KeyError, ValueError):
        found = None
    if not isinstance(found, dict) or not 0 < len(found) <= _MOST_TAGS:
        raise AlidnsRefused("InvalidParameter.Tags", "Tags is a JSON object of one to ten pairs.", 400)
    return {str(key): str(value) for key, value in found.items()}
