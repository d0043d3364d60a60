"""A mail server on this machine that keeps the mails it receives."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from dev.processes import free_port, wait_until

USER, PASSWORD = "mail user", "a mail p@ssword"


class SmtpServer:
    """Accepts mails only from ``USER`` with ``PASSWORD``. ``refuse`` is the answer to all next mails, if set."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = ""
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname=host,
            port=self.port,
            authenticator=_authenticate,
            auth_require_tls=False,
        )

    def __enter__(self) -> SmtpServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: Any, session: Any, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        if not session.authenticated:
            return "530 Authentication required"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert envelope.rcpt_tos == [mail["To"]]
        self.mails.append(mail)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]

    def wait_for(self, address: str, count: int = 1) -> EmailMessage:
        """Returns the last of ``count`` mails to the address."""
        wait_until(lambda: len(self.to(address)) >= count, 60, f"mail {count} to {address}")
        return self.to(address)[count - 1]


def token_in(mail: EmailMessage, public_url: str, what: str) -> str:
    """Returns the token of the only link in the mail."""
    links = re.findall(r"https?://\S+", mail.get_content())
    assert len(links) == 1
    found = re.fullmatch(rf"{re.escape(public_url)}/#{what}=([\w-]{{43}})", links[0])
    assert found is not None, links
    return found[1]


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    expected = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == expected)
