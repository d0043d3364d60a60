"""A long-poll that comes back with a cursor confirms what came before it, also at a gateway that never saw the
session.
"""

from __future__ import annotations

from app.services.messaging.message_path import MessagePath
from app.services.messaging.move_mark import note_delivered
from app.store import receipts
from app.store.engine import reading


def confirm_polled(path: MessagePath, user_id: int, version: int) -> None:
    """Move the user's delivered marks up to ``version``. May block. Raise Overloaded."""
    with reading(path.engine) as connection:
        rows = receipts.delivered_up_to(connection, user_id, version)
    for conversation_id, seq in rows:
        note_delivered(path, user_id, conversation_id, seq)
