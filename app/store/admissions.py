"""Who may be added to a group at once, and the requests of those who must agree first.

The requests of direct conversations are here as well; they are made with the conversation (conversations.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, ms_of, structs
from app.store.users import StoredUser, get_users
from app.store.visibility import are_contacts

# A user's requests that wait. Nobody reads more, and strangers cannot fill the table. Requests to write do not count:
# there is one per conversation at most.
MAX_WAITING = 100


class Admission(NamedTuple):
    """``known`` are the users that exist. Those who are neither ``admitted`` nor ``asked`` have blocked the adder."""

    known: list[int]
    admitted: list[int]
    asked: list[int]


class WaitingRequest(Struct, frozen=True):
    conversation_id: int
    from_id: int
    created_ms: int
    kind: Literal["group", "direct"]


# A user has left by themselves if they wrote the message with which their membership ended.
_DECIDE = HotStatement(f"""
    SELECT u.id, EXISTS (SELECT FROM blocks WHERE user_id = u.id AND blocked_id = :adder),
           NOT EXISTS (
               SELECT FROM members AS m
               JOIN messages AS x ON x.conversation_id = m.conversation_id AND x.seq = m.left_seq
               WHERE m.conversation_id = :conversation_id AND m.user_id = u.id AND x.sender_id = u.id)
           AND CASE u.may_add WHEN 'everyone' THEN true
               WHEN 'contacts' THEN {are_contacts("u.id", ":adder")} ELSE false END
    FROM users AS u WHERE u.id = ANY(CAST(:ids AS bigint[])) AND u.deleted_at IS NULL
""")
_ASK = HotStatement(f"""
    INSERT INTO requests (user_id, conversation_id, from_id)
    SELECT u, :conversation_id, :from_id FROM unnest(CAST(:ids AS bigint[])) AS u
    WHERE (SELECT count(*) FROM requests AS r JOIN conversations AS c ON c.id = r.conversation_id AND c.kind = 'group'
           WHERE r.user_id = u AND NOT r.refused) < {MAX_WAITING}
    ON CONFLICT DO NOTHING
""")
_WAITING = HotStatement(f"""
    SELECT r.conversation_id, r.from_id, {ms_of("r.created_at")}, c.kind FROM requests AS r
    JOIN conversations AS c ON c.id = r.conversation_id
    WHERE r.user_id = :user_id AND NOT r.refused AND (:only = 0 OR r.conversation_id = :only)
      AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = r.user_id AND b.blocked_id = r.from_id)
      AND NOT EXISTS (SELECT FROM members AS m WHERE m.conversation_id = r.conversation_id
                      AND m.user_id = r.user_id AND m.left_seq IS NULL)
    ORDER BY r.created_at DESC, r.conversation_id LIMIT {MAX_WAITING}
""")
_REFUSE = HotStatement("""
    UPDATE requests SET refused = true WHERE user_id = :user_id AND conversation_id = :conversation_id
""")
_DELETE = HotStatement("DELETE FROM requests WHERE user_id = :user_id AND conversation_id = :conversation_id")
_DELETE_ALL = HotStatement("DELETE FROM requests WHERE user_id = :user_id OR from_id = :user_id")


def decide(conn: Connection, adder: int, user_ids: Sequence[int], conversation_id: int = 0) -> Admission:
    """Decides for each user whether ``adder`` may add them. ``conversation_id`` is 0 for a new group."""
    rows = _DECIDE.rows(conn, adder=adder, ids=int_array(user_ids), conversation_id=conversation_id)
    found = {user: (blocked, open_) for user, blocked, open_ in rows}
    known = [user for user in user_ids if user in found]
    admitted = [user for user in known if found[user] == (False, True)]
    return Admission(known, admitted, [user for user in known if found[user] == (False, False)])


def ask(conn: Connection, conversation_id: int, from_id: int, user_ids: Sequence[int]) -> None:
    """Adds a request for each user, unless that user has refused one to this group. Safe to repeat."""
    if user_ids:
        _ASK.run(conn, conversation_id=conversation_id, from_id=from_id, ids=int_array(user_ids))


def waiting(conn: Connection, user_id: int, only: int = 0) -> list[WaitingRequest]:
    """Returns the requests that wait for the user's answer, newest first, without those of blocked users. ``only`` is a
    conversation, or 0 for all.
    """
    return structs(WaitingRequest, _WAITING.rows(conn, user_id=user_id, only=only))


def senders(conn: Connection, requests: Sequence[WaitingRequest]) -> dict[int, StoredUser]:
    return get_users(conn, [request.from_id for request in requests])


def refuse(conn: Connection, user_id: int, conversation_id: int) -> bool:
    """Refuses a request for good. Returns False if there is none."""
    return _REFUSE.run(conn, user_id=user_id, conversation_id=conversation_id) > 0


def delete_request(conn: Connection, user_id: int, conversation_id: int) -> None:
    _DELETE.run(conn, user_id=user_id, conversation_id=conversation_id)


def delete_requests(conn: Connection, user_id: int) -> None:
    """Deletes all requests to and from this user."""
    _DELETE_ALL.run(conn, user_id=user_id)
