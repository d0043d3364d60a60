"""Opens the direct conversation of two users. It is created at first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.services.messaging.own_changes import admit
from app.services.messaging.prepared import Prepared
from app.services.reading.direct_cache import DirectCache
from app.services.reading.waiting_requests import WaitingRequests
from app.store.direct_pairs import find_direct
from app.store.engine import reading, writing
from app.store.host_events import add_conversation_event
from app.store.open_direct import get_or_create_direct
from app.store.users import is_new_account


def open_direct(
    user_id: int,
    other_id: int,
    *,
    engine: Engine,
    directs: DirectCache,
    requests: WaitingRequests,
    check_opening: Callable[[int, int], None],
    limit_openings: Callable[[int], None],
    carry_out: Callable[[Prepared], Any],
) -> int:
    """Returns the conversation's id: always the same one, even for both users at once. May block. Raises NotFound for
    an unknown user, RateLimited for a new account that opens too many conversations, and what ``check_opening`` raises
    if the host's policy does not allow a new conversation.

    If the other user does not let this one write to them, a new conversation is held back from them. If it was held
    back from the user who opens it now, ``carry_out`` shows it to them: opening it is an answer to the request.
    """
    known = directs.find(user_id, other_id)
    if known is not None:
        return known
    with reading(engine) as connection:
        is_opening = find_direct(connection, user_id, other_id) is None
        is_limited = is_opening and is_new_account(connection, user_id)
    if is_opening:
        check_opening(user_id, other_id)
    if is_limited:
        limit_openings(user_id)
    with writing(engine) as connection:
        opened = get_or_create_direct(connection, user_id, other_id)
        if opened is not None and opened.created:
            add_conversation_event(connection, "conversation.created", opened.id)
    if opened is None:
        raise NotFound("No such user.")
    if opened.created and opened.held is not None:
        requests.announce(opened.id, [opened.held])
    if opened.held == user_id:
        carry_out(admit(user_id, opened.id))
        requests.announce_end(user_id, opened.id)
        directs.add(user_id, other_id, opened.id)
    else:
        directs.add(user_id, other_id, opened.id, opened.held)
    return opened.id
