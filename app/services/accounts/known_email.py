"""Stores e-mail addresses that the host knows to be its users'."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.account_mails import RESET, VERIFY
from app.services.audit.record import record
from app.store.account_tokens import forget_tokens
from app.store.emails import set_email


def set_known_email(conn: Connection, user_id: int, email: str | None, **source: str) -> None:
    """Stores the address without a link that confirms it. Links that were sent to the former address stop working.

    ``source`` names the token or server key in the audit log. Needs a transaction.
    """
    set_email(conn, user_id, email)
    forget_tokens(conn, user_id, VERIFY, RESET)
    record(conn, "email.changed", actor_id=None, target_id=user_id, removed=email is None, **source)
