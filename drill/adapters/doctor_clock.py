"""Asks a web server what time it is: its answers carry the date, whatever they say."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Final

from drill.adapters.loopback import is_loopback
from drill.model.errors import Retryable

_PATIENCE_S: Final = 3.0


def ahead_of_s(url: str) -> float:
    """By how much this machine's clock is ahead of a server's, in seconds, to a second or so: a date has whole seconds.

    Raises: Retryable: it does not answer, or without a date (A124).
    """
    host = url.partition("://")[2].partition("/")[0]
    direct = [urllib.request.ProxyHandler({})] if is_loopback(host) else []
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - an address of a cloud, http on this machine only
    begun_s = time.time()
    try:
        with urllib.request.build_opener(*direct).open(request, timeout=_PATIENCE_S) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as refused:
        date = refused.headers.get("Date")
    except (OSError, HTTPException) as error:
        raise Retryable(f"{host} does not say what time it is: {error}.", code="A124", fix="See whether it can be reached.") from error
    between_s = (begun_s + time.time()) / 2
    try:
        theirs_s = parsedate_to_datetime(date or "").timestamp()
    except ValueError as error:
        fix = "See what stands between it and this machine."
        raise Retryable(f"{host} does not say what time it is.", code="A124", fix=fix) from error
    return between_s - (theirs_s + 0.5)
