"""Whether a caller's auth session was logged out, or the account deleted."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING

from app.core.caller import Caller
from app.redis_calls import asking

if TYPE_CHECKING:
    from app.container import Container

_NAMESPACE = uuid.UUID("5d0c1f6e-9a86-4b43-8f0e-6f9a4c1d2b7a")


def is_revoked(parley: Container, caller: Caller) -> bool:
    """Known in memory, in a gateway. Raises Overloaded where Redis must be asked and does not answer."""
    revoked = parley.revoked
    return asking(lambda: caller.sid in revoked or all_sessions_of(caller.user_id) in revoked)


@lru_cache(maxsize=10_000)
def all_sessions_of(user_id: int) -> str:
    """What stands in the list of revoked auth sessions for every session of this user, also those that an outside
    issuer made, of which there is no list."""
    return str(uuid.uuid5(_NAMESPACE, str(user_id)))
