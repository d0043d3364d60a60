"""The one direct conversation of two users, opened at first use."""

from __future__ import annotations

from app.core.errors import NotFound
from app.services.messaging.message_path import MessagePath
from app.store import conversations as store
from app.store.engine import reading


def open_direct(path: MessagePath, user_id: int, other_id: int) -> int:
    """Its id; the same however often and from both sides at once. May block. Raise NotFound for an unknown user."""
    known = path.directs.find(user_id, other_id)
    if known is not None:
        return known
    with reading(path.engine) as connection:
        opened = store.get_or_create_direct(connection, user_id, other_id)
    if opened is None:
        raise NotFound("No such user.")
    path.directs.note(user_id, other_id, opened[0])
    return opened[0]
