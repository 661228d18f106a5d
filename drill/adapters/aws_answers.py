"""Tells an answer of AWS from one of somebody else's, and knows whatever its client raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FAULTS: Final = 300
"""From here on an HTTP status is no success: the client reads an error out of it."""

_NUMBERED: Final = ("x-amzn-requestid", "x-amz-request-id")
"""Headers with which AWS numbers its answers, where it does not do so inside of them."""


def no_page_for_an_answer(client: Any) -> Any:
    """The client, which from now on takes nothing for an answer that lacks what the service always says: a proxy's page."""
    client.meta.events.register("after-call", _refuse_page)
    return client


def client_errors() -> tuple[type[Exception], ...]:
    """Whatever a client of AWS raises: its own two families, its parsers' error, and what its parsers stumble over themselves."""
    from http.client import HTTPException

    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return BotoCoreError, ClientError, ResponseParserError, HTTPException, AttributeError, LookupError, TypeError, ValueError


def _refuse_page(http_response: Any, parsed: Mapping[str, Any], model: Any, **_more: Any) -> None:
    from botocore.parsers import ResponseParserError

    if http_response.status_code >= _FAULTS:
        return
    promised = model.output_shape.required_members if model.output_shape is not None else ()
    if promised and not any(name in parsed for name in promised):
        raise ResponseParserError(f"the answer to {model.name} has none of {', '.join(promised)}")
    if not parsed.get("ResponseMetadata", {}).get("RequestId") and not any(name in http_response.headers for name in _NUMBERED):
        raise ResponseParserError(f"the answer to {model.name} has no request id")
