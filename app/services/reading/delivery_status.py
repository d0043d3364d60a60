"""What became of a message, by the marks of the other members: accepted, stored, delivered to all, read by all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.services.messaging.message_path import MessagePath
from app.store.conversations import MemberState, all_members_of

View = dict[str, Any]


def received(
    view: View, members: Sequence[MemberState], user_id: int, *, in_group: bool, stored: bool
) -> dict[str, Any]:
    """``status``; and of one's own message in a group ``receipts``: how many of the others have it, and have read it.

    ``members`` are all of the conversation, or none where they are too many to be looked at.
    """
    found: View = {"status": _status(view, members, stored=stored)}
    if in_group and view["senderId"] == user_id and members:
        others = [m for m in members if m.user_id != user_id]
        found["receipts"] = {
            "delivered": sum(m.delivered_seq >= view["seq"] for m in others),
            "read": sum(m.read_seq >= view["seq"] for m in others),
        }
    return found


def with_status(path: MessagePath, conn: Connection, views: Sequence[View], user_id: int) -> list[View]:
    """Stored messages of whichever conversations, each with what became of it. One query, however many."""
    members = all_members_of(conn, sorted({view["conversationId"] for view in views}))
    return [
        {
            **view,
            **received(
                view,
                members.get(view["conversationId"], ()),
                user_id,
                in_group=path.directs.peer(view["conversationId"], user_id) is None,
                stored=True,
            ),
        }
        for view in views
    ]


def unread_status(view: View, user_id: int, behind: Sequence[tuple[int, int]] | None, *, stored: bool) -> str:
    """Of another's message that ``user_id`` has not read, as it is once it was fetched: that delivers it to them.

    ``behind``: (user, delivered seq) of the members to whom least was delivered, at least three where there are so
    many; None where there are too many members to be looked at.
    """
    if not stored:
        return "accepted"
    if not behind:
        return "stored" if behind is None else "delivered"
    own = user_id, view["senderId"]
    return "delivered" if all(seq >= view["seq"] for user, seq in behind if user not in own) else "stored"


def _status(view: View, members: Sequence[MemberState], *, stored: bool) -> str:
    """The least that any other member's marks say of it."""
    if not stored:
        return "accepted"
    others = [m for m in members if m.user_id != view["senderId"]]
    if others and all(m.read_seq >= view["seq"] for m in others):
        return "read"
    if others and all(m.delivered_seq >= view["seq"] for m in others):
        return "delivered"
    return "stored"
