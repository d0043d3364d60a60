"""Who a ticket stands for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import msgspec

from app.core.caller import Caller
from app.core.errors import Unauthorized
from app.redis_calls import asking
from app.services.auth.check_revoked import is_revoked
from app.services.auth.issue_ticket import ticket_key

if TYPE_CHECKING:
    from app.container import Container

_decode = msgspec.msgpack.Decoder(Caller).decode


def redeem_ticket(parley: Container, ticket: str) -> Caller:
    """Use it up, atomically. Raises Unauthorized where it never was, was used, has expired, or its session
    was logged out.
    """
    stored = cast("bytes | None", asking(lambda: parley.redis.getdel(ticket_key(ticket))))
    if stored is None:
        raise Unauthorized("The ticket is not valid.")
    caller = _decode(stored)
    if caller.expires_at <= time.time() or is_revoked(parley, caller):
        raise Unauthorized("The session that asked for the ticket has ended.")
    return caller
