"""Writes the file of a user's own data as lines of JSON: first the profile, then the blocks, then each conversation
followed by its messages.

Invariants:
* Memory holds at most one page of messages and one piece of the file.
* Each piece is committed when it is full, and the last stored line shows where to continue. So an interrupted writer
  loses at most one piece, and a second run writes the same file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine

from app.core.times import rfc3339
from app.services.reading.drafts import stored_draft_view
from app.services.reading.message_json import exported_views
from app.store import blocks
from app.store import exports as store
from app.store.drafts import StoredDraft, draft_of
from app.store.engine import reading, writing
from app.store.exports import ExportedConversation, OwnData
from app.store.messages import StoredMessage
from app.store.replica import Open, StoreReads
from app.store.users import StoredUser

PIECE_BYTES = 1_000_000
# After this, another task continues: the task that wakes the drain may be waiting behind this one.
RUN_SECONDS = 2.0

Line = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Place(NamedTuple):
    """A position in the file: after message ``seq`` of this conversation, or after the conversation's own line if 0."""

    conversation_id: int
    seq: int


class ExportWriter:
    """``stopping`` returns whether the process is shutting down. The exported data may come from a replica."""

    def __init__(
        self, engine: Engine, store_reads: StoreReads, *, keep_seconds: int, stopping: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._read = store_reads.run
        self._keep_seconds = keep_seconds
        self._stopping = stopping
        self._ends_at = time.monotonic() + RUN_SECONDS

    def run(self, export_id: str) -> bool:
        """Returns True if nothing is left to do, False if it must run again. Raises Overloaded if Postgres does not
        answer.
        """
        with reading(self._engine) as conn:
            export = store.get_export(conn, export_id)
            last = store.last_piece(conn, export_id)
        if export is None or export.state != "pending":
            return True
        n = 0 if last is None else last[0] + 1
        place = None if last is None else _place_after(last[1])
        for piece in _pieces(self._lines(export.user_id, place)):
            with writing(self._engine) as conn:
                if not store.add_piece(conn, export_id, n, piece):
                    return True  # another task writes this export, or it was replaced
            n += 1
            if self._stopping() or time.monotonic() > self._ends_at:
                return False
        with writing(self._engine) as conn:
            store.finish_export(conn, export_id, keep_seconds=self._keep_seconds)
        return True

    def _lines(self, user_id: int, place: Place | None) -> Iterator[Line]:
        """Yields all lines after ``place``, or all lines if ``place`` is None."""
        if place is None:
            yield from self._profile(user_id)
            place = Place(0, 0)
        else:
            yield from self._messages(user_id, place)
        while True:
            conversation, draft = self._read(partial(_next_conversation, user_id, place.conversation_id))
            if conversation is None:
                return
            yield _conversation_line(conversation, draft)
            place = Place(conversation.id, 0)
            yield from self._messages(user_id, place)

    def _profile(self, user_id: int) -> Iterator[Line]:
        own, blocked = self._read(partial(_own_data, user_id))
        if own is not None:
            profile = own.user
            yield {
                "type": "profile",
                "id": profile.id,
                "username": profile.username,
                "displayName": profile.display_name,
                "avatarUrl": profile.avatar_url,
                "createdAt": rfc3339(own.created_ms),
                "lastSeen": _time(profile.last_seen_ms),
                "lastSeenVisible": profile.last_seen_visible,
                "mayAddMe": profile.may_add,
                "mayWriteToMe": profile.may_write,
                "hideBlockedMessages": profile.hide_blocked,
                "statusText": profile.status_text,
                "statusEmoji": profile.status_emoji,
                "statusUntil": _time(profile.status_until_ms),
                "doNotDisturbUntil": _time(profile.do_not_disturb_ms),
                "locale": profile.locale,
                "email": own.email,
            }
        for user in blocked:
            yield {"type": "block", "userId": user.id, "username": user.username}

    def _messages(self, user_id: int, place: Place) -> Iterator[Line]:
        first, last = self._read(partial(_seqs_of, user_id, place.conversation_id))
        seq = max(first, place.seq + 1)
        while True:
            page, views = self._read(partial(_page, user_id, place.conversation_id, seq, last))
            for view in views:
                yield {"type": "message", **view}
            if len(page) < store.MESSAGES_AT_ONCE:
                return
            seq = page[-1].seq + 1


def _own_data(user_id: int, open_: Open) -> tuple[OwnData | None, list[StoredUser]]:
    with open_() as conn:
        return store.own_data(conn, user_id), blocks.blocked_by(conn, user_id)


def _next_conversation(user_id: int, after: int, open_: Open) -> tuple[ExportedConversation | None, StoredDraft | None]:
    with open_() as conn:
        conversation = store.next_conversation(conn, user_id, after)
        return conversation, None if conversation is None else draft_of(conn, user_id, conversation.id)


def _seqs_of(user_id: int, conversation_id: int, open_: Open) -> tuple[int, int]:
    with open_() as conn:
        return store.seqs_of(conn, user_id, conversation_id)


def _page(
    user_id: int, conversation_id: int, seq: int, last: int, open_: Open
) -> tuple[list[StoredMessage], list[Line]]:
    with open_() as conn:
        page = store.exported_messages(conn, user_id, conversation_id, seq, last)
        return page, exported_views(conn, page, user_id)


def _conversation_line(conversation: ExportedConversation, draft: StoredDraft | None) -> Line:
    return {
        "type": "conversation",
        "id": conversation.id,
        "kind": conversation.kind,
        "name": conversation.name,
        "description": conversation.description,
        "otherId": conversation.other_id,
        "role": conversation.role,
        "joinedAt": rfc3339(conversation.joined_ms),
        "isMember": conversation.is_member,
        "archived": conversation.archived,
        "mutedUntil": _time(conversation.muted_until_ms),
        "draft": None if draft is None else stored_draft_view(draft),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _pieces(lines: Iterator[Line]) -> Iterator[bytes]:
    """Joins lines into pieces of at most PIECE_BYTES; a longer line has a piece of its own."""
    piece = bytearray()
    for line in lines:
        encoded = _encode(line) + b"\n"
        if piece and len(piece) + len(encoded) > PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
        piece += encoded
    if piece:
        yield bytes(piece)


def _place_after(piece: bytes) -> Place:
    """Returns the position after the last line of this piece."""
    last = _decode(piece[piece.rstrip(b"\n").rfind(b"\n") + 1 :])
    if last["type"] == "message":
        return Place(last["conversationId"], last["seq"])
    return Place(last["id"], 0) if last["type"] == "conversation" else Place(0, 0)
