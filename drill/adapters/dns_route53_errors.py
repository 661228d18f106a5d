"""What Route 53 and its client say, in our own errors."""

from __future__ import annotations

from typing import Any

from drill.model.errors import Fatal, Retryable, StepError

_NOT_ALLOWED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "InvalidClientTokenId",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_BUSY = frozenset({"Throttling", "ThrottlingException", "PriorRequestNotComplete", "RequestLimitExceeded", "ServiceUnavailable"})


def service_code(error: Exception) -> str:
    """The service's own code, or the name of the client's error."""
    response: Any = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def may_have_worked(error: Exception) -> bool:
    """Whether the request may have been carried out although it failed: no answer, a server error, or a repeated request."""
    response: Any = getattr(error, "response", None)
    if not response or "Error" not in response:
        return service_code(error) not in {"NoCredentialsError", "PartialCredentialsError", "ParamValidationError"}
    meta = response.get("ResponseMetadata", {})
    return int(meta.get("HTTPStatusCode", 500)) >= 500 or int(meta.get("RetryAttempts", 0)) > 0


def translate(error: Exception, doing: str) -> StepError:
    """Our error for the vendor's; `doing` completes "Route 53 …"."""
    code = service_code(error)
    response: Any = getattr(error, "response", None) or {}
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _NOT_ALLOWED or code in {"NoCredentialsError", "PartialCredentialsError"}:
        # the service's own text may hold the signed request
        return Fatal(
            f"Route 53 does not let the drill {doing}: {code}.",
            code="A224",
            fix="Give it credentials that may read the zone and change this one name.",
        )
    if code == "NoSuchHostedZone":
        return Fatal(f"Route 53 cannot {doing}: the hosted zone is gone.", code="A221", fix="See who removed it before going on.")
    if code == "NoSuchHealthCheck":
        return Fatal(f"Route 53 cannot {doing}: there is no such health check.", code="A221", fix="Check its id and the account.")
    if code in _BUSY or status >= 500:
        return Retryable(f"Route 53 is too busy to {doing}: {code}.", code="A120", fix="Try again in a few seconds.")
    if response.get("Error") or code == "ParamValidationError":
        text = str(response.get("Error", {}).get("Message") or error)
        return Fatal(f"Route 53 refuses to {doing}: {code}: {text}", code="A222", fix="Correct the values; nothing was changed.")
    return Retryable(
        f"Route 53 does not answer when asked to {doing}: {code}.", code="A120", fix="See whether its endpoint can be reached."
    )
