"""Deleted accounts, and how much of their data is removed so far."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, Text, case, cast, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.account_mails import RESET, VERIFY
from app.core.accounts import RESERVED_PREFIX
from app.store import media_uses
from app.store.account_tokens import forget_tokens
from app.store.admissions import delete_requests
from app.store.blocks import unblock_all
from app.store.distribution import among_own
from app.store.drafts import delete_drafts_of
from app.store.models import (
    AccountDeletion,
    Conversation,
    Export,
    Member,
    Message,
    User,
)
from app.store.models.message_life import DETAILS
from app.store.people_names import remove_name
from app.store.read_conversations import forget_read_state
from app.store.search_index import remove_terms
from app.store.shadow_changes import forget_changes
from app.store.sql import any_of, first

DISPLAY_NAME = "Deleted user"
# The maximum number of seqs that one call of ``own_messages`` scans.
SCAN_WINDOW = 20_000


class Deletion(Struct, frozen=True):
    """``erase``: the user's messages are removed as well. This is done up to ``seq`` of ``conversation_id``; the
    conversations are worked through by id.
    """

    user_id: int
    erase: bool
    conversation_id: int
    seq: int


class OwnMessages(Struct, frozen=True):
    """``messages`` are (seq, id). Everything up to ``scanned_to`` was scanned. ``ended``: there is nothing after it."""

    messages: list[tuple[int, str]]
    scanned_to: int
    ended: bool


class OwnConversation(Struct, frozen=True):
    """``other_id`` is the other user of a direct conversation; None for groups and for notes to oneself."""

    id: int
    is_member: bool
    is_notes: bool
    is_group: bool
    other_id: int | None


_UNFINISHED = AccountDeletion.finished_at.is_(None)


def begin_deletion(conn: Connection, user_id: int, *, erase: bool) -> bool:
    """Ends the account: nobody can sign in, and the name is free. Returns False if it was deleted before.

    Needs a transaction.
    """
    gone = update(User).where(User.id == user_id, User.deleted_at.is_(None))
    gone = gone.values(
        deleted_at=func.now(),
        changed_at=func.now(),
        display_name=DISPLAY_NAME,
        avatar_url=None,
        status_text=None,
        status_emoji=None,
        status_until=None,
        do_not_disturb_until=None,
        locale=None,
        password_hash=None,
        last_seen_at=None,
        is_admin=False,
        email=None,
        external_id=None,
        metadata=null(),
        username=_reserved_name(conn, user_id),
    )
    if not conn.execute(gone).rowcount:
        return False
    remove_name(conn, user_id)
    conn.execute(insert(AccountDeletion).values(user_id=user_id, erase=erase).on_conflict_do_nothing())
    return True


def _reserved_name(conn: Connection, user_id: int) -> str:
    """Returns a name that nobody else has. The first one may be taken by an account that is older than the rule that
    reserves such names.
    """
    name = f"{RESERVED_PREFIX}{user_id}"
    is_taken = conn.execute(select(User.id).where(User.username == name)).first() is not None
    return f"{name}-{secrets.token_hex(4)}" if is_taken else name


def get_deletion(conn: Connection, user_id: int) -> Deletion | None:
    """Returns the user's deletion, or None if there is none or it is finished."""
    columns = AccountDeletion.user_id, AccountDeletion.erase, AccountDeletion.conversation_id, AccountDeletion.seq
    found = select(*columns).where(AccountDeletion.user_id == user_id, _UNFINISHED)
    return first(Deletion, conn.execute(found).first())


def unfinished(conn: Connection, *, older_than_seconds: int, limit: int = 100) -> list[int]:
    """Returns users whose data is not removed yet, although the deletion was requested this long ago."""
    before = func.now() - timedelta(seconds=older_than_seconds)
    overdue = select(AccountDeletion.user_id).where(_UNFINISHED, AccountDeletion.requested_at < before)
    return list(conn.execute(overdue.order_by(AccountDeletion.user_id).limit(limit)).scalars())


def conversations_from(conn: Connection, user_id: int, first: int) -> list[OwnConversation]:
    """Returns the conversations that the user is or was in, by id, beginning with the id ``first``.

    Conversations that the user left are included, because they contain messages of the user.
    """
    own = _own_conversations(conn, user_id).where(Member.conversation_id >= first).order_by(Member.conversation_id)
    return [OwnConversation(*row) for row in conn.execute(own)]


