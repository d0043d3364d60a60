"""Sends e-mail: over SMTP, or in development into a directory.

We use Python's own smtplib. The libraries around it (Flask-Mailman, redmail, emails) call its ``starttls`` without a
TLS context, which before Python 3.13 accepts any certificate, and one of them needs Flask, which workers do not have.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_SECONDS = 15.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PORTS = {"smtp": 587, "smtps": 465}


class Mail(NamedTuple):
    to: str
    subject: str
    text: str


class MailError(Exception):
    """The mail was not sent. ``again`` is False if the same mail will never be accepted."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Sends the mail. Raises MailError."""


class SmtpMailer:
    """Uses TLS with a checked certificate, except to a server on this machine: mails have links that open accounts."""

    def __init__(self, url: str, sender: str) -> None:
        self._url = urlsplit(url)
        self._sender = sender

    def send(self, mail: Mail) -> None:
        try:
            with _connect(self._url) as server:
                server.send_message(_message(mail, self._sender))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise MailError(f"recipient refused {codes}", again=all(code < 500 for code in codes)) from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(str(error), again=False) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(type(error).__name__, again=True) from None


class OutboxMailer:
    """Writes each mail into a directory, for development."""

    def __init__(self, directory: str, sender: str) -> None:
        self._directory = Path(directory)
        self._sender = sender

    def send(self, mail: Mail) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{time.time_ns()}.eml"
        path.with_suffix(".part").write_bytes(_message(mail, self._sender).as_bytes())
        path.with_suffix(".part").rename(path)  # readers see whole mails only


def make_mailer(url: str, sender: str) -> Mailer | None:
    """Returns the mailer for MAIL_URL; None if it is empty."""
    if not url:
        return None
    if url.startswith("file:"):
        return OutboxMailer(unquote(urlsplit(url).path), sender)
    return SmtpMailer(url, sender)


def _connect(url: SplitResult) -> smtplib.SMTP:
    """Returns a connection to the server, signed in if the URL has a user name."""
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    context = ssl.create_default_context()
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        if url.scheme == "smtp" and host not in LOOPBACK:
            server.starttls(context=context)
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip("> "))
    message["Auto-Submitted"] = "auto-generated"  # so that no out-of-office reply comes back (RFC 3834)
    message.set_content(mail.text)
    return message
