"""The direct conversation with an account that is deleted: it stays to be read, and takes no more messages.

The other one of it is treated as whoever has blocked somebody is. That Postgres says the same
(app/store/blocks.py) is for the caller to see to, right after; so a conversation that is not in Redis is brought there
first, after which nobody's earlier reading of Postgres counts.
"""

from __future__ import annotations

from app.core.errors import Overloaded
from app.message_log.conversations import set_blockers
from app.services.messaging.worker_changes import WorkerChanges


def close_direct(changes: WorkerChanges, conversation_id: int, other_id: int) -> None:
    """Safe to repeat. Raise Overloaded, RedisError."""
    if not set_blockers(changes.redis, conversation_id, [other_id]):
        changes.bring_in(conversation_id)
        if not set_blockers(changes.redis, conversation_id, [other_id]):
            raise Overloaded("The log begins anew.")
