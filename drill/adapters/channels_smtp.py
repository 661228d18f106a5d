"""Sends e-mail over SMTP, once: knows whether the server had the text in hand when the connection broke."""

from __future__ import annotations

import hashlib
import logging
import re
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final, Literal

from drill.adapters.channels_text import Words, words_of
from drill.adapters.loopback import is_loopback
from drill.model.ports import OutboundMessage, SendResult
from drill.model.ports_people import Way

PROVIDER: Final = "smtp"
_LOG: Final = logging.getLogger(__name__)
_SEVEN_BIT: Final = policy.SMTP.clone(cte_type="7bit")
"""Any server takes it, whatever it says about eight bits."""


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in. `tls`: from the first byte, after STARTTLS, or not at all, which no password may travel over."""

    host: str
    port: int
    sender: str
    tls: Literal["tls", "starttls", "none"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    timeout_s: float = 10.0


class SmtpMessenger:
    """E-mail as a channel (port Messenger). Accepted means that our server took it; whether it arrives, SMTP does not tell."""

    channel = "email"

    def __init__(self, server: MailServer, *, channel: str = "email", per_second: float = 0.0) -> None:
        self.channel = channel
        self._per_second = per_second
        self._server = server
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def send(self, message: OutboundMessage) -> SendResult:
        """Send once; never retries an unanswered send."""
        try:
            mail = self._mail(message, words_of(message, private=True))
        except ValueError as error:
            return SendResult("rejected", PROVIDER, code="text", detail=str(error), traceable=False)
        handed = _Handed()
        try:
            self._deliver(mail, handed)
            result = SendResult("accepted", PROVIDER, str(mail["Message-ID"]), code="OK", traceable=False)
        except (OSError, smtplib.SMTPException) as error:
            result = _failed(error, handed)
        if result.state == "accepted":
            with self._lock:
                self._taken.add(message.id)
        else:
            _LOG.warning("channel.not_accepted", extra={"message_id": message.id, "state": result.state, "code": result.code})
        return result

    def look_up(self, message: OutboundMessage) -> Literal["accepted", "delivered", "failed", "unknown"]:
        """Accepted once the server has taken it from this process; a mail server cannot be asked about others."""
        with self._lock:
            return "accepted" if message.id in self._taken else "unknown"

    def way(self, message: OutboundMessage) -> Way:
        """Whose rate it counts against; there is no look-up."""
        return Way(self.channel, self._per_second, traceable=False)

    def _mail(self, message: OutboundMessage, words: Words) -> EmailMessage:
        domain = parseaddr(self._server.sender)[1].rpartition("@")[2] or "localhost"
        mail = EmailMessage(policy=_SEVEN_BIT)
        mail["From"], mail["To"], mail["Subject"] = self._server.sender, message.address, words.subject
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = f"<{_hash(message.id)}@{domain}>"  # the same text again is the same mail to a mailbox
        mail["References"] = f"<{_hash(words.drill)}@{domain}>"
        mail["X-Drill-Transaction"] = words.transaction
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(words.text)
        return mail

    def _deliver(self, mail: EmailMessage, handed: _Handed) -> None:
        server = self._server
        with _leaving(self._open()) as smtp:
            if server.tls == "starttls":
                smtp.starttls(context=self._context())
            if server.user:
                if server.tls == "none" and not is_loopback(f"{server.host}:{server.port}"):
                    raise smtplib.SMTPNotSupportedError("no password without TLS")
                smtp.login(server.user, server.password)
            smtp.ehlo_or_helo_if_needed()
            _must_be_good(smtp.mail(parseaddr(server.sender)[1]))
            _must_be_good(smtp.rcpt(parseaddr(str(mail["To"]))[1]))
            handed.over = True
            _must_be_good(smtp.data(mail.as_bytes()))
            handed.over = False

    def _open(self) -> smtplib.SMTP:
        server = self._server
        if server.tls == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=self._context())
        return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)


@contextmanager
def _leaving(smtp: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    """Say good-bye in the end; how that is answered says nothing of the mail."""
    try:
        yield smtp
    finally:
        with suppress(OSError):
            smtp.quit()
        smtp.close()


def _must_be_good(answer: tuple[int, bytes]) -> None:
    """Raises a refusal that smtplib returns instead of raising it."""
    if answer[0] >= 300:
        raise smtplib.SMTPResponseException(*answer)


@dataclass
class _Handed:
    """How far one mail got."""

    over: bool = False
    """The text was on its way when something broke."""


def _failed(error: Exception, handed: _Handed) -> SendResult:
    if isinstance(error, smtplib.SMTPResponseException):
        later = 400 <= error.smtp_code < 500
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return SendResult("rejected", PROVIDER, code=f"SMTP{error.smtp_code}", detail=_redact(said), retryable=later, traceable=False)
    if handed.over:
        return SendResult(
            "in_doubt", PROVIDER, code="no-answer", detail="The mail server went away. It may have been sent.", traceable=False
        )
    if isinstance(error, ssl.SSLError):
        return SendResult("rejected", PROVIDER, code="tls", detail="The mail server's certificate cannot be trusted.", traceable=False)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SendResult("rejected", PROVIDER, code="no-tls", detail="Set tls: starttls or tls for this server.", traceable=False)
    return SendResult("rejected", PROVIDER, code="not-sent", detail="The mail server cannot be reached.", retryable=True, traceable=False)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _redact(said: str) -> str:
    """The server's words without addresses and numbers."""
    return re.sub(r"\S+@\S+", "<address>", re.sub(r"\d{4,}", "<digits>", said))[:200]
