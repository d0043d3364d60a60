"""Conversations by the ids that the host gave to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, null, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import IntegrityError

from app.store.conversation_keys import give_up_external, next_id, of_external, take_external
from app.store.distributed_notes import note_members
from app.store.layout import is_distributed
from app.store.models import Conversation, Member, Message, User
from app.store.sql import any_of, any_text, as_ms, first
from app.store.users import EXISTS


class HostConversation(Struct, frozen=True):
    id: int
    kind: str
    external_id: str | None
    avatar_url: str | None
    member_count: int
    created_ms: int
    activity_ms: int
    metadata: dict[str, Any] | None


_COLUMNS: tuple[Any, ...] = (
    Conversation.id,
    Conversation.kind,
    Conversation.external_id,
    Conversation.avatar_url,
    Conversation.member_count,
    as_ms(Conversation.created_at),
    as_ms(Conversation.last_activity_at),
    Conversation.metadata_,
)


def find_by_external_id(conn: Connection, external_id: str) -> HostConversation | None:
    if is_distributed(conn):
        id_ = of_external(conn, [external_id]).get(external_id)
        return None if id_ is None else find_by_id(conn, id_)
    found = select(*_COLUMNS).where(Conversation.external_id == external_id)
    return first(HostConversation, conn.execute(found).first())


def find_by_id(conn: Connection, conversation_id: int) -> HostConversation | None:
    return first(HostConversation, conn.execute(select(*_COLUMNS).where(Conversation.id == conversation_id)).first())


def create_host_group(
    conn: Connection, external_id: str, info: dict[str, Any], members: Sequence[tuple[int, str]]
) -> int | None:
    """Creates a group with these ``(user id, role)``. Returns None if a conversation has this external id. Needs a
    transaction.
    """
    new = insert(Conversation).values(kind="group", external_id=external_id, member_count=len(members), **info)
    once = new.on_conflict_do_nothing(
        index_elements=[Conversation.external_id], index_where=Conversation.external_id.is_not(None)
    )
    if is_distributed(conn):
        made = _insert_named(conn, new, external_id)
    else:
        made = conn.execute(once.returning(Conversation.id)).scalar()
    if made is not None and members:
        rows = [{"conversation_id": made, "user_id": user, "role": role} for user, role in members]
        conn.execute(insert(Member), rows)
        note_members(conn, [made])
    return made


def _insert_named(conn: Connection, new: Insert, external_id: str) -> int | None:
    id_ = next_id(conn)
    if not take_external(conn, {external_id: id_}):
        return None
    conn.execute(new.values(id=id_))
    return id_


def name_direct(conn: Connection, conversation_id: int, external_id: str) -> bool:
    """Gives a direct conversation its external id. Returns False if it has another one. Raises IntegrityError if
    another conversation has this one.
    """
    if is_distributed(conn):
        return _name_distributed(conn, conversation_id, external_id)
    free = Conversation.id == conversation_id, func.coalesce(Conversation.external_id, external_id) == external_id
    return conn.execute(update(Conversation).where(*free).values(external_id=external_id)).rowcount > 0


def _name_distributed(conn: Connection, conversation_id: int, external_id: str) -> bool:
    was = conn.execute(select(Conversation.external_id).where(Conversation.id == conversation_id)).first()
    if was is None or was[0] not in (None, external_id):
        return False
    if not take_external(conn, {external_id: conversation_id}):
        raise IntegrityError("external_id", None, ValueError("another conversation has this external id"))
    theirs = update(Conversation).where(Conversation.id == conversation_id)
    conn.execute(theirs.values(external_id=external_id))
    return True


def set_metadata(conn: Connection, conversation_id: int, metadata: dict[str, Any] | None) -> None:
    theirs = update(Conversation).where(Conversation.id == conversation_id)
    conn.execute(theirs.values(metadata=metadata or null()))


def existing_users(conn: Connection, user_ids: Sequence[int]) -> set[int]:
    """Returns the users that exist."""
    if not user_ids:
        return set()
    return set(conn.execute(select(User.id).where(User.id == any_of(user_ids), EXISTS)).scalars())


def conversation_ids_of(conn: Connection, external_ids: Sequence[str]) -> dict[str, int]:
    """Returns external id -> conversation id of those that exist."""
    if not external_ids:
        return {}
    if is_distributed(conn):
        return of_external(conn, external_ids)
    found = select(Conversation.external_id, Conversation.id).where(Conversation.external_id == any_text(external_ids))
    return {str(external_id): conversation_id for external_id, conversation_id in conn.execute(found)}


def existing_conversations(conn: Connection, ids: Sequence[int]) -> set[int]:
    """Returns the conversations that exist."""
    if not ids:
        return set()
    return set(conn.execute(select(Conversation.id).where(Conversation.id == any_of(ids))).scalars())


def give_up(conn: Connection, conversation_id: int, last_seq: int) -> None:
    """Removes the external id from the conversation, and lets a task erase its messages up to ``last_seq``."""
    upto = func.greatest(Conversation.last_seq, last_seq)
    theirs = update(Conversation).where(Conversation.id == conversation_id)
    conn.execute(theirs.values(external_id=None, erase_upto=upto))
    if is_distributed(conn):
        give_up_external(conn, conversation_id)


def to_erase(conn: Connection, limit: int = 100) -> list[int]:
    """Returns conversations with messages that wait to be erased."""
    waiting = select(Conversation.id).where(Conversation.erase_upto.is_not(None))
    return list(conn.execute(waiting.order_by(Conversation.id).limit(limit)).scalars())


def seqs_to_erase(conn: Connection, conversation_id: int, limit: int) -> tuple[list[int], bool]:
    """Returns the first seqs that wait to be erased, and whether the store has all messages up to the last of them."""
    row = conn.execute(
        select(Conversation.erase_upto, Conversation.last_seq).where(Conversation.id == conversation_id)
    ).first()
    if row is None or row[0] is None:
        return [], True
    upto, last_seq = row[0], row[1]
    there = Message.conversation_id == conversation_id, Message.seq <= upto, Message.deleted_at.is_(None)
    seqs = select(Message.seq).where(*there).order_by(Message.seq).limit(limit)
    return list(conn.execute(seqs).scalars()), last_seq >= upto


def end_erasure(conn: Connection, conversation_id: int) -> None:
    conn.execute(update(Conversation).where(Conversation.id == conversation_id).values(erase_upto=None))
