"""Members with their marks: as Postgres has them, with the records applied that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from app.core.kinds import Kind
from app.core.message_view import View
from app.core.records import Record
from app.store.conversations import ConversationSummary, JoinedMember, MemberState

Member = TypeVar("Member", MemberState, JoinedMember)

READS = (Kind.READ, Kind.SHADOW_READ)


def marked(members: list[Member], tail: list[Record]) -> list[Member]:
    """Returns members with their present marks, including those that are not stored yet."""
    marks: dict[int, tuple[int, int]] = {}
    for record in tail:
        if record.kind in (Kind.DELIVERED, Kind.READ):
            delivered, read = marks.get(record.user_id, (0, 0))
            read = max(read, record.seq) if record.kind == Kind.READ else read
            marks[record.user_id] = (max(delivered, record.seq), read)
    moved = []
    for member in members:
        delivered, read = marks.get(member.user_id, (0, 0))
        moved.append(
            member._replace(delivered_seq=max(member.delivered_seq, delivered), read_seq=max(member.read_seq, read))
        )
    return moved


def read_seq_now(user_id: int, summary: ConversationSummary, tail: Iterable[Record]) -> int:
    """Returns how far the user has read, even if nobody else sees it."""
    return max([summary.read_seq, *(r.seq for r in tail if r.kind in READS and r.user_id == user_id)])


def with_own_mark(view: View, user_id: int, read_seq: int) -> View:
    for member in view.get("members", ()):
        if member["userId"] == user_id:
            member["readSeq"] = max(member["readSeq"], read_seq)
    return view
