"""A ticket stands in for an access token in a URL, once and for 30 seconds: browsers' WebSocket and
EventSource send no headers.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import msgspec

from app.core import accounts
from app.core.caller import Caller
from app.message_log import keys
from app.redis_calls import asking

if TYPE_CHECKING:
    from app.container import Container

# By it the logs know a ticket where they see one (app/logs.py).
TICKET_PREFIX = "tkt_"


def issue_ticket(parley: Container, caller: Caller) -> accounts.Ticket:
    """Redis gets the ticket's SHA-256, so that nobody who reads its data or its command log can use one."""
    ticket = TICKET_PREFIX + secrets.token_urlsafe(32)
    seconds = parley.settings.ticket_seconds
    asking(lambda: parley.redis.set(ticket_key(ticket), msgspec.msgpack.encode(caller), ex=seconds))
    return accounts.Ticket(ticket=ticket, expires_in=seconds)


def ticket_key(ticket: str) -> str:
    return keys.ticket(hashlib.sha256(ticket.encode(errors="replace")).hexdigest())
