"""Tickets: each stands in for an access token in a URL, once, for 30 seconds by default. Browsers need them because
their WebSocket and EventSource send no ``Authorization`` header.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import cast

import msgspec
from redis import Redis

from app.core.accounts import Ticket
from app.core.caller import Caller
from app.core.errors import Unauthorized
from app.message_log import keys
from app.redis_calls import redis_errors_as_overloaded

# The log formatter finds tickets by this prefix and blanks them out (app/logs.py).
TICKET_PREFIX = "tkt_"

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Caller).decode


def issue_ticket(caller: Caller, *, redis: Redis, lifetime_seconds: int) -> Ticket:
    """Returns a new ticket for this caller.

    Redis stores only the ticket's SHA-256, so nobody who reads its data or its command log can use a ticket. Raises
    Overloaded if Redis does not answer.
    """
    ticket = TICKET_PREFIX + secrets.token_urlsafe(32)
    with redis_errors_as_overloaded():
        redis.set(_key(ticket), _encode(caller), ex=lifetime_seconds)
    return Ticket(ticket=ticket, expires_in=lifetime_seconds)


def take_ticket(ticket: str, *, redis: Redis) -> Caller:
    """Uses the ticket up, atomically, and returns its caller. Does not check whether the caller is still valid.

    Raises Unauthorized if the ticket never existed, was used or has expired; Overloaded if Redis does not answer.
    """
    with redis_errors_as_overloaded():
        stored = cast("bytes | None", redis.getdel(_key(ticket)))
    if stored is None:
        raise Unauthorized("The ticket is not valid.")
    return _decode(stored)


def _key(ticket: str) -> str:
    return keys.ticket(hashlib.sha256(ticket.encode(errors="replace")).hexdigest())
