"""What an error of AWS means for a text: refused, or in doubt for good: AWS cannot be asked later. Never shows a number or a code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from drill.model.ports import SendResult

_CREDENTIALS: Final = "Check the AWS credentials and the clock of this machine."
_RIGHTS: Final = "Allow sms-voice:SendTextMessage and sns:Publish to this identity."
_IDENTITY: Final = "Check messages.sms.abroad: the origination identity must be active in this region."
_NUMBER: Final = "Use another number or channel for this person."
_QUOTA: Final = "Raise the account's SMS spending limit, or use another channel."

_FIXES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"), _RIGHTS),
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "ExpiredTokenException",
            "ExpiredToken",
            "InvalidSignatureException",
        ),
        _CREDENTIALS,
    ),
    **dict.fromkeys(("ConflictException", "OptedOut", "OptedOutException"), f"The person may have opted out. {_NUMBER}"),
    "ResourceNotFoundException": _IDENTITY,
    "ServiceQuotaExceededException": _QUOTA,
    **dict.fromkeys(("ValidationException", "InvalidParameter", "InvalidParameterException"), _NUMBER),
}
_SLOW_DOWN: Final = frozenset({"ThrottlingException", "Throttling", "Throttled", "ThrottledException", "TooManyRequestsException"})
_NEVER_LEFT: Final = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"})
_SETTINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"), _CREDENTIALS),
    **dict.fromkeys(("NoRegionError", "InvalidRegionError"), "Set messages.sms.abroad.region."),
    "ParamValidationError": "Report it: the request is malformed.",
}


def redact(text: str) -> str:
    """AWS's words without anything that could be a number or a reply code."""
    return re.sub(r"\+?\d[\d\s-]{2,}\d", "<digits>", text)[:200]


def failed(error: Exception, *, provider: str) -> SendResult:
    """What an exception of boto3 means for the text that was being sent."""
    if isinstance(error, ImportError):
        return SendResult("rejected", provider, code="not-installed", detail="Install the extra: pip install 'dr-drill[aws]'.")
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        told = response.get("Error", {})
        return _answered(status, str(told.get("Code", status)), str(told.get("Message", "")), provider=provider)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & _NEVER_LEFT:
        return SendResult("rejected", provider, code="not-sent", detail="AWS cannot be reached.", retryable=True)
    for kind in kinds & _SETTINGS.keys():
        return SendResult("rejected", provider, code=kind, detail=_SETTINGS[kind])
    return in_doubt("no-answer", "AWS did not answer.", provider=provider)


def _answered(status: int, code: str, said: str, *, provider: str) -> SendResult:
    if code in _SLOW_DOWN:
        return SendResult("rejected", provider, code=code, detail="AWS asks to send more slowly.", retryable=True)
    if status >= 500:
        return in_doubt(code, f"AWS answered HTTP {status}.", provider=provider)
    detail = " ".join(filter(None, [redact(said), _FIXES.get(code, "Look the code up in the AWS documentation.")]))
    return SendResult("rejected", provider, code=code, detail=detail)


def in_doubt(code: str, detail: str, *, provider: str) -> SendResult:
    """A send that nobody can look up: it is not repeated."""
    return SendResult("in_doubt", provider, code=code, detail=f"{detail} It may have been sent.", traceable=False)
