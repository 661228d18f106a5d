"""Asks Alibaba Cloud what carries certain tags in a region: a second witness beside Terraform's state."""

from __future__ import annotations

import json
from collections.abc import Mapping

from drill.adapters.outage_aliyun_calls import AliyunCalls

_PAGE = 1000


def tagged_in_aliyun(calls: AliyunCalls, tags: Mapping[str, str]) -> list[str]:
    """ARNs of what carries every one of the tags, over all products. Raises: StepError: the tag service could not be asked."""
    asked = {"RegionId": calls.region, "Tags": json.dumps(dict(tags)), "Category": "Custom", "PageSize": _PAGE}
    found: list[str] = []
    token: str | None = None
    while True:
        answer = calls.read("tag", "ListTagResources", {**asked, "NextToken": token})
        found += [row["ResourceARN"] for row in answer.get("TagResources") or ()]
        token = answer.get("NextToken") or None
        if token is None:
            return sorted(set(found))
