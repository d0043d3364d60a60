"""Opens the direct conversation of two users. It is created at first use."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.services.reading.direct_cache import DirectCache
from app.store.conversations import get_or_create_direct
from app.store.direct_pairs import find_direct
from app.store.engine import reading
from app.store.users import is_new_account


def open_direct(
    user_id: int, other_id: int, *, engine: Engine, directs: DirectCache, limit_openings: Callable[[int], None]
) -> int:
    """Returns the conversation's id: always the same one, even for both users at once. May block. Raises NotFound for
    an unknown user, RateLimited for a new account that opens too many conversations.
    """
    known = directs.find(user_id, other_id)
    if known is not None:
        return known
    with reading(engine) as connection:
        is_opening = find_direct(connection, user_id, other_id) is None and is_new_account(connection, user_id)
    if is_opening:
        limit_openings(user_id)
    with reading(engine) as connection:
        opened = get_or_create_direct(connection, user_id, other_id)
    if opened is None:
        raise NotFound("No such user.")
    directs.add(user_id, other_id, opened[0])
    return opened[0]
