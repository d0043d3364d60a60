"""Opens direct conversations for the host's server, regardless of their users' settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app.core.errors import NotFound
from app.services.messaging.own_changes import admit
from app.services.messaging.prepared import Prepared
from app.services.reading.direct_cache import DirectCache
from app.store.engine import writing
from app.store.host_events import add_conversation_event
from app.store.open_direct import get_or_create_direct


def open_direct_for_host(
    one: int, other: int, *, engine: Engine, directs: DirectCache, carry_out: Callable[[Prepared], Any]
) -> int:
    """Returns the direct conversation of two users. It is held back from neither of them. Raises NotFound if one of
    them is gone, Overloaded.
    """
    known = directs.find(one, other)
    if known is not None and directs.find(other, one) is not None:
        return known
    with writing(engine) as conn:
        opened = get_or_create_direct(conn, one, other, ask=False)
        if opened is not None and opened.created:
            add_conversation_event(conn, "conversation.created", opened.id)
    if opened is None:
        raise NotFound("No such user.")
    if opened.held is not None:
        carry_out(admit(opened.held, opened.id))
    directs.add(one, other, opened.id)
    return opened.id
