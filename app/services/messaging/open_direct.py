"""Opens the direct conversation of two users. It is created at first use."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.services.reading.direct_cache import DirectCache
from app.store.conversations import get_or_create_direct
from app.store.engine import reading


def open_direct(user_id: int, other_id: int, *, engine: Engine, directs: DirectCache) -> int:
    """Returns the conversation's id: always the same one, even for both users at once. May block. Raises NotFound for
    an unknown user.
    """
    known = directs.find(user_id, other_id)
    if known is not None:
        return known
    with reading(engine) as connection:
        opened = get_or_create_direct(connection, user_id, other_id)
    if opened is None:
        raise NotFound("No such user.")
    directs.add(user_id, other_id, opened[0])
    return opened[0]
