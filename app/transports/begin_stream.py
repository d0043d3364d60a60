"""Enters a session into the stream of events, on any transport."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.core.position import Position
from app.transports.session import Session


class Beginning(NamedTuple):
    """The beginning of a stream. ``joined`` is the data of that event. ``positions`` are where to catch up from, one
    for each shard; None starts at the present. ``resync`` must follow if the client's cursor is no longer valid.
    """

    joined: dict[str, Any]
    positions: list[Position] | None
    resync: bool


def begin_stream(session: Session, cursor: str | None) -> Beginning:
    """Enters the session into the stream. May block. Raises Overloaded, RateLimited, and Unauthorized if the caller's
    auth session has ended since it was verified.
    """
    session.enter()
    try:
        # Checked after ``enter``: an end that is announced from now on finds the session in the hub.
        session.streams.refuse_ended(session.auth_session, session.user_id)
        session.log("session begins")
        return _beginning(session, cursor)
    except BaseException:
        session.detach()
        raise


def _beginning(session: Session, cursor: str | None) -> Beginning:
    streams, present = session.streams, session.present
    positions = streams.resumable(cursor, session.versions) if cursor else None
    unread = streams.count_unread(session.user_id)
    data = {
        "userId": session.user_id,
        "sessionId": session.id,
        "cursor": session.start_at(positions or present),
        "unread": [{"conversationId": i, "count": n} for i, n in sorted(unread.items())],
        "limits": streams.client_limits,
    }
    return Beginning(data, positions, bool(cursor) and positions is None)
