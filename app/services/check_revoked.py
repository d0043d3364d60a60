"""Whether a caller's auth session was logged out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.caller import Caller
from app.services.redis_calls import asking_redis

if TYPE_CHECKING:
    from app.extensions import Parley


def is_revoked(parley: Parley, caller: Caller) -> bool:
    """Known in memory, in a gateway. Raises Overloaded where Redis must be asked and does not answer."""
    with asking_redis():
        return caller.sid in parley.revoked