def last_direct_before(conn: Connection, user_id: int, before: int) -> OwnConversation | None:
    """Returns the user's direct conversation with the greatest id below ``before``; not the notes to oneself."""
    is_direct = Conversation.direct_low != Conversation.direct_high
    own = _own_conversations(conn, user_id).where(Member.conversation_id < before, is_direct)
    row = conn.execute(own.order_by(Member.conversation_id.desc()).limit(1)).first()
    return None if row is None else OwnConversation(*row)


def _own_conversations(conn: Connection, user_id: int) -> Select[Any]:
    is_notes = func.coalesce(Conversation.direct_low == Conversation.direct_high, False)
    other = func.nullif(Conversation.direct_low + Conversation.direct_high - Member.user_id, Member.user_id)
    columns = Member.conversation_id, Member.left_seq.is_(None), is_notes, Conversation.kind == "group", other
    own = select(*columns).join(Conversation, Conversation.id == Member.conversation_id)
    return own.where(Member.user_id == user_id, *among_own(conn, user_id, Member.conversation_id, Conversation.id))


def own_messages(conn: Connection, user_id: int, conversation_id: int, after: int, limit: int) -> OwnMessages:
    """Returns messages of the user that still have a text, ascending: at most ``limit``, out of the next
    ``SCAN_WINDOW`` seqs.
    """
    upto = after + SCAN_WINDOW
    in_window = Message.conversation_id == conversation_id, Message.seq > after, Message.seq <= upto
    is_own = Message.sender_id == user_id, Message.deleted_at.is_(None), Message.kind != "system"
    page = select(Message.seq, cast(Message.id, Text)).where(*in_window, *is_own).order_by(Message.seq).limit(limit)
    rows = [(seq, id_) for seq, id_ in conn.execute(page)]
    if len(rows) == limit:
        return OwnMessages(rows, rows[-1][0], ended=False)
    last_seq = conn.execute(select(Conversation.last_seq).where(Conversation.id == conversation_id)).scalar()
    return OwnMessages(rows, upto, ended=last_seq is None or last_seq <= upto)


def erase(conn: Connection, conversation_id: int, seqs: Sequence[int]) -> None:
    """Removes messages in a conversation that their author left: the log accepts no changes by former members.

    Needs a transaction. Safe to repeat.
    """
    for table in DETAILS:
        conn.execute(delete(table).where(table.conversation_id == conversation_id, table.seq == any_of(seqs)))
    these = Message.conversation_id == conversation_id, Message.seq == any_of(seqs), Message.deleted_at.is_(None)
    conn.execute(
        update(Message)
        .where(*these)
        .values(
            deleted_at=func.now(),
            body=None,
            attachments=null(),
            extra=null(),
            mentions=None,
            mentions_all=False,
            pinned_at=None,
            pinned_by=None,
        )
    )
    media_uses.release(conn, conversation_id, seqs)
    remove_terms(conn, ((conversation_id, seq) for seq in seqs))


def heir_of(conn: Connection, user_id: int, conversation_id: int) -> int | None:
    """Returns the member who becomes owner when the last owner leaves: by role, then by time in the group."""
    others = select(Member.user_id).where(
        Member.conversation_id == conversation_id, Member.left_seq.is_(None), Member.user_id != user_id
    )
    rank = case({"owner": 1, "admin": 2}, value=Member.role, else_=3)
    return conn.execute(others.order_by(rank, Member.joined_at, Member.user_id).limit(1)).scalar()


def save_progress(conn: Connection, was: Deletion, conversation_id: int, seq: int) -> bool:
    """Stores how far the removal is.

    Returns False if the stored progress is not ``was``, because another worker removes the same data.
    """
    same = AccountDeletion.conversation_id == was.conversation_id, AccountDeletion.seq == was.seq
    moved = update(AccountDeletion).where(AccountDeletion.user_id == was.user_id, *same)
    return conn.execute(moved.values(conversation_id=conversation_id, seq=seq)).rowcount > 0


def finish_deletion(conn: Connection, user_id: int) -> None:
    """Deletes the account's blocks, drafts, exports and requests, and marks the deletion as finished.

    Needs a transaction. Safe to repeat.
    """
    unblock_all(conn, user_id)
    delete_requests(conn, user_id)
    delete_drafts_of(conn, user_id)
    forget_changes(conn, user_id)
    forget_read_state(conn, user_id)
    forget_tokens(conn, user_id, RESET, VERIFY)
    conn.execute(delete(Export).where(Export.user_id == user_id))
    finished = update(AccountDeletion).where(AccountDeletion.user_id == user_id, _UNFINISHED)
    conn.execute(finished.values(finished_at=func.now()))
