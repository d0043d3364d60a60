"""Groups: creation, and pages of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.json import encode
from sqlalchemy import Connection

from app.core.people_names import NameQuery
from app.store.conversation_keys import next_id
from app.store.conversations import JoinedMember
from app.store.distributed_notes import note_members
from app.store.distribution import atomic
from app.store.layout import is_distributed
from app.store.people_names import MATCHES, match_values
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, structs

# One statement: either all members exist and the group is created with them, or there is no group.
_CREATE = OneForm("""
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
# The same in parts, for distributed conversations.
_PEOPLE = HotStatement("""
    SELECT id FROM users WHERE id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL
""")
_ADD = HotStatement("""
    INSERT INTO conversations (id, kind, name, description, avatar_url, history, read_only, metadata, member_count,
        created_by)
    VALUES (:id, 'group', :name, :description, :avatar_url, :history, :read_only, CAST(:metadata AS jsonb), :expected,
        :creator)
""")
_ADD_MEMBERS = HotStatement("""
    INSERT INTO members (conversation_id, user_id, role)
    SELECT CAST(:id AS bigint), u, CASE u WHEN :creator THEN 'owner' ELSE 'member' END
    FROM unnest(CAST(:ids AS bigint[])) AS named (u)
""")
_PAGE = HotStatement("""
    SELECT user_id, role, last_delivered_seq, last_read_seq, joined_seq FROM members
    WHERE conversation_id = :conversation_id AND user_id > :after AND coalesce(left_seq, 0) = 0
    ORDER BY user_id LIMIT :limit
""")
_PAGE_NAMED = OneForm(f"""
    SELECT m.user_id, m.role, m.last_delivered_seq, m.last_read_seq, m.joined_seq FROM members AS m
    JOIN users AS u ON u.id = m.user_id
    WHERE m.conversation_id = :conversation_id AND m.user_id > :after AND coalesce(m.left_seq, 0) = 0
      AND {MATCHES}
    ORDER BY m.user_id LIMIT :limit
""")


_NAMED = HotStatement(f"""
    SELECT u.id FROM users AS u WHERE u.id = ANY(CAST(:users AS bigint[])) AND {MATCHES} ORDER BY u.id LIMIT :limit
""")
_AFTER = HotStatement("""
    SELECT user_id FROM members
    WHERE conversation_id = :conversation_id AND user_id > :after AND coalesce(left_seq, 0) = 0
""")
_PAGE_OF = HotStatement("""
    SELECT user_id, role, last_delivered_seq, last_read_seq, joined_seq FROM members
    WHERE conversation_id = :conversation_id AND user_id = ANY(CAST(:users AS bigint[]))
      AND coalesce(left_seq, 0) = 0
    ORDER BY user_id
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
    values = {
        "ids": int_array(ids),
        "expected": len(ids),
        "creator": creator,
        "name": name,
        "description": description,
        "avatar_url": avatar_url,
        "history": history,
        "read_only": read_only,
        "metadata": encode(metadata).decode() if metadata else None,
    }
    if is_distributed(conn):
        return _create_in_parts(conn, values)
    rows = _CREATE.rows(conn, **values)
    return int(rows[0][0]) if rows else None


def _create_in_parts(conn: Connection, values: dict[str, Any]) -> int | None:
    with atomic(conn):
        if len(_PEOPLE.rows(conn, ids=values["ids"])) < values["expected"]:
            return None
        id_ = next_id(conn)
        _ADD.run(conn, id=id_, **values)
        _ADD_MEMBERS.run(conn, id=id_, **values)
        note_members(conn, [id_])
        return id_


def page_members(conn: Connection, conversation_id: int, after: int, limit: int, name: str = "") -> list[JoinedMember]:
    """Returns the first members with ids greater than ``after``, by id. With a name, only those whose username, or
    words of whose display name, begin with it, as people are found elsewhere.
    """
    place = {"conversation_id": conversation_id, "after": after, "limit": limit}
    query = NameQuery(name)
    if not query.start:
        return structs(JoinedMember, _PAGE.rows(conn, **place))
    if not is_distributed(conn):
        return structs(JoinedMember, _PAGE_NAMED.rows(conn, **place, **match_values(query)))
    there = int_array(user for (user,) in _AFTER.rows(conn, **place))
    named = int_array(user for (user,) in _NAMED.rows(conn, users=there, limit=limit, **match_values(query)))
    return structs(JoinedMember, _PAGE_OF.rows(conn, conversation_id=conversation_id, users=named))
