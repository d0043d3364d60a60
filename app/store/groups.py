"""Groups: creation, and pages of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.json import encode
from sqlalchemy import Connection

from app.core.people_names import NameQuery
from app.store.conversations import JoinedMember
from app.store.people_names import MATCHES, match_values
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, structs

# One statement: either all members exist and the group is created with them, or there is no group.
_CREATE = HotStatement("""
    WITH people AS (
        SELECT id FROM users WHERE id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL
    ), made AS (
        INSERT INTO conversations (kind, name, description, avatar_url, history, read_only, metadata, member_count,
            created_by)
        SELECT 'group', :name, :description, :avatar_url, :history, :read_only, CAST(:metadata AS jsonb), :expected,
            :creator
        WHERE (SELECT count(*) FROM people) = :expected RETURNING id
    ), joined AS (
        INSERT INTO members (conversation_id, user_id, role)
        SELECT made.id, people.id, CASE people.id WHEN :creator THEN 'owner' ELSE 'member' END FROM made, people
    )
    SELECT id FROM made
""")
_PAGE = HotStatement("""
    SELECT user_id, role, last_delivered_seq, last_read_seq, joined_seq FROM members
    WHERE conversation_id = :conversation_id AND user_id > :after AND coalesce(left_seq, 0) = 0
    ORDER BY user_id LIMIT :limit
""")
_PAGE_NAMED = HotStatement(f"""
    SELECT m.user_id, m.role, m.last_delivered_seq, m.last_read_seq, m.joined_seq FROM members AS m
    JOIN users AS u ON u.id = m.user_id
    WHERE m.conversation_id = :conversation_id AND m.user_id > :after AND coalesce(m.left_seq, 0) = 0
      AND {MATCHES}
    ORDER BY m.user_id LIMIT :limit
""")


def create_group(
    conn: Connection,
    creator: int,
    name: str,
    member_ids: Sequence[int],
    *,
    description: str | None = None,
    avatar_url: str | None = None,
    history: str = "all",
    read_only: bool = False,
    metadata: dict[str, Any] | None = None,
) -> int | None:
    """Creates a group with the creator as its owner, and returns its id. Needs no transaction.

    Returns None if one of the members does not exist or was deleted.
    """
    ids = {creator, *member_ids}
    rows = _CREATE.rows(
        conn,
        ids=int_array(ids),
        expected=len(ids),
        creator=creator,
        name=name,
        description=description,
        avatar_url=avatar_url,
        history=history,
        read_only=read_only,
        metadata=encode(metadata).decode() if metadata else None,
    )
    return int(rows[0][0]) if rows else None


def page_members(conn: Connection, conversation_id: int, after: int, limit: int, name: str = "") -> list[JoinedMember]:
    """Returns the first members with ids greater than ``after``, by id. With a name, only those whose username, or
    words of whose display name, begin with it, as people are found elsewhere.
    """
    place = {"conversation_id": conversation_id, "after": after, "limit": limit}
    query = NameQuery(name)
    if not query.start:
        return structs(JoinedMember, _PAGE.rows(conn, **place))
    return structs(JoinedMember, _PAGE_NAMED.rows(conn, **place, **match_values(query)))
