"""Derives the status of a message from the other members' marks: accepted, stored, delivered to all, read by all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.services.reading.direct_cache import DirectCache
from app.store.conversations import JoinedMember, all_members_of

View = dict[str, Any]


def received(
    view: View, members: Sequence[JoinedMember], user_id: int, *, in_group: bool, stored: bool
) -> dict[str, Any]:
    """Returns ``status``. For the user's own message in a group, also returns ``receipts``: how many of the others have
    received and read it.

    ``members`` holds all members of the conversation, or none of them if there are too many to look at.
    """
    receivers = _receivers(view, members)
    found: View = {"status": _status(view, receivers, stored=stored)}
    if in_group and view["senderId"] == user_id and members:
        found["receipts"] = {
            "delivered": sum(m.delivered_seq >= view["seq"] for m in receivers),
            "read": sum(m.read_seq >= view["seq"] for m in receivers),
        }
    return found


def with_status(conn: Connection, views: Sequence[View], user_id: int, *, directs: DirectCache) -> list[View]:
    """Returns stored messages of any conversations with their status. Runs one query for all of them."""
    members = all_members_of(conn, sorted({view["conversationId"] for view in views}))
    return [
        {
            **view,
            **received(
                view,
                members.get(view["conversationId"], ()),
                user_id,
                in_group=directs.peer(view["conversationId"], user_id) is None,
                stored=True,
            ),
        }
        for view in views
    ]


def unread_status(view: View, user_id: int, behind: Sequence[tuple[int, int]] | None, *, stored: bool) -> str:
    """Returns the status of another user's message after ``user_id`` has fetched it, which delivers it to them.

    ``behind`` holds (user, delivered seq) of up to three members with the lowest delivered marks. It is None if there
    are too many members to look at.
    """
    if not stored:
        return "accepted"
    if not behind:
        return "stored" if behind is None else "delivered"
    own = user_id, view["senderId"]
    return "delivered" if all(seq >= view["seq"] for user, seq in behind if user not in own) else "stored"


def _receivers(view: View, members: Sequence[JoinedMember]) -> list[JoinedMember]:
    """Returns the other members, without those who joined after the message."""
    return [m for m in members if m.user_id != view["senderId"] and m.joined_seq <= view["seq"]]


def _status(view: View, receivers: Sequence[JoinedMember], *, stored: bool) -> str:
    """Returns the lowest status over all receivers."""
    if not stored:
        return "accepted"
    if receivers and all(m.read_seq >= view["seq"] for m in receivers):
        return "read"
    if receivers and all(m.delivered_seq >= view["seq"] for m in receivers):
        return "delivered"
    return "stored"
