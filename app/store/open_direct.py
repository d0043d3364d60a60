"""Opens the direct conversation of two users: it is created at first use."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.conversation_keys import next_id, of_pairs, take_pairs
from app.store.direct_pairs import pair_of
from app.store.distributed_notes import note_members
from app.store.distribution import atomic
from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm
from app.store.suspensions import is_shadowed
from app.store.visibility import are_contacts, contacts_among


class OpenedDirect(NamedTuple):
    """``held`` is the user from whom the conversation is held back until they agree, or None (direct_pairs.py)."""

    id: int
    created: bool
    held: int | None = None


# One statement creates the conversation with its members. Of two callers at once, the second one waits for the first
# one's commit, then neither inserts nor sees the new row: its snapshot is older. It sees the row when it tries again. A
# new conversation is held back from the other user if they do not let its opener write to them. The same holds if the
# opener has a shadow suspension. While that lasts, nobody sees the request either.
_OPEN_DIRECT = OneForm(f"""
    WITH found AS (
        SELECT id FROM conversations WHERE direct_low = :low AND direct_high = :high
    ), people AS (
        SELECT id FROM users WHERE id IN (:low, :high) AND deleted_at IS NULL
    ), made AS (
        INSERT INTO conversations (kind, direct_low, direct_high, member_count, created_by)
        SELECT 'direct', :low, :high, :expected, :user
        WHERE NOT EXISTS (SELECT FROM found) AND (SELECT count(*) FROM people) = :expected
        ON CONFLICT (direct_low, direct_high) DO NOTHING RETURNING id
    ), held AS (
        SELECT made.id AS conversation_id, u.id AS user_id FROM made
        JOIN users AS u ON u.id IN (:low, :high) AND u.id <> :user
        CROSS JOIN (SELECT {is_shadowed("o")} AND :ask AS shadow FROM users AS o WHERE o.id = :user) AS opener
        WHERE opener.shadow OR :ask AND CASE u.may_write WHEN 'everyone' THEN false
              WHEN 'contacts' THEN NOT {are_contacts("u.id", "CAST(:user AS bigint)")} ELSE true END
    ), joined AS (
        INSERT INTO members (conversation_id, user_id, left_seq, left_version)
        SELECT made.id, people.id, CASE WHEN held.user_id = people.id THEN 0 END,
               CASE WHEN held.user_id = people.id THEN 0 END
        FROM made CROSS JOIN people LEFT JOIN held ON true
    ), asked AS (
        INSERT INTO requests (user_id, conversation_id, from_id) SELECT user_id, conversation_id, :user FROM held
    )
    SELECT id, false, 1, (SELECT m.user_id FROM members AS m WHERE m.conversation_id = found.id AND m.left_seq = 0)
    FROM found
    UNION ALL SELECT id, true, 1, (SELECT user_id FROM held) FROM made
    UNION ALL SELECT 0, false, 0, NULL FROM people HAVING count(*) < :expected
""")


# The same in parts, for distributed conversations.
_HELD = HotStatement("SELECT user_id FROM members WHERE conversation_id = :id AND left_seq = 0")
_PEOPLE = HotStatement(f"""
    SELECT u.id, u.may_write, {is_shadowed("u")} FROM users AS u WHERE u.id IN (:low, :high) AND u.deleted_at IS NULL
""")
_ADD = HotStatement("""
    INSERT INTO conversations (id, kind, direct_low, direct_high, member_count, created_by)
    VALUES (:id, 'direct', :low, :high, :expected, :user)
""")
_ADD_MEMBERS = HotStatement("""
    INSERT INTO members (conversation_id, user_id, left_seq, left_version)
    SELECT CAST(:id AS bigint), u, CASE WHEN u = :held THEN 0 END, CASE WHEN u = :held THEN 0 END
    FROM unnest(CAST(:users AS bigint[])) AS pair (u)
""")
_REQUEST = HotStatement("""
    INSERT INTO requests (user_id, conversation_id, from_id) VALUES (:held, :id, :user)
""")


def get_or_create_direct(conn: Connection, user: int, other: int, *, ask: bool = True) -> OpenedDirect | None:
    """Returns the direct conversation of two users, or of one user with themselves. ``user`` opens it.

    If ``other`` does not let ``user`` write to them, a new conversation is held back from them, and a request waits,
    unless ``ask`` is false: then the host has decided.

    Returns None if one of them does not exist or was deleted. Of many callers at once, exactly one creates. Needs no
    transaction.
    """
    low, high = pair_of(user, other)
    values = {"low": low, "high": high, "expected": 1 if low == high else 2, "user": user, "ask": ask}
    if is_distributed(conn):
        return _open_in_parts(conn, values, other)
    for _ in range(3):
        for conversation, created, possible, held in _OPEN_DIRECT.rows(conn, **values):
            return OpenedDirect(conversation, created, held) if possible else None
    raise LookupError("the direct conversation was neither found nor created")


def _open_in_parts(conn: Connection, values: dict[str, Any], other: int) -> OpenedDirect | None:
    """Of two callers at once, the second one waits in ``take_pairs`` for the first one's commit, then finds its row."""
    pair = values["low"], values["high"]
    for _ in range(3):
        if (found := of_pairs(conn, [pair]).get(pair)) is not None:
            held = _HELD.row(conn, id=found)
            return OpenedDirect(found, False, None if held is None else held[0])
        with atomic(conn):
            people = {id_: facts for id_, *facts in _PEOPLE.rows(conn, **values)}
            if len(people) < values["expected"]:
                return None
            id_ = next_id(conn)
            if take_pairs(conn, {pair: id_}):
                return _add(conn, id_, values, _held(conn, values, other, people))
    raise LookupError("the direct conversation was neither found nor created")


def _held(conn: Connection, values: dict[str, Any], other: int, people: dict[int, list[Any]]) -> int | None:
    """Returns ``other`` if a new conversation is held back from them."""
    user = values["user"]
    if other == user or not values["ask"]:
        return None
    may_write, is_shadowed_opener = people[other][0], people[user][1]
    if is_shadowed_opener or may_write not in ("everyone", "contacts"):
        return other
    is_open = may_write == "everyone" or (other, user) in contacts_among(conn, [other], [user])
    return None if is_open else other


def _add(conn: Connection, id_: int, values: dict[str, Any], held: int | None) -> OpenedDirect:
    _ADD.run(conn, id=id_, **values)
    _ADD_MEMBERS.run(conn, id=id_, held=held, users=int_array({values["low"], values["high"]}))
    if held is not None:
        _REQUEST.run(conn, id=id_, held=held, user=values["user"])
    note_members(conn, [id_])
    return OpenedDirect(id_, True, held)
